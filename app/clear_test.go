package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/blob"
)

// attic is what is stored: rows that refer to bytes, and the bytes.
type attic struct {
	wanted  map[string]bool
	stored  map[string]time.Time
	before  time.Time
	prompts time.Time // before which what was said to models was forgotten
	deleted []string
	forgot  bool
	err     error
}

func (a *attic) ForgetArchives(_ context.Context, before time.Time) (int64, error) {
	a.before = before
	return 0, nil
}

func (a *attic) ForgetPrompts(_ context.Context, before time.Time) (int64, error) {
	a.prompts = before
	return 0, nil
}

func (a *attic) ForgetImages(context.Context, time.Time) (int64, error) { return 0, nil }

func (a *attic) ForgetOffers(context.Context) error { return nil }
func (a *attic) Forget(context.Context) error {
	a.forgot = true
	return nil
}

func (a *attic) StoredDigests(context.Context) (map[string]bool, error) { return a.wanted, a.err }

func (a *attic) All(visit func(string, blob.Info) error) error {
	for digest, at := range a.stored {
		if err := visit(digest, blob.Info{Size: 1, StoredAt: at}); err != nil {
			return err
		}
	}
	return nil
}

func (a *attic) Delete(digest string) error {
	a.deleted = append(a.deleted, digest)
	return nil
}

// Bytes are deleted once nothing refers to them and they are too old to be part of an
// upload that is under way. If it isn't known what is referred to, nothing is.
func TestClearance(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		retention time.Duration
		err       error
		deleted   []string
	}{
		"days":      {30 * 24 * time.Hour, nil, []string{"month", "orphan"}},
		"minutes":   {10 * time.Minute, nil, []string{"half", "month", "orphan"}},
		"no answer": {30 * 24 * time.Hour, errors.New("no database"), nil},
	} {
		a := &attic{err: test.err, wanted: map[string]bool{"old": true, "new": true}, stored: map[string]time.Time{
			"old": now.Add(-90 * 24 * time.Hour), "new": now, "upload": now.Add(-time.Minute), "half": now.Add(-30 * time.Minute),
			"orphan": now.Add(-2 * time.Hour), "month": now.Add(-31 * 24 * time.Hour),
		}}
		c := &clearance{store: a, blobs: a, retention: test.retention, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
		if err := c.run(t.Context()); !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
		}
		slices.Sort(a.deleted)
		if !slices.Equal(a.deleted, test.deleted) {
			t.Errorf("%s: deleted %v", name, a.deleted)
		}
		if !a.forgot {
			t.Errorf("%s: the database's log was not emptied", name)
		}
		if want := now.Add(-test.retention); !a.before.Equal(want) {
			t.Errorf("%s: forgot what was stored before %s, not %s", name, a.before, want)
		} else if !a.prompts.Equal(want) {
			t.Errorf("%s: forgot prompts from before %s, not %s", name, a.prompts, want)
		}
	}
}

// Retention is kept to within a hundredth, without looking all the time.
func TestClearanceLooksInTime(t *testing.T) {
	t.Parallel()
	for retention, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, time.Hour: 36 * time.Second, 30 * 24 * time.Hour: 10 * time.Minute,
	} {
		if got := (&clearance{retention: retention}).every(); got != want {
			t.Errorf("%s: every %s, not %s", retention, got, want)
		}
	}
}
