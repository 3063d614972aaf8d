package githubtest

import (
	"fmt"
	"maps"
	"slices"
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
	group  concurrency
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
	r.group = file.concurrency(r.lookup)
	s.tellRun(r, "requested")
	s.tellJob(r, "queued")
	s.enter(r)
	s.changed()
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
	s.enter(r)
	s.changed()
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
	s.leave(r)
	s.changed()
}
