package bench

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// measureDoor sends webhooks at a fixed rate, whether or not the former ones have
// been answered, as GitHub does. Each is measured from the moment at which it was
// due: a door that is slow can't hide it by slowing the sender down.
func measureDoor(t *testing.T, all *table, w *town) {
	const perSecond, seconds, size = 200, 5, 20_000
	bodies := w.comments(t, size, perSecond*seconds)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 10 * time.Second}

	var mu sync.Mutex
	var took []time.Duration
	refused, unanswered := map[string]int{}, 0
	send := func(i int, due time.Time) {
		body := bodies[i]
		request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+w.address+app.PathHook, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		for name, value := range map[string]string{
			"Content-Type": "application/json", "X-GitHub-Event": "issue_comment", "X-Hub-Signature-256": w.sign(body),
			"X-GitHub-Delivery": fmt.Sprintf("b5e11ab0-0000-4000-8000-%012d", i),
		} {
			request.Header.Set(name, value)
		}
		response, err := client.Do(request)
		var text []byte
		if err == nil {
			text, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(due))
		switch {
		case err != nil:
			unanswered++
		case response.StatusCode != http.StatusAccepted || !bytes.Contains(text, []byte(`"accepted"`)):
			refused[response.Status+" "+string(text)]++
		}
	}
	var sent sync.WaitGroup
	begin := time.Now()
	for i := range perSecond * seconds {
		due := begin.Add(time.Duration(i) * time.Second / perSecond)
		if early := time.Until(due); early > 0 {
			rest(t, early)
		}
		sent.Go(func() { send(i, due) })
	}
	sent.Wait()
	if len(refused) > 0 {
		t.Errorf("webhooks were not taken: %v", refused)
	}
	if unanswered > 0 {
		all.note(fmt.Sprintf("the door: without an answer in %s", client.Timeout), fmt.Sprintf("%d of %d", unanswered, len(took)), "-")
	}
	slowest := percentile(took, 1)
	all.note(fmt.Sprintf("the door: %d webhooks/s of %d kB for %d s (p50)", perSecond, size/1000, seconds), inMS(median(took)), "-")
	p99 := percentile(took, 0.99)
	all.add(t, row{what: "  the same, p99", measured: inMS(p99), peer: "goal 50 ms", ratio: ms(p99) / 50})
	all.add(t, row{what: "  the same, slowest", measured: inMS(slowest), peer: "goal 1000 ms", ratio: ms(slowest) / 1000})
}

// sign is the signature of a webhook to the App.
func (w *town) sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(w.secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// comments are the payloads of n comments that ask for nothing, of about size
// bytes each. No two are the same: a copy would be known as one.
func (w *town) comments(t *testing.T, size, n int) [][]byte {
	t.Helper()
	if !slices.ContainsFunc(w.hub.Deliveries(), func(d githubtest.Delivery) bool { return d.Event == "issue_comment" }) {
		w.task(t, w.small) // it begins with a comment
	}
	for _, d := range w.hub.Deliveries() {
		if d.Event != "issue_comment" {
			continue
		}
		var payload map[string]any
		if err := json.Unmarshal(d.Payload, &payload); err != nil {
			t.Fatal(err)
		}
		comment := payload["comment"].(map[string]any)
		all := make([][]byte, n)
		for i := range all {
			comment["id"] = 4_000_000_000 + i
			comment["body"] = strings.Repeat("Thank you. ", (size-len(d.Payload))/len("Thank you. "))
			text, err := json.Marshal(payload)
			if err != nil {
				t.Fatal(err)
			}
			all[i] = text
		}
		return all
	}
	t.Fatal("no comment has been delivered yet")
	return nil
}
