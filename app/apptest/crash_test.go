package apptest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// The server is killed up to three times at moments that nobody chose. A seed is
// one series of moments; the machine's speed does the rest.
func TestKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			w := greetingWorld(t)
			w.command(t)
			for range 1 + random.IntN(3) {
				moment := time.Duration(random.Int64N(int64(700 * time.Millisecond)))
				pause(t.Context(), moment)
				w.Server.Kill()
				t.Logf("killed %s after the command or the start", moment)
				must(t, w.Server.Start(t.Context()))
			}
			w.exactlyOnce(t)
		})
	}
}

// pause lets a moment pass; that is what the moment is for.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Whoever was told that their webhook arrived has a task, though the server is
// killed again and again while the webhooks come in. There is never a second one.
func TestAnAcknowledgedCommandIsNeverLost(t *testing.T) {
	t.Parallel()
	w := greetingWorld(t)
	must(t, w.GitHub.Ask("PUT", "runners", map[string]bool{"hold": true}, nil))
	const issues, rounds = 8, 4
	for i := range issues {
		must(t, w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": fmt.Sprintf("Greeting %d", i+2)}, nil))
	}
	random := rand.New(rand.NewPCG(7, 7))
	for range rounds {
		var people sync.WaitGroup
		for i := range issues {
			people.Go(func() {
				body := map[string]string{"user": "mona", "body": "/anvil write a greeting"}
				if err := w.GitHub.Ask("POST", fmt.Sprintf("repositories/acme/web/issues/%d/comments", i+2), body, nil); err != nil {
					t.Error(err)
				}
			})
		}
		pause(t.Context(), time.Duration(50+random.IntN(400))*time.Millisecond)
		w.Server.Kill()
		people.Wait()
		must(t, w.Server.Start(t.Context()))
	}
	var deliveries []githubtest.Delivery
	must(t, w.GitHub.Ask("GET", "deliveries?wait=60s", nil, &deliveries))
	acknowledged := 0
	for _, d := range deliveries {
		if senderOf(d) != "mona" || d.Event != "issue_comment" || d.StatusCode != http.StatusAccepted {
			continue
		}
		acknowledged++
		decision, reason, err := w.AwaitRuling(t.Context(), d.GUID)
		if err != nil || decision != anvil.Accepted {
			t.Errorf("delivery %s was acknowledged and is %s: %s %v", d.GUID, decision, reason, err)
		}
	}
	tasks, err := w.Record.Tasks(t.Context())
	must(t, err)
	if acknowledged == 0 || len(tasks) < acknowledged || len(tasks) > issues*rounds {
		t.Errorf("%d webhooks were acknowledged, of %d; there are %d tasks", acknowledged, issues*rounds, len(tasks))
	}
	t.Logf("%d of %d webhooks acknowledged, %d tasks", acknowledged, issues*rounds, len(tasks))
	must(t, w.Record.Intact(t.Context()))
}

// SIGTERM lets a call that is under way come to its end, and ends the server well
// within its ten seconds. The next one goes on where it stood.
func TestStoppedInGoodOrder(t *testing.T) {
	t.Parallel()
	w := greetingWorld(t)
	slow := w.fault(t, githubtest.Fault{Method: "POST", Path: "/repos/*/*/pulls", Do: githubtest.DoDelay, DelayMS: 1500})
	w.command(t)
	w.met(t, slow)
	must(t, w.Server.Stop())
	must(t, w.Server.Start(t.Context()))
	w.exactlyOnce(t)
	asked, err := w.GitHub.Requests("POST", "/repos/*/*/pulls")
	must(t, err)
	if len(asked) != 1 || asked[0].Status != http.StatusCreated {
		t.Errorf("the pull request was asked for like this: %+v", asked)
	}
}

// A server that stops while an agent is at work leaves it at work.
func TestStoppedWhileAnAgentWorks(t *testing.T) {
	t.Parallel()
	w := greetingWorld(t)
	must(t, os.WriteFile(w.Dir+"/agent.sh", []byte(`touch "$STORY/started"
while [ ! -e "$STORY/go" ]; do sleep 0.1; done
`+greeter), 0o600))
	w.command(t)
	must(t, Await(t.Context(), func() error { _, err := os.Stat(w.Dir + "/started"); return err }))
	must(t, w.AwaitTask(t.Context(), 1, anvil.Working))
	must(t, w.Server.Stop())
	must(t, os.WriteFile(w.Dir+"/go", nil, 0o600))
	must(t, w.Server.Start(t.Context()))
	w.exactlyOnce(t)
}
