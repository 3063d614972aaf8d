package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A server that is down for a while is told, once it asks, of each attempt that failed,
// over as many pages as there are; and what it asks for comes again as it was.
func TestAttemptsAreListedAndMadeAgain(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	var up atomic.Bool
	arrived := make(chan string, 300)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		arrived <- r.Header.Get("X-GitHub-Delivery")
		rw.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	w.SetWebhook(w.app.ID, server.URL, "secret")
	const missed = 230
	for n := range missed {
		w.Deliver(w.app.ID, "ping", []byte(`{}`), fmt.Sprintf("guid-%d", n))
	}
	wait := func() {
		t.Helper()
		if err := w.WaitDeliveries(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wait()

	failed, whole, err := w.anvil.Attempts(t.Context(), time.Now().Add(-time.Hour), true)
	if err != nil || !whole || len(failed) != missed {
		t.Fatalf("%d attempts failed, whole %v, %v, want %d", len(failed), whole, err, missed)
	}
	if a := failed[0]; a.Status != http.StatusBadGateway || a.Arrived() || a.Event != "ping" || a.Delivery != "guid-229" {
		t.Errorf("the newest is %+v", a)
	}
	up.Store(true)
	oldest := failed[missed-1]
	if err := w.anvil.Redeliver(t.Context(), oldest.ID); err != nil {
		t.Fatal(err)
	}
	if got := <-arrived; got != string(oldest.Delivery) {
		t.Errorf("%s arrived, want %s", got, oldest.Delivery)
	}
	wait()
	all, whole, err := w.anvil.Attempts(t.Context(), time.Now().Add(-time.Hour), false)
	if err != nil || !whole || len(all) != missed+1 || !all[0].Arrived() || all[0].Delivery != oldest.Delivery {
		t.Errorf("%d attempts, whole %v, %v, the newest %+v", len(all), whole, err, all[0])
	}
	if none, _, err := w.anvil.Attempts(t.Context(), time.Now().Add(time.Hour), false); err != nil || len(none) != 0 {
		t.Errorf("%d attempts of a time to come, %v", len(none), err)
	}
}
