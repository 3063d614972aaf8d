package runner

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// A part that happens twice has the sum of both times and the beginning of the first;
// the first call of a model counts from the engine's first start, once, and a question
// whether somebody is there is none.
func TestSpans(t *testing.T) {
	t.Parallel()
	start := time.Now()
	s := &spans{started: start}
	s.add(runapi.SpanVerify, start.Add(2*time.Second), 300*time.Millisecond)
	s.add(runapi.SpanVerify, start.Add(9*time.Second), 40*time.Millisecond)
	end := s.begin(runapi.SpanClaim)
	end()
	end()
	gone, leave := context.WithCancel(t.Context())
	leave()
	client, err := runapi.NewClient("http://127.0.0.1:1") // where nobody is
	if err != nil {
		t.Fatal(err)
	}
	calls := firstCall{client.Holder(runapi.Assignment{}), s.modelCalled}
	s.engineStarts()
	s.engine = start.Add(-time.Minute) // it takes its time
	for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodPost} {
		_, _ = calls.RelayModel(gone, runapi.Relayed{Method: method, Header: http.Header{}})
		if method == http.MethodHead && s.called {
			t.Error("a HEAD counts as a call of a model")
		}
	}
	all := s.all()
	if len(all) != 3 || all[0].Name != runapi.SpanClaim || all[1].Name != runapi.SpanModel || all[2] != (runapi.Span{Name: runapi.SpanVerify, Began: 2000, Milliseconds: 340}) {
		t.Fatalf("%+v", all)
	}
	if ms := all[1].Milliseconds; ms < 60_000 || ms > 90_000 {
		t.Errorf("the first call of a model came after %d ms", ms)
	}
}
