package githubtest

import (
	"fmt"
	"slices"
)

// HoldRunners lets new jobs wait in "queued", as if no runner were online; with
// false, those that wait begin.
func (s *Server) HoldRunners(hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runnersHeld = hold
	if !hold {
		for _, r := range s.runs {
			if r.Status == "queued" {
				s.offer(r)
			}
		}
	}
}

// offer gives a queued run's job to the runner, if there is one. The caller holds mu.
func (s *Server) offer(r *run) {
	j := r.job()
	if len(s.opts.Runner.Command) == 0 || s.runnersHeld || s.ctx.Err() != nil || j.running {
		return
	}
	j.running = true
	s.work.Go(func() { s.carryOut(r, j) })
}

// Job is what a job that was begun by hand needs.
type Job struct {
	ID        int64    `json:"id"`
	Run       int64    `json:"run"`
	Attempt   int      `json:"attempt"`
	Workspace string   `json:"workspace"`
	Env       []string `json:"env"` // all that a step would see
}

// BeginJob begins the queued job of a run by hand and returns its environment. It
// ends with [Server.CompleteJob].
func (s *Server) BeginJob(runID int64) Job { return must(s.beginJob(runID)) }

func (s *Server) beginJob(runID int64) (Job, error) {
	s.mu.Lock()
	r := s.runs[runID]
	if r == nil {
		s.mu.Unlock()
		return Job{}, notFound("workflow run %d", runID)
	}
	j := r.job()
	if j.Status != "queued" || j.running {
		s.mu.Unlock()
		return Job{}, fmt.Errorf("workflow run %d is %s", runID, r.Status)
	}
	s.mu.Unlock()
	env, err := s.prepare(r, j)
	if err != nil {
		return Job{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(r, j)
	return Job{ID: j.ID, Run: r.ID, Attempt: j.Attempt, Workspace: j.workspace(r), Env: env}, nil
}

// CompleteJob ends a job that was begun by hand, or one that still waits.
func (s *Server) CompleteJob(runID int64, conclusion string) {
	must(runID, s.completeJob(runID, conclusion))
}

func (s *Server) completeJob(runID int64, conclusion string) error {
	if !slices.Contains(checkConclusions, conclusion) && conclusion != "startup_failure" {
		return fmt.Errorf("there is no conclusion %q", conclusion)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[runID]
	if r == nil {
		return notFound("workflow run %d", runID)
	}
	if r.job().running {
		return fmt.Errorf("workflow run %d is carried out by the runner", runID)
	}
	s.conclude(r, r.job(), conclusion)
	return nil
}
