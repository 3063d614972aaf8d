package apptest

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// show comment|comments|pull|check|reactions|branches|runs|job|commit BRANCH|file BRANCH PATH|log
//
// It prints, for the commands stdout and ! stdout.
func show(s *stage, args []string) error {
	if err := words(args, 1, 3, "show WHAT [WHICH…]"); err != nil {
		return err
	}
	out := s.ts.Stdout()
	switch what := args[0]; what {
	case "comment":
		all, err := s.BotComments()
		if err != nil || len(all) == 0 {
			return errors.Join(err, errors.New("the App has said nothing"))
		}
		fmt.Fprintln(out, all[len(all)-1].Body)
	case "pull":
		all, err := list[githubtest.PullRequest](s.GitHub, s.Repository, "pulls")
		if err != nil || len(all) == 0 {
			return errors.Join(err, errors.New("there is no pull request"))
		}
		p := all[len(all)-1]
		fmt.Fprintf(out, "#%d %s by %s from %s to %s, draft=%v, %d commits, %d files, reviewers=%s\n%s\n\n%s\n", p.Number, p.State, p.Author.Login, p.Head, p.Base, p.Draft, p.Commits, p.ChangedFiles, strings.Join(p.Reviewers, ","), p.Title, p.Body)
	case "check":
		all, err := list[githubtest.CheckRun](s.GitHub, s.Repository, "check-runs")
		if err != nil || len(all) == 0 {
			return errors.Join(err, errors.New("there is no check run"))
		}
		c := all[len(all)-1]
		fmt.Fprintf(out, "%s %s %s\n%s\n\n%s\n", c.Name, c.Status, c.Conclusion, c.Title, c.Summary)
		for _, button := range c.Actions {
			fmt.Fprintf(out, "[%s] %s\n", button.Identifier, button.Description)
		}
		for _, n := range c.Annotations {
			fmt.Fprintf(out, "%s:%d: %s: %s: %s\n", n.Path, n.StartLine, n.Level, n.Title, n.Message)
		}
	case "job":
		run, err := newestRun(s)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, s.JobLog(run.ID))
	case "commit":
		if err := words(args, 2, 2, "show commit BRANCH"); err != nil {
			return err
		}
		dirs, err := filepath.Glob(filepath.Join(s.GitHub.Dir, "git", "*.git"))
		if err != nil || len(dirs) == 0 {
			return errors.Join(err, errors.New("there is no repository"))
		}
		said, err := exec.CommandContext(s.ctx, "git", "--git-dir", dirs[0], "-c", "safe.directory=*", "log", "-1", "--format=fuller", "--name-status", args[1], "--").CombinedOutput()
		fmt.Fprintf(out, "%s", said)
		return err
	case "file":
		if err := words(args, 3, 3, "show file BRANCH PATH"); err != nil {
			return err
		}
		var file struct {
			Content string `json:"content"`
		}
		err := s.GitHub.Ask("GET", "repositories/"+s.Repository+"/file?ref="+args[1]+"&path="+args[2], nil, &file)
		fmt.Fprint(out, file.Content)
		return err
	case "log":
		fmt.Fprint(out, s.Server.Log())
	default:
		lines, err := s.counted(what, args[1:])
		for _, line := range lines {
			fmt.Fprintln(out, line)
		}
		return err
	}
	return nil
}
