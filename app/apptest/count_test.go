package apptest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

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
	case "calls":
		for _, r := range s.model.Requests() {
			if r.Method == http.MethodPost {
				add(r.Model, "%s %s for %s: %d", r.Method, r.Path, r.Model, r.Status)
			}
		}
		return lines, nil
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
	case "review_comments":
		all, err := list[githubtest.ReviewComment](s.GitHub, s.Repository, "review-comments")
		for _, c := range all {
			key := c.Author.Login
			if c.Resolved {
				key = "resolved"
			}
			add(key, "%s on %s:%d, resolved=%v: %.200q", c.Author.Login, c.Path, c.Line, c.Resolved, c.Body)
		}
		return lines, err
	case "check_runs":
		all, err := list[githubtest.CheckRun](s.GitHub, s.Repository, "check-runs")
		for _, c := range all {
			add(cmp.Or(c.Conclusion, c.Status), "%s %s %s at %s: %s", c.Name, c.Status, c.Conclusion, c.HeadSHA, c.Title)
		}
		return lines, err
	case "annotations":
		all, err := list[githubtest.CheckRun](s.GitHub, s.Repository, "check-runs")
		for _, c := range all {
			for _, n := range c.Annotations {
				add(n.Path, "%s:%d: %s", n.Path, n.StartLine, n.Message)
			}
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

// paced SPAN: between two writes of the same comment of the App's lies at least a time
func paced(s *stage, args []string) error {
	if err := words(args, 1, 1, "paced SPAN"); err != nil {
		return err
	}
	span, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	comments, err := s.BotComments()
	if err != nil {
		return err
	}
	edits := 0
	for _, c := range comments {
		all, err := s.GitHub.Requests("PATCH", fmt.Sprintf("/repos/*/*/issues/comments/%d", c.ID))
		if err != nil {
			return err
		}
		last := c.CreatedAt
		for _, e := range all {
			edits++
			if gap := e.Time.Sub(last); gap < span {
				return fmt.Errorf("comment %d was written %s after the last time (request %d)", c.ID, gap, e.N)
			}
			last = e.Time
		}
	}
	if edits == 0 {
		return errors.New("no comment was edited at all")
	}
	return nil
}
