package githubtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) runOf(c *call) (*run, *answer) {
	if r := s.runs[c.number("run_id")]; r != nil && r.repo == c.repo {
		return r, nil
	}
	a := fail(404, "Not Found")
	return nil, &a
}

func (s *Server) getRun(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, refused := s.runOf(c)
	if refused != nil {
		return *refused
	}
	return ok(s.runJSON(r))
}

func (s *Server) listRuns(c *call) answer {
	q := c.r.URL.Query()
	var only *Workflow
	if name := c.r.PathValue("workflow_id"); name != "" {
		w, found := s.findWorkflow(c.repo, name)
		if !found {
			return fail(404, "Not Found")
		}
		only = w
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []obj{}
	ids := slices.Sorted(maps.Keys(s.runs))
	slices.Reverse(ids)
	for _, id := range ids {
		r := s.runs[id]
		is := func(param, value string) bool { return q.Get(param) == "" || q.Get(param) == value }
		if r.repo == c.repo && (only == nil || r.Workflow == only.ID) && is("event", r.Event) && is("branch", r.Branch) && is("head_sha", r.SHA) &&
			(is("status", r.Status) || is("status", r.Conclusion)) && is("actor", r.Actor.Login) && within(q.Get("created"), r.CreatedAt) {
			list = append(list, s.runJSON(r))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, header: link, body: obj{"total_count": len(list), "workflow_runs": cut}}
}

// within tells whether a time is in a range as GitHub's search writes it: >=A, >A,
// <=B, <B, A..B with * for open, or a day.
func within(text string, t time.Time) bool {
	parse := func(s string) (time.Time, bool) {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
			if p, err := time.Parse(layout, s); err == nil {
				return p, true
			}
		}
		return time.Time{}, false
	}
	t = t.Truncate(time.Second)
	if text == "" {
		return true
	}
	if from, to, is := strings.Cut(text, ".."); is {
		a, hasA := parse(from)
		b, hasB := parse(to)
		return (!hasA || !t.Before(a)) && (!hasB || !t.After(b))
	}
	for _, op := range []string{">=", "<=", ">", "<"} {
		if rest, is := strings.CutPrefix(text, op); is {
			limit, valid := parse(rest)
			if !valid {
				return false
			}
			switch op {
			case ">=":
				return !t.Before(limit)
			case "<=":
				return !t.After(limit)
			case ">":
				return t.After(limit)
			}
			return t.Before(limit)
		}
	}
	day, valid := parse(text)
	if !valid {
		return false
	}
	if len(text) == len("2006-01-02") {
		return !t.Before(day) && t.Before(day.AddDate(0, 0, 1))
	}
	return t.Equal(day)
}

func (s *Server) cancelRunREST(c *call) answer { return s.cancelAnswer(c, false) }

func (s *Server) forceCancelRunREST(c *call) answer { return s.cancelAnswer(c, true) }

func (s *Server) cancelAnswer(c *call, force bool) answer {
	s.mu.Lock()
	r, refused := s.runOf(c)
	s.mu.Unlock()
	if refused != nil {
		return *refused
	}
	if err := s.cancelRun(r.ID, force); err != nil {
		return fail(http.StatusConflict, "Cannot cancel a workflow run that is completed.")
	}
	return answer{status: http.StatusAccepted, body: obj{}}
}

func (s *Server) runJSON(r *run) obj {
	url, html := s.api("repos", r.repo.FullName(), "actions/runs", r.ID), r.URL
	actor := s.accountJSON(s.accounts[r.Actor.ID])
	suite := 41_000_000_000 + r.ID%1_000_000_000
	started := r.StartedAt
	if started.IsZero() {
		started = r.CreatedAt
	}
	return obj{
		"id": r.ID, "name": r.Name, "node_id": nodeID("workflow-run", r.ID), "head_branch": r.Branch, "head_sha": r.SHA, "path": r.Path,
		"display_title": r.Title, "run_number": r.Number, "run_attempt": r.Attempt, "event": r.Event, "status": r.Status,
		"conclusion": textOrNull(r.Conclusion), "workflow_id": r.Workflow, "check_suite_id": suite, "check_suite_node_id": nodeID("check-suite", suite),
		"url": url, "html_url": html, "pull_requests": []obj{}, "created_at": at(r.CreatedAt), "updated_at": at(r.UpdatedAt), "actor": actor,
		"triggering_actor": actor, "run_started_at": at(started), "jobs_url": url + "/jobs", "logs_url": url + "/logs",
		"check_suite_url": s.api("repos", r.repo.FullName(), "check-suites", suite), "artifacts_url": url + "/artifacts", "cancel_url": url + "/cancel",
		"rerun_url": url + "/rerun", "previous_attempt_url": nil, "workflow_url": s.api("repos", r.repo.FullName(), "actions/workflows", r.Workflow),
		"head_commit": obj{"id": r.head.sha, "tree_id": r.head.tree, "message": r.head.message, "timestamp": r.head.cdate,
			"author": obj{"name": r.head.author, "email": r.head.email}, "committer": obj{"name": r.head.committer, "email": r.head.cemail}},
		"repository": s.repositoryJSON(r.repo), "head_repository": s.repositoryJSON(r.repo), "referenced_workflows": r.referenced(),
	}
}

func (r *run) referenced() []obj {
	if r.called == nil {
		return []obj{}
	}
	path, ref, _ := strings.Cut(r.called.ref, "@")
	return []obj{{"path": path + "@" + ref, "sha": r.called.sha, "ref": ref}}
}

func (s *Server) jobJSON(r *run, j *job) obj {
	url := s.api("repos", r.repo.FullName(), "actions/jobs", j.ID)
	started := j.StartedAt
	if started.IsZero() {
		started = j.CreatedAt
	}
	o := obj{
		"id": j.ID, "run_id": r.ID, "run_url": s.api("repos", r.repo.FullName(), "actions/runs", r.ID), "node_id": nodeID("job", j.ID),
		"head_sha": r.SHA, "head_branch": r.Branch, "url": url, "html_url": r.URL + "/job/" + strconv.FormatInt(j.ID, 10), "status": j.Status,
		"conclusion": textOrNull(j.Conclusion), "created_at": at(j.CreatedAt), "started_at": at(started), "completed_at": atOrNull(j.CompletedAt),
		"name": r.file.job().Name, "check_run_url": s.api("repos", r.repo.FullName(), "check-runs", j.ID), "labels": r.file.job().labels(),
		"runner_id": nil, "runner_name": nil, "runner_group_id": nil, "runner_group_name": nil, "run_attempt": j.Attempt,
		"workflow_name": r.Name, "steps": []obj{},
	}
	if j.Status != "queued" {
		o["runner_id"], o["runner_name"], o["runner_group_id"], o["runner_group_name"] = 1, runnerName, 1, "Default"
	}
	return o
}

func (s *Server) listJobs(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, refused := s.runOf(c)
	if refused != nil {
		return *refused
	}
	list := []obj{}
	for _, j := range r.jobs {
		if c.r.URL.Query().Get("filter") == "all" || j == r.job() {
			list = append(list, s.jobJSON(r, j))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, header: link, body: obj{"total_count": len(list), "jobs": cut}}
}

func (s *Server) jobOf(c *call) (*run, *job, *answer) {
	for _, r := range s.runs {
		for _, j := range r.jobs {
			if j.ID == c.number("job_id") && r.repo == c.repo {
				return r, j, nil
			}
		}
	}
	a := fail(404, "Not Found")
	return nil, nil, &a
}

func (s *Server) getJob(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, j, refused := s.jobOf(c)
	if refused != nil {
		return *refused
	}
	return ok(s.jobJSON(r, j))
}

// getJobLog sends on to a place that needs no credentials, as GitHub does.
func (s *Server) getJobLog(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place, of := s.logOf(c); of {
		return answer{status: http.StatusFound, header: map[string]string{"Location": place}}
	}
	r, j, refused := s.jobOf(c)
	if refused != nil {
		return *refused
	}
	return answer{status: http.StatusFound, header: map[string]string{"Location": fmt.Sprintf("%s/job/%d/log", r.URL, j.ID)}}
}
