package githubtest

import (
	"fmt"
	"net/http"
)

// CIResult is how a job of somebody's continuous integration ended on the head of a
// branch.
type CIResult struct {
	Branch     string `json:"branch"`
	Name       string `json:"name"`
	Conclusion string `json:"conclusion"`
	Log        string `json:"log"`
}

// ci lets a job of GitHub Actions have ended: its check run, with the log behind it, and
// the events of the check run and of its suite.
func (s *Server) ci(repoID int64, in CIResult) (CheckRun, error) {
	app, err := s.actions()
	if err != nil {
		return CheckRun{}, err
	}
	s.mu.Lock()
	repo := s.repos[repoID]
	s.mu.Unlock()
	if repo == nil {
		return CheckRun{}, notFound("repository %d", repoID)
	}
	head := s.git.commit(repo.dir, in.Branch)
	if head == "" {
		return CheckRun{}, notFound("branch %s", in.Branch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	k := &CheckRun{ID: s.newID("check"), Repository: repo.FullName(), App: app.ID, Name: in.Name, HeadSHA: head, Status: "completed",
		Conclusion: in.Conclusion, StartedAt: now, CompletedAt: now, suite: s.newID("suite"), log: in.Log}
	k.URL = s.addr(repo.FullName(), "runs", k.ID)
	repo.checks[k.ID] = k
	by := &repo.Owner
	for _, p := range repo.pulls {
		if p.HeadSHA == head {
			by = s.accounts[p.Author.ID] // whose push it was, as far as is known here
		}
	}
	shown := s.checkJSON(repo, k)
	s.tell(repo, "check_run", "completed", by, obj{"check_run": shown})
	s.tell(repo, "check_suite", "completed", by, obj{"check_suite": obj{"id": k.suite, "head_sha": head, "head_branch": in.Branch, "status": "completed",
		"conclusion": in.Conclusion, "app": s.appJSON(s.apps[k.App]), "pull_requests": shown["pull_requests"]}})
	s.changed()
	return *k, nil
}

// checkLog serves the log behind a check run, to whoever has its address.
func (s *Server) checkLog(w http.ResponseWriter, r *http.Request) {
	repo, _ := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	s.mu.Lock()
	text := ""
	if k := repo.checks[pathInt(r, "check")]; k != nil {
		text = k.log
	}
	s.mu.Unlock()
	plainText(w, []byte(text))
}

// logOf is the address of the log behind a check run of a job that is no [run].
func (s *Server) logOf(c *call) (string, bool) {
	k := c.repo.checks[c.number("job_id")]
	if k == nil || s.apps[k.App].Slug != actionsApp {
		return "", false
	}
	return fmt.Sprintf("%s/log", k.URL), true
}
