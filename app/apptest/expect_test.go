package apptest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// await task N STATE | file NAME | run CONCLUSION | log TEXT | fault | comments N | runs N
func await(s *stage, args []string) error {
	if err := words(args, 1, 4, "await task N STATE | file NAME | run CONCLUSION | log TEXT | fault | comments N | runs N"); err != nil {
		return err
	}
	switch what := args[0]; {
	case what == "task" && (len(args) == 3 || len(args) == 4):
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		if len(args) == 3 {
			return s.AwaitTask(s.ctx, n, anvil.State(args[2]))
		}
		return Await(s.ctx, func() error {
			t, err := s.Task(s.ctx, n)
			if err == nil && (string(t.State) != args[2] || fmt.Sprintf("attempt=%d", t.Attempt) != args[3]) {
				err = fmt.Errorf("task %d is %s, attempt=%d", n, t.State, t.Attempt)
			}
			return err
		})
	case what == "file" && len(args) == 2:
		return Await(s.ctx, func() error {
			_, err := os.Stat(s.ts.MkAbs(args[1]))
			return err
		})
	case what == "run" && len(args) == 2:
		return Await(s.ctx, func() error {
			run, err := newestRun(s)
			if err == nil && run.Status+run.Conclusion != "completed"+args[1] && run.Status != args[1] {
				err = fmt.Errorf("workflow run %d is %s %s", run.ID, run.Status, run.Conclusion)
			}
			return err
		})
	case what == "attempt" && len(args) == 2:
		return Await(s.ctx, func() error {
			run, err := newestRun(s)
			if err == nil && (run.Status != "completed" || strconv.Itoa(run.Attempt) != args[1]) {
				err = fmt.Errorf("workflow run %d is %s, attempt %d", run.ID, run.Status, run.Attempt)
			}
			return err
		})
	case what == "log" && len(args) == 2:
		return Await(s.ctx, func() error {
			if !strings.Contains(s.Server.Log(), args[1]) {
				return fmt.Errorf("the server's log has no %q", args[1])
			}
			return nil
		})
	case what == "fault" && len(args) == 1:
		return s.GitHub.Ask("GET", fmt.Sprintf("faults/%d?wait=60s", s.last.fault), nil, nil)
	case len(args) >= 2:
		return Await(s.ctx, func() error { return count(s, args) })
	}
	return errors.New("there is nothing of that kind to wait for")
}

// count WHAT [WHICH] N
func count(s *stage, args []string) error {
	if err := words(args, 2, 4, "count WHAT [WHICH…] N"); err != nil {
		return err
	}
	want, err := strconv.Atoi(args[len(args)-1])
	if err != nil {
		return err
	}
	got, err := s.counted(args[0], args[1:len(args)-1])
	if err != nil {
		return err
	}
	if len(got) != want {
		return fmt.Errorf("%d %s, not %d:\n%s", len(got), strings.Join(args[:len(args)-1], " "), want, strings.Join(got, "\n"))
	}
	return nil
}

// counted lists what GitHub has, or was asked for, of a kind: one line for each.
func (s *stage) counted(what string, which []string) ([]string, error) {
	pattern := ""
	if len(which) > 0 {
		pattern = which[0]
	}
	var lines []string
	add := func(key, format string, args ...any) {
		if ok, err := path.Match(pattern, key); pattern == "" || key == pattern || err == nil && ok {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	switch what {
	case "tasks":
		all, err := s.Record.Tasks(s.ctx)
		for _, t := range all {
			add(string(t.State), "%s %s", t.ID, t.State)
		}
		return lines, err
	case "issues":
		all, err := list[githubtest.Issue](s.GitHub, s.Repository, "issues")
		for _, i := range all {
			if !i.PullRequest {
				add(i.State, "#%d %s: %s", i.Number, i.State, i.Title)
			}
		}
		return lines, err
	case "pull_requests":
		all, err := list[githubtest.PullRequest](s.GitHub, s.Repository, "pulls")
		for _, p := range all {
			add(p.Head, "#%d %s -> %s", p.Number, p.Head, p.Base)
		}
		return lines, err
	case "comments":
		all, err := s.Comments()
		for _, c := range all {
			add(c.Author.Login, "%s: %.200q", c.Author.Login, c.Body)
		}
		return lines, err
	case "check_runs":
		all, err := list[githubtest.CheckRun](s.GitHub, s.Repository, "check-runs")
		for _, c := range all {
			add(c.Conclusion, "%s %s %s at %s", c.Name, c.Status, c.Conclusion, c.HeadSHA)
		}
		return lines, err
	case "reactions":
		all, err := list[githubtest.Reaction](s.GitHub, s.Repository, "reactions")
		for _, r := range all {
			add(r.Content, "%s by %s on %d", r.Content, r.User.Login, r.Comment)
		}
		return lines, err
	case "runs":
		all, err := list[githubtest.WorkflowRun](s.GitHub, s.Repository, "runs")
		for _, r := range all {
			add(r.Conclusion, "%d %s: %s %s", r.ID, r.Title, r.Status, r.Conclusion)
		}
		return lines, err
	case "pushes":
		all, err := list[githubtest.Push](s.GitHub, s.Repository, "pushes")
		for _, p := range all {
			if p.Actor != "" {
				add(strings.TrimPrefix(p.Ref, "refs/heads/"), "%s %s -> %s by %s", p.Ref, p.Old, p.New, p.Actor)
			}
		}
		return lines, err
	case "branches":
		var refs map[string]string
		err := s.GitHub.Ask("GET", "repositories/"+s.Repository+"/refs", nil, &refs)
		for ref, sha := range refs {
			if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
				add(name, "%s at %s", name, sha)
			}
		}
		return lines, err
	case "dispatches":
		which = []string{"POST", "/repos/*/*/actions/workflows/*/dispatches"}
	case "requests":
	default:
		return nil, fmt.Errorf("%s are not counted", what)
	}
	if len(which) != 2 {
		return nil, errors.New("usage: count requests METHOD PATH N")
	}
	all, err := s.GitHub.Requests(which[0], which[1])
	for _, e := range all {
		if what == "requests" || e.Status/100 == 2 {
			lines = append(lines, fmt.Sprintf("%d: %s %s by %s: %d", e.N, e.Method, e.Path, e.Actor, e.Status))
		}
	}
	return lines, err
}

// decided DECISION [CODE]: the delivery of what was done last
func decided(s *stage, args []string) error {
	if err := words(args, 1, 2, "decided DECISION [CODE]"); err != nil {
		return err
	}
	if s.last.delivery == "" {
		return errors.New("the App was not told of what was done last")
	}
	decision, reason, err := s.AwaitRuling(s.ctx, s.last.delivery)
	if err != nil {
		return err
	}
	if string(decision) != args[0] || len(args) == 2 && !strings.HasPrefix(reason, args[1]+":") {
		return fmt.Errorf("delivery %s was %s: %s", s.last.delivery, decision, reason)
	}
	return nil
}

// problem N CODE: why a task ended, or is held
func problem(s *stage, args []string) error {
	if err := words(args, 2, 2, "problem N CODE"); err != nil {
		return err
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	t, err := s.Task(s.ctx, n)
	if err != nil {
		return err
	}
	if t.Problem == nil || string(t.Problem.Code) != args[1] {
		return fmt.Errorf("task %d is %s%s", n, t.State, because(t.Problem))
	}
	return nil
}

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
		fmt.Fprintf(out, "#%d %s by %s from %s to %s, draft=%v, %d commits, %d files\n%s\n\n%s\n", p.Number, p.State, p.Author.Login, p.Head, p.Base, p.Draft, p.Commits, p.ChangedFiles, p.Title, p.Body)
	case "check":
		all, err := list[githubtest.CheckRun](s.GitHub, s.Repository, "check-runs")
		if err != nil || len(all) == 0 {
			return errors.Join(err, errors.New("there is no check run"))
		}
		c := all[len(all)-1]
		fmt.Fprintf(out, "%s %s %s\n%s\n\n%s\n", c.Name, c.Status, c.Conclusion, c.Title, c.Summary)
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
