package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// A thread of another place keeps its issue and its stop, whoever writes it later.
func TestPlaceThread(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	if _, err := s.PlaceThread(ctx, "linear", "a"); !errors.Is(err, anvil.ErrNotFound) {
		t.Fatal(err)
	}
	thread := anvil.PlaceThread{Place: "linear", Thread: "a", URL: "https://linear.app/a", Subject: "i", Request: `{"x":1}`}
	at := time.Date(2026, 11, 26, 1, 2, 3, 0, time.UTC)
	steps := []func(*anvil.PlaceThread){
		func(*anvil.PlaceThread) {},
		func(v *anvil.PlaceThread) { v.Repository, v.Issue, v.Request = 7, 12, "" },
		func(v *anvil.PlaceThread) { v.StoppedAt = at },
	}
	for _, step := range steps {
		step(&thread)
		if err := s.KeepPlaceThread(ctx, thread); err != nil {
			t.Fatal(err)
		}
		if got, err := s.PlaceThread(ctx, "linear", "a"); err != nil || got != thread {
			t.Fatalf("%+v (%v)", got, err)
		}
	}
	late := thread
	late.Repository, late.Issue, late.StoppedAt = 8, 13, time.Time{}
	if err := s.KeepPlaceThread(ctx, late); err != nil {
		t.Fatal(err)
	}
	if got, err := s.PlaceThread(ctx, "linear", "a"); err != nil || got != thread {
		t.Fatalf("a late writer changed it: %+v (%v)", got, err)
	}
}
