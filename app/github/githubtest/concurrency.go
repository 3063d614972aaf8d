package githubtest

import (
	"maps"
	"slices"
)

// concurrency is a workflow's concurrency group: of the runs in it one is carried
// out, and one waits. A newer one takes the place of the one that waits, unless the
// group queues all of them.
type concurrency struct {
	name           string // empty: none
	cancelRunning  bool   // cancel-in-progress
	queuesEveryone bool   // queue: max
}

// concurrency reads the file's group, which may depend on the run's inputs. Groups
// of jobs are not read.
func (f workflowFile) concurrency(lookup func(string) string) concurrency {
	var name string
	if f.Concurrency.Decode(&name) == nil {
		return concurrency{name: evaluate(name, lookup)}
	}
	var long struct {
		Group  string `yaml:"group"`
		Cancel bool   `yaml:"cancel-in-progress"`
		Queue  string `yaml:"queue"`
	}
	_ = f.Concurrency.Decode(&long)
	return concurrency{name: evaluate(long.Group, lookup), cancelRunning: long.Cancel, queuesEveryone: long.Queue == "max"}
}

// enter gives a new attempt to the runner, or lets it wait for its group. The
// caller holds mu.
func (s *Server) enter(r *run) {
	others := s.inGroup(r)
	if len(others) == 0 {
		s.offer(r)
		return
	}
	r.Status, r.job().Status = "pending", "pending"
	for _, other := range others {
		switch {
		case other.Status == "pending" && !r.group.queuesEveryone:
			other.job().stop(false)
			s.conclude(other, other.job(), "cancelled")
		case other.Status != "pending" && r.group.cancelRunning:
			other.job().stop(false)
			if !other.job().running {
				s.conclude(other, other.job(), "cancelled")
			}
		}
	}
}

// leave lets the oldest run go on that waits for the group of r, which has ended.
// The caller holds mu.
func (s *Server) leave(r *run) {
	others := s.inGroup(r)
	if slices.ContainsFunc(others, func(o *run) bool { return o.Status != "pending" }) || len(others) == 0 {
		return
	}
	next := others[0]
	next.Status, next.job().Status = "queued", "queued"
	s.offer(next)
}

// inGroup lists the other runs in the group of r that have not ended, oldest first.
func (s *Server) inGroup(r *run) (others []*run) {
	for _, id := range slices.Sorted(maps.Keys(s.runs)) {
		o := s.runs[id]
		if r.group.name != "" && o != r && o.repo == r.repo && o.group.name == r.group.name && o.Status != "completed" {
			others = append(others, o)
		}
	}
	return others
}
