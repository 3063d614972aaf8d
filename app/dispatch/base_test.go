package dispatch

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// history is a repository whose branches have some commits.
type history struct {
	Contents
	commits []string
	err     error
}

func (h history) Contains(_ context.Context, _ anvil.Repository, tip, sha string) (bool, error) {
	if tip != now {
		return false, errors.New("asked of another tip")
	}
	return strings.Contains(strings.Join(h.commits, " "), sha), h.err
}

const (
	now    = "2222222222222222222222222222222222222222"
	before = "1111111111111111111111111111111111111111"
)

// A later attempt begins where the earlier one did, unless that commit was taken out
// of the branch: what people removed must not come back with the change.
func TestAnotherAttemptBeginsAtTheSameBase(t *testing.T) {
	t.Parallel()
	ended := anvil.Run{State: anvil.Lost, BaseRef: "main", BaseCommit: before, Lease: anvil.Lease{Epoch: 1}}
	elsewhere, never := ended, ended
	elsewhere.BaseRef, never.Lease.Epoch = "dev", 0
	for name, test := range map[string]struct {
		run    anvil.Run
		hub    history
		thread anvil.Session
		want   string
		fails  bool
	}{
		"the branch moved on":        {run: ended, hub: history{commits: []string{before, now}}, want: before},
		"the commit was taken out":   {run: ended, hub: history{commits: []string{now}}, want: now},
		"nobody can say":             {run: ended, hub: history{commits: []string{before}, err: errors.New("down")}, want: now, fails: true},
		"it began on another branch": {run: elsewhere, hub: history{commits: []string{before}}, want: now},
		"it never began":             {run: never, hub: history{commits: []string{before}}, want: now},
		"the thread has its branch":  {run: ended, hub: history{commits: []string{before}}, thread: anvil.Session{PullRequest: 3}, want: now},
	} {
		p := &Preparer{GitHub: test.hub}
		got, err := p.sameBase(t.Context(), anvil.Story{Session: test.thread, Runs: []anvil.Run{test.run}}, "main", now)
		if got != test.want || (err != nil) != test.fails {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
