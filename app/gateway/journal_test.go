package gateway

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// books is a store that notes how many calls each write held.
type books struct {
	Store
	writes []int
}

func (b *books) SaveCalls(_ context.Context, calls []anvil.ModelCall) error {
	b.writes = append(b.writes, len(calls))
	return nil
}

// A write holds up the streams that pass, so calls that begin at about the same time
// share one, and one that is under way when the server ends is written all the same.
func TestCallsOfOneMomentAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &books{}
		l := newLedger(store, nil, time.Now, slog.New(slog.DiscardHandler))
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { l.run(ctx); close(ended) }()
		begin := func() {
			if _, said, _, err := l.reserve(ctx, &anvil.ModelCall{StartedAt: time.Now()}, anvil.Limit{}, anvil.Spent{}, false); err != nil || said != granted {
				t.Fatalf("a call without a budget: %v, %v", said, err)
			}
		}
		for range 3 {
			begin()
			<-time.After(gather / 4)
		}
		<-time.After(gather)
		begin()
		end()
		<-ended
		if want := []int{3, 1}; !slices.Equal(store.writes, want) {
			t.Errorf("the writes held %v calls, want %v", store.writes, want)
		}
	})
}
