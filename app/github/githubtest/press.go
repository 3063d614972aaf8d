package githubtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// Buttons of a check run that GitHub itself has. The others are the App's.
const (
	buttonRerun    = ""  // Re-run, beside the check run
	buttonRerunAll = "*" // Re-run all checks, of its suite
)

// press presses a button of a check run as somebody who sees it. The App that made
// the check run hears of it.
func (s *Server) press(repo *repository, check int64, by *Account, button string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := repo.checks[check]
	if k == nil {
		return fmt.Errorf("there is no check run %d", check)
	}
	if s.role(repo, by) == "none" {
		return fmt.Errorf("%s cannot see this repository", by.Login)
	}
	about := obj{"check_run": s.checkJSON(repo, k)}
	switch {
	case button == buttonRerun && k.Status == "completed":
		s.tellOf(k.App, repo, "check_run", "rerequested", by, about)
	case button == buttonRerunAll:
		suite := obj{"id": k.suite, "head_sha": k.HeadSHA, "app": s.appJSON(s.apps[k.App]), "pull_requests": about["check_run"].(obj)["pull_requests"]}
		s.tellOf(k.App, repo, "check_suite", "rerequested", by, obj{"check_suite": suite})
	case slices.ContainsFunc(k.Actions, func(a CheckAction) bool { return a.Identifier == button }):
		about["requested_action"] = obj{"identifier": button}
		s.tellOf(k.App, repo, "check_run", "requested_action", by, about)
	default:
		return fmt.Errorf("the check run has no button %q", button)
	}
	return nil
}

// checkForm serves the buttons of a check run's page.
func (s *Server) checkForm(w http.ResponseWriter, r *http.Request) {
	repo, shown, user, valid := s.formUser(w, r)
	if !valid {
		return
	}
	if err := s.press(repo, pathInt(r, "check"), &user, r.FormValue("button")); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/%s/runs/%d?as=%s", shown.FullName(), pathInt(r, "check"), url.QueryEscape(user.Login)), http.StatusSeeOther)
}
