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

// WorkflowRun is a workflow run.
type WorkflowRun struct {
	ID         int64             `json:"id"`
	Repository string            `json:"repository"`
	Workflow   int64             `json:"workflow"`
	Path       string            `json:"path"`
	Name       string            `json:"name"`  // the workflow's
	Title      string            `json:"title"` // the evaluated run-name
	Number     int               `json:"number"`
	Attempt    int               `json:"attempt"`
	Event      string            `json:"event"`
	Ref        string            `json:"ref"` // full
	Branch     string            `json:"branch"`
	SHA        string            `json:"sha"`
	Inputs     map[string]string `json:"inputs"`
	Actor      Account           `json:"actor"`
	Status     string            `json:"status"`
	Conclusion string            `json:"conclusion,omitempty"`
	Job        int64             `json:"job"` // of the latest attempt
	CreatedAt  time.Time         `json:"created_at"`
	StartedAt  time.Time         `json:"started_at,omitzero"`
	UpdatedAt  time.Time         `json:"updated_at"`
	URL        string            `json:"url"`
}

type run struct {
	WorkflowRun
	repo   *repository
	file   workflowFile
	called *calledWorkflow
	head   commitInfo
	jobs   []*job // one per attempt
}

// calledWorkflow is the reusable workflow that the run's job calls.
type calledWorkflow struct {
	ref, sha string // as the OIDC claims name it
	idToken  bool
	job      workflowJob
}

func (r *run) job() *job { return r.jobs[len(r.jobs)-1] }

// WorkflowRuns returns the runs of a repository, oldest first.
func (s *Server) WorkflowRuns(repo Repository) []WorkflowRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []WorkflowRun
	for _, id := range slices.Sorted(maps.Keys(s.runs)) {
		if r := s.runs[id]; r.repo.ID == repo.ID {
			out = append(out, r.WorkflowRun)
		}
	}
	return out
}

// newRun makes a queued run and hands its job to the runner.
func (s *Server) newRun(repo *repository, w *Workflow, file workflowFile, ref, sha string, inputs map[string]string, who actor) (WorkflowRun, error) {
	head, err := s.readCommit(repo.dir, sha)
	if err != nil {
		return WorkflowRun{}, err
	}
	full := "refs/heads/" + strings.TrimPrefix(ref, "refs/heads/")
	if refs, _ := s.git.refs(repo.dir, full); refs[full] == "" {
		full = "refs/tags/" + strings.TrimPrefix(ref, "refs/tags/")
	}
	called := s.resolveCalled(repo, sha, file.job().Uses)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.runs++
	now := s.now()
	r := &run{repo: repo, file: file, head: head, called: called, WorkflowRun: WorkflowRun{
		ID: s.newID("run"), Repository: repo.FullName(), Workflow: w.ID, Path: w.Path, Name: w.Name, Number: w.runs, Event: "workflow_dispatch",
		Ref: full, Branch: strings.TrimPrefix(strings.TrimPrefix(full, "refs/heads/"), "refs/tags/"), SHA: sha, Inputs: inputs, Actor: *who.user,
		Status: "queued", CreatedAt: now, UpdatedAt: now}}
	r.URL = s.addr(repo.FullName(), "actions/runs", r.ID)
	s.runs[r.ID] = r
	s.newAttempt(r)
	r.Title = w.Name
	if file.RunName != "" {
		r.Title = strings.TrimSpace(evaluate(file.RunName, r.lookup))
	}
	s.tellRun(r, "requested")
	s.tellJob(r, "queued")
	s.changed()
	s.offer(r)
	return r.WorkflowRun, nil
}

// resolveCalled reads the reusable workflow that a job uses. One in a repository
// that the simulator doesn't have is believed to exist, with a made-up commit.
func (s *Server) resolveCalled(repo *repository, sha, uses string) *calledWorkflow {
	if uses == "" {
		return nil
	}
	if path, local := strings.CutPrefix(uses, "./"); local {
		c := &calledWorkflow{ref: repo.FullName() + "/" + path + "@" + sha, sha: sha, idToken: true}
		c.read(s, repo, sha, path)
		return c
	}
	target, ref, _ := strings.Cut(uses, "@")
	c := &calledWorkflow{ref: uses, sha: digest([]byte(uses))[:40], idToken: true}
	parts := strings.SplitN(target, "/", 3)
	if len(parts) != 3 {
		return c
	}
	s.mu.Lock()
	other, err := s.repository(parts[0] + "/" + parts[1])
	s.mu.Unlock()
	if err != nil {
		return c
	}
	if at := s.git.commit(other.dir, ref); at != "" {
		c.sha = at
		full := ref
		if refs, _ := s.git.refs(other.dir, "refs/heads/"+ref, "refs/tags/"+ref); refs["refs/heads/"+ref] != "" {
			full = "refs/heads/" + ref
		} else if refs["refs/tags/"+ref] != "" {
			full = "refs/tags/" + ref
		}
		c.ref = target + "@" + full
		c.read(s, other, at, parts[2])
	}
	return c
}

func (c *calledWorkflow) read(s *Server, repo *repository, sha, path string) {
	if content, there := s.readFile(repo, sha, path); there {
		if f, err := parseWorkflow(content); err == nil {
			c.job = f.job()
			// It can only have less than its caller; without a word it has the same.
			c.idToken = f.Permissions.IsZero() && c.job.Permissions.IsZero() || mayGetIDToken(f.Permissions, c.job.Permissions)
		}
	}
}

// newAttempt queues a job for the run. The caller holds mu.
func (s *Server) newAttempt(r *run) {
	j := &job{ID: s.newID("job"), Attempt: r.Attempt + 1, Status: "queued", CreatedAt: s.now(), cancel: make(chan struct{}), force: make(chan struct{}),
		requestToken: newGUID() + newGUID()}
	r.jobs = append(r.jobs, j)
	r.Attempt, r.Job, r.Status, r.Conclusion = j.Attempt, j.ID, "queued", ""
}

// Rerun runs a completed run again, as the next attempt, as the user would by the
// button "Re-run all jobs".
func (s *Server) Rerun(runID int64) WorkflowRun { return must(s.rerun(runID)) }

func (s *Server) rerun(id int64) (WorkflowRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[id]
	if r == nil {
		return WorkflowRun{}, notFound("workflow run %d", id)
	}
	if r.Status != "completed" {
		return r.WorkflowRun, fmt.Errorf("workflow run %d is %s: only a completed one can be re-run", id, r.Status)
	}
	s.newAttempt(r)
	r.UpdatedAt = s.now()
	s.tellRun(r, "requested")
	s.changed()
	s.offer(r)
	return r.WorkflowRun, nil
}

// CancelRun cancels a run as the button does: the job gets its signals and has the
// time of [Options.CancelGrace] to end.
func (s *Server) CancelRun(runID int64) { must(runID, s.cancelRun(runID, false)) }

// ForceCancelRun kills the job of a run at once.
func (s *Server) ForceCancelRun(runID int64) { must(runID, s.cancelRun(runID, true)) }

func (s *Server) cancelRun(id int64, force bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[id]
	if r == nil {
		return notFound("workflow run %d", id)
	}
	if r.Status == "completed" {
		return fmt.Errorf("cannot cancel a workflow run that is completed")
	}
	j := r.job()
	j.stop(force)
	if j.Status == "queued" || !j.running {
		s.conclude(r, j, "cancelled")
	}
	return nil
}

// begin marks a run as being carried out. The caller holds mu.
func (s *Server) begin(r *run, j *job) {
	now := s.now()
	j.Status, j.StartedAt = "in_progress", now
	r.Status, r.StartedAt, r.UpdatedAt = "in_progress", now, now
	s.tellRun(r, "in_progress")
	s.tellJob(r, "in_progress")
	s.changed()
}

// conclude completes a run, once. The caller holds mu.
func (s *Server) conclude(r *run, j *job, conclusion string) {
	if j.Status == "completed" {
		return
	}
	now := s.now()
	j.Status, j.Conclusion, j.CompletedAt = "completed", conclusion, now
	r.Status, r.Conclusion, r.UpdatedAt = "completed", conclusion, now
	s.tellJob(r, "completed")
	s.tellRun(r, "completed")
	s.changed()
}

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

func (s *Server) cancelRunREST(c *call) answer      { return s.cancelAnswer(c, false) }
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
	r, j, refused := s.jobOf(c)
	if refused != nil {
		return *refused
	}
	return answer{status: http.StatusFound, header: map[string]string{"Location": fmt.Sprintf("%s/job/%d/log", r.URL, j.ID)}}
}
