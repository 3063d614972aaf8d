package apptest

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// issue USER TITLE [BODY|@FILE]
func openIssue(s *stage, args []string) error {
	if err := words(args, 2, 3, "issue USER TITLE [BODY]"); err != nil {
		return err
	}
	body := ""
	if len(args) == 3 {
		body = text(s, args[2])
	}
	return s.GitHub.Ask("POST", "repositories/"+s.Repository+"/issues", map[string]string{"user": args[0], "title": args[1], "body": body}, nil)
}

// comment USER ISSUE TEXT|@FILE
func comment(s *stage, args []string) error {
	if err := words(args, 3, 3, "comment USER ISSUE TEXT|@FILE"); err != nil {
		return err
	}
	issue, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	c, d, err := s.Comment(args[0], issue, text(s, args[2]))
	s.last.comment, s.last.delivery = c.ID, d.GUID
	return err
}

// text is a word of a script, or the content of the file that it names.
func text(s *stage, arg string) string {
	if name, ok := strings.CutPrefix(arg, "@"); ok {
		return strings.TrimRight(s.ts.ReadFile(name), "\n")
	}
	return arg
}

// caused does something as a person, and remembers the delivery that came of it.
func caused(s *stage, login, method, path string, in map[string]string) error {
	in["user"] = login
	d, err := s.Caused(login, func() error { return s.GitHub.Ask(method, "repositories/"+s.Repository+"/"+path, in, nil) })
	s.last.delivery = d.GUID
	return err
}

// edit USER TEXT: the last comment
func edit(s *stage, args []string) error {
	if err := words(args, 2, 2, "edit USER TEXT|@FILE"); err != nil {
		return err
	}
	return caused(s, args[0], "PATCH", fmt.Sprintf("comments/%d", s.last.comment), map[string]string{"body": text(s, args[1])})
}

// label USER ISSUE NAME
func label(s *stage, args []string) error {
	if err := words(args, 3, 3, "label USER ISSUE NAME"); err != nil {
		return err
	}
	return caused(s, args[0], "POST", "issues/"+args[1]+"/labels", map[string]string{"label": args[2]})
}

// assign USER ISSUE LOGIN
func assign(s *stage, args []string) error {
	if err := words(args, 3, 3, "assign USER ISSUE LOGIN"); err != nil {
		return err
	}
	return caused(s, args[0], "POST", "issues/"+args[1]+"/assignees", map[string]string{"assignee": args[2]})
}

// delete USER ISSUE
func deleteIssue(s *stage, args []string) error {
	if err := words(args, 2, 2, "delete USER ISSUE"); err != nil {
		return err
	}
	d, err := s.Caused(args[0], func() error {
		return s.GitHub.Ask("DELETE", "repositories/"+s.Repository+"/issues/"+args[1]+"?user="+args[0], nil, nil)
	})
	s.last.delivery = d.GUID
	return err
}

// transfer USER ISSUE OWNER/NAME
func transfer(s *stage, args []string) error {
	if err := words(args, 3, 3, "transfer USER ISSUE OWNER/NAME"); err != nil {
		return err
	}
	return caused(s, args[0], "POST", "issues/"+args[1]+"/transfer", map[string]string{"to": args[2]})
}

// role USER ROLE
func setRole(s *stage, args []string) error {
	if err := words(args, 2, 2, "role USER ROLE"); err != nil {
		return err
	}
	return s.GitHub.Ask("PUT", "repositories/"+s.Repository+"/roles/"+args[0], map[string]string{"role": args[1]}, nil)
}

// merge USER: the newest pull request
func merge(s *stage, args []string) error {
	if err := words(args, 1, 1, "merge USER"); err != nil {
		return err
	}
	pulls, err := list[githubtest.PullRequest](s.GitHub, s.Repository, "pulls")
	if err != nil || len(pulls) == 0 {
		return errors.Join(err, errors.New("there is no pull request"))
	}
	path := fmt.Sprintf("repositories/%s/pulls/%d/", s.Repository, pulls[len(pulls)-1].Number)
	if err := s.GitHub.Ask("POST", path+"ready", map[string]string{"user": args[0]}, nil); err != nil {
		return err
	}
	return s.GitHub.Ask("POST", path+"merge", map[string]string{"user": args[0]}, nil)
}

// reopen USER ISSUE
func reopen(s *stage, args []string) error {
	if err := words(args, 2, 2, "reopen USER ISSUE"); err != nil {
		return err
	}
	return caused(s, args[0], "PATCH", "issues/"+args[1], map[string]string{"state": "open"})
}

// fork USER TITLE PATH=CONTENT…: a pull request from a fork
func openFromFork(s *stage, args []string) error {
	if err := words(args, 3, 20, "fork USER TITLE PATH=CONTENT…"); err != nil {
		return err
	}
	files := map[string]string{}
	for _, arg := range args[2:] {
		path, content, _ := strings.Cut(arg, "=")
		files[path] = content + "\n"
	}
	return s.GitHub.Ask("POST", "repositories/"+s.Repository+"/pulls/from-fork", map[string]any{"user": args[0], "title": args[1], "files": files}, nil)
}

// pull USER BRANCH TITLE: a person's pull request from a branch of the repository
func openPull(s *stage, args []string) error {
	if err := words(args, 3, 3, "pull USER BRANCH TITLE"); err != nil {
		return err
	}
	return s.GitHub.Ask("POST", "repositories/"+s.Repository+"/pulls", map[string]string{"user": args[0], "branch": args[1], "title": args[2]}, nil)
}

// review USER PULL STATE BODY [PATH:LINE:TEXT…]: a submitted review
func review(s *stage, args []string) error {
	if len(args) == 3 && args[2] == "dismissed" { // the newest approval
		return s.GitHub.Ask("POST", "repositories/"+s.Repository+"/pulls/"+args[1]+"/dismiss", map[string]string{"user": args[0]}, nil)
	}
	if err := words(args, 4, 20, "review USER PULL approved|changes_requested|commented BODY [PATH:LINE:TEXT…]"); err != nil {
		return err
	}
	in := map[string]any{"user": args[0], "state": args[2], "body": args[3]}
	var comments []map[string]any
	for _, arg := range args[4:] {
		parts := strings.SplitN(arg, ":", 3)
		line, err := strconv.Atoi(parts[1])
		if err != nil || len(parts) < 3 {
			return fmt.Errorf("%q is not PATH:LINE:TEXT", arg)
		}
		comments = append(comments, map[string]any{"path": parts[0], "line": line, "body": parts[2]})
	}
	in["comments"] = comments
	all, err := s.Causing(func() error {
		return s.GitHub.Ask("POST", "repositories/"+s.Repository+"/pulls/"+args[1]+"/reviews", in, nil)
	})
	for _, d := range all {
		if d.Event == "pull_request_review" {
			s.last.delivery = d.GUID
		}
	}
	return err
}

// react USER CONTENT: to the App's last comment
func react(s *stage, args []string) error {
	if err := words(args, 2, 2, "react USER CONTENT"); err != nil {
		return err
	}
	all, err := s.BotComments()
	if err != nil || len(all) == 0 {
		return errors.Join(err, errors.New("the App has said nothing"))
	}
	var given struct{ Token string }
	if err := s.GitHub.Ask("POST", "users/"+args[0]+"/tokens", struct{}{}, &given); err != nil {
		return err
	}
	body := strings.NewReader(fmt.Sprintf(`{"content":%q}`, args[1]))
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, fmt.Sprintf("%s/api/v3/repos/%s/issues/comments/%d/reactions", s.GitHub.URL, s.Repository, all[len(all)-1].ID), body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+given.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("the reaction was answered %s", res.Status)
	}
	return nil
}

// press USER BUTTON [older]: of the newest check run, or of the one before it; rerun is GitHub's own, and rerun-all that of its suite
func press(s *stage, args []string) error {
	if err := words(args, 2, 3, "press USER BUTTON [older]"); err != nil {
		return err
	}
	all, err := list[githubtest.CheckRun](s.GitHub, s.Repository, "check-runs")
	if err != nil || len(all) == 0 {
		return errors.Join(err, errors.New("there is no check run"))
	}
	if len(args) == 3 {
		if args[2] != "older" || len(all) < 2 {
			return errors.New("there is no such check run")
		}
		all = all[:len(all)-1]
	}
	button := args[1]
	if own, is := map[string]string{"rerun": "", "rerun-all": "*"}[button]; is {
		button = own
	}
	return caused(s, args[0], "POST", fmt.Sprintf("check-runs/%d/press", all[len(all)-1].ID), map[string]string{"button": button})
}

// ci BRANCH NAME CONCLUSION LOG|@FILE: a job of somebody's CI ends on the head of a branch
func ci(s *stage, args []string) error {
	if err := words(args, 4, 4, "ci BRANCH NAME CONCLUSION LOG|@FILE"); err != nil {
		return err
	}
	in := githubtest.CIResult{Branch: args[0], Name: args[1], Conclusion: args[2], Log: text(s, args[3])}
	if err := s.GitHub.Ask("POST", "repositories/"+s.Repository+"/ci", in, nil); err != nil {
		return err
	}
	var all []githubtest.Delivery
	if err := s.GitHub.Ask("GET", "deliveries?wait=30s", nil, &all); err != nil {
		return err
	}
	for _, d := range all {
		if d.Event == "check_suite" && d.Action == "completed" {
			s.last.delivery = d.GUID
		}
	}
	return nil
}

// take NAME REGEXP: the first group of what was shown last becomes $NAME
func take(s *stage, args []string) error {
	if err := words(args, 2, 2, "take NAME REGEXP"); err != nil {
		return err
	}
	pattern, err := regexp.Compile(args[1])
	if err != nil {
		return err
	}
	m := pattern.FindStringSubmatch(s.ts.ReadFile("stdout"))
	if len(m) < 2 {
		return fmt.Errorf("%s is not in what was shown", args[1])
	}
	s.ts.Setenv(args[0], m[1])
	return nil
}

// commit USER BRANCH PATH=CONTENT|PATH=@FILE…
func commit(s *stage, args []string) error {
	if err := words(args, 3, 20, "commit USER BRANCH PATH=CONTENT|PATH=@FILE…"); err != nil {
		return err
	}
	files := map[string]string{}
	for _, arg := range args[2:] {
		path, content, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(content, "@") {
			content = s.ts.ReadFile(content[1:])
		} else if content != "" {
			content += "\n"
		}
		files[path] = content
	}
	return s.GitHub.Ask("POST", "repositories/"+s.Repository+"/commits",
		map[string]any{"user": args[0], "branch": args[1], "message": "By hand", "files": files}, nil)
}

// rename NAME: the repository; rename USER LOGIN: a person
func rename(s *stage, args []string) error {
	if err := words(args, 1, 2, "rename NAME, or rename USER LOGIN"); err != nil {
		return err
	}
	if len(args) == 2 {
		return s.GitHub.Ask("PATCH", "users/"+args[0], map[string]string{"login": args[1]}, nil)
	}
	if err := s.GitHub.Ask("PATCH", "repositories/"+s.Repository, map[string]string{"name": args[0]}, nil); err != nil {
		return err
	}
	owner, _, _ := strings.Cut(s.Repository, "/")
	s.Repository = owner + "/" + args[0]
	return nil
}

// archive on|off: the repository
func archive(s *stage, args []string) error {
	if err := words(args, 1, 1, "archive on|off"); err != nil {
		return err
	}
	return s.GitHub.Ask("PATCH", "repositories/"+s.Repository, map[string]bool{"archived": args[0] == "on"}, nil)
}

// suspend on|off: the App's installation
func suspend(s *stage, args []string) error {
	if err := words(args, 1, 1, "suspend on|off"); err != nil {
		return err
	}
	if err := s.GitHub.Ask("PATCH", fmt.Sprintf("installations/%d", s.Installed.ID), map[string]bool{"suspended": args[0] == "on"}, nil); err != nil {
		return err
	}
	return s.GitHub.Ask("GET", "deliveries?wait=30s", nil, nil)
}

// rerun: the newest workflow run, by the button
func rerun(s *stage, args []string) error {
	run, err := newestRun(s)
	if err != nil {
		return err
	}
	return s.GitHub.Ask("POST", fmt.Sprintf("runs/%d/rerun", run.ID), nil, nil)
}

func newestRun(s *stage) (githubtest.WorkflowRun, error) {
	runs, err := list[githubtest.WorkflowRun](s.GitHub, s.Repository, "runs")
	if err == nil && len(runs) == 0 {
		err = errors.New("there is no workflow run")
	}
	if err != nil {
		return githubtest.WorkflowRun{}, err
	}
	return runs[len(runs)-1], nil
}

// tell NAME: makes a file for which an agent waits
func tell(s *stage, args []string) error {
	if err := words(args, 1, 1, "tell NAME"); err != nil {
		return err
	}
	return os.WriteFile(s.ts.MkAbs(args[0]), nil, 0o600)
}
