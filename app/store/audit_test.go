package store_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// trail opens a database with some rows of the audit trail, and returns its
// directory and the hash of the last row.
func trail(t *testing.T) (s *store.Store, dir, head string) {
	t.Helper()
	dir = t.TempDir()
	s, err := store.Open(t.Context(), dir, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.Queue = &memory{}
	id := task(t, s, "d1", 1).ID
	for _, key := range []string{"comment/a", "push/a", "pull/a"} {
		e, _, err := s.Intend(t.Context(), key, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Effected(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	rows, head, err := store.VerifyAudit(t.Context(), dir, "")
	if rows != 6 || err != nil {
		t.Fatalf("a trail of %d rows: %v", rows, err)
	}
	return s, dir, head
}

func TestWhoeverChangesTheAuditTrailIsFoundOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sql, want string }{
		"a byte of a target": {`UPDATE audit SET target = 'push/b' WHERE seq = 3`, "row 3 of the audit trail is not what was written"},
		"a time":             {`UPDATE audit SET at = at + 1 WHERE seq = 1`, "row 1"},
		"an outcome":         {`UPDATE audit SET outcome = 'failed' WHERE seq = 2`, "row 2"},
		"a row is taken out": {`DELETE FROM audit WHERE seq = 4`, "row 4 of the audit trail is missing"},
		"the first is taken": {`DELETE FROM audit WHERE seq = 1`, "row 1 of the audit trail is missing"},
		"the end is cut off": {`DELETE FROM audit WHERE seq > 4`, "its end was cut off"},
		"a row is put in its place with a hash of its own": {
			`UPDATE audit SET target = 'push/b', hash = lower(hex(randomblob(32))) WHERE seq = 3`, "row 3",
		},
	} {
		s, dir, head := trail(t)
		if _, err := s.DB().ExecContext(t.Context(), c.sql); err == nil {
			t.Errorf("%s: the database let it happen", name)
		}
		for _, trigger := range []string{"audit_unchanged", "audit_kept"} { // somebody with the file can do this
			if _, err := s.DB().ExecContext(t.Context(), `DROP TRIGGER `+trigger); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.DB().ExecContext(t.Context(), c.sql); err != nil {
			t.Fatal(err)
		}
		_, _, err := store.VerifyAudit(t.Context(), dir, head)
		if p := anvil.AsProblem(err); p == nil || p.Code != "AUDIT_BROKEN" || !strings.Contains(p.What, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A trail that went on since it was last looked at is whole.
func TestTheTrailGoesOn(t *testing.T) {
	t.Parallel()
	s, dir, head := trail(t)
	if err := s.Audit(t.Context(), anvil.Audit{Actor: "agent", Action: "tool x", Outcome: anvil.AuditDenied}); err != nil {
		t.Fatal(err)
	}
	if rows, now, err := store.VerifyAudit(t.Context(), dir, head); rows != 7 || now == head || err != nil {
		t.Errorf("%d rows, head %s, %v", rows, now, err)
	}
	if _, _, err := store.VerifyAudit(t.Context(), filepath.Join(dir, "elsewhere"), ""); err == nil {
		t.Error("a trail that is not there is whole")
	}
}

// What cannot be written into the trail does not happen.
func TestNothingIsIntendedWithoutItsAuditRow(t *testing.T) {
	t.Parallel()
	s, m := open(t)
	v := task(t, s, "d1", 1)
	run := anvil.RunIDFor(v.ID, 1)
	if _, err := s.DB().ExecContext(t.Context(), `CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Intend(t.Context(), "comment/x", v.ID); err == nil {
		t.Error("an effect was intended")
	}
	jobs := len(m.jobs)
	use := anvil.Use{
		Run: run, Action: "tool propose_issue", Effect: "issue/x", Event: anvil.Event{Kind: "plan"}, Tell: true,
		Change: func(r *anvil.Run) { r.Question = &anvil.Question{Text: "?"} },
	}
	if _, _, err := s.Use(t.Context(), use, func(anvil.Run, int64) error { return nil }); err == nil {
		t.Error("a tool was used")
	}
	story, err := s.Story(t.Context(), v.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(story.Effects) != 0 || story.Run().Question != nil || len(story.Events) != 1 || len(m.jobs) != jobs || story.Task.Version != v.Version {
		t.Errorf("something happened: %+v", story)
	}
}

func TestAUseIsCountedRefusedAndRedacted(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	s.Redact = func(text string) string { return strings.ReplaceAll(text, "s3cret", "[redacted]") }
	run := anvil.RunIDFor(task(t, s, "d1", 1).ID, 1)
	no := errors.New("no")
	use := anvil.Use{Run: run, Action: "tool x", Note: "the s3cret one"}
	for want := range int64(3) {
		if _, _, err := s.Use(t.Context(), use, func(_ anvil.Run, used int64) error {
			if used != want {
				t.Errorf("used %d times, want %d", used, want)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Use(t.Context(), use, func(anvil.Run, int64) error { return no }); !errors.Is(err, no) {
		t.Errorf("a refused use gives %v", err)
	}
	rows, err := s.AuditTrail(t.Context(), 0, 100)
	if err != nil || len(rows) != 3 || rows[0].Note != "the [redacted] one" {
		t.Errorf("%v: %+v", err, rows)
	}
	for range 150 {
		if err := s.Audit(t.Context(), anvil.Audit{Run: run, Actor: "agent", Action: "tool x", Outcome: anvil.AuditDenied}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err = s.AuditTrail(t.Context(), 0, 1000)
	if last := rows[len(rows)-1]; err != nil || len(rows) != 103 || !strings.Contains(last.Note, "not recorded") {
		t.Errorf("%v: %d rows, the last %+v", err, len(rows), last)
	}
}
