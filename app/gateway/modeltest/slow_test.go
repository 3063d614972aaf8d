package modeltest_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
)

// A slow answer is whole, in every protocol, and no part of it comes before its pause.
func TestASlowAnswer(t *testing.T) {
	t.Parallel()
	const pause = 20 * time.Millisecond
	s := start(t, modeltest.Options{Scripts: []modeltest.Script{{Steps: []modeltest.Step{{Slow: pause}, {Say: "one two three"}}}}})
	for name, d := range dialects() {
		for _, stream := range []bool{false, true} {
			least := pause
			if stream {
				least = 3 * pause // a word is a part
			}
			began := time.Now()
			text, _, _ := d.read(ask(t, s.URL, d, []any{d.user("go")}, stream))
			if took := time.Since(began); text != "one two three" || took < least {
				t.Errorf("%s, stream %v: %q after %s", name, stream, text, took)
			}
		}
	}
}

// Nobody has to wait for the rest of a slow answer when the server ends.
func TestASlowAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	s := start(t, modeltest.Options{Scripts: []modeltest.Script{{Steps: []modeltest.Step{{Slow: time.Hour}, {Say: "one"}}}}})
	asked := make(chan error, 1)
	go func() {
		res, err := http.Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"any","messages":[{"role":"user","content":"go"}]}`))
		if err == nil {
			res.Body.Close()
		}
		asked <- err
	}()
	for len(s.Requests()) == 0 {
		runtime.Gosched()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-asked
}
