package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app"
)

// measureLargeDoor sends webhooks of a megabyte on eight connections, each the next
// once the last is answered, to the door and to a receiver that only checks the
// signature and writes: by turns in short spells, so that a busy machine meets both.
// The sender signs each body, on the same processors.
func measureLargeDoor(t *testing.T, all *table, w *town) {
	const rounds, spell, size = 8, 500 * time.Millisecond, 1_000_000
	address := freeAddress(t)
	startPeer(t, filepath.Join(w.bin, "shelf"), address, w.secret, filepath.Join(t.TempDir(), "shelf"))
	sender := &sender{town: w, template: w.comments(t, size, 1)[0], client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 10 * time.Second}}
	addresses := map[string]string{"peer": address, "anvil": w.address}
	took := map[string][]time.Duration{}
	var slowest []float64
	all.timed(func() {
		for round := range rounds {
			this := map[string]time.Duration{}
			for _, way := range turns(round) {
				answers := sender.rush(t, addresses[way], spell)
				this[way] = percentile(answers, 0.99)
				took[way] = append(took[way], answers...)
			}
			slowest = append(slowest, float64(this["anvil"])/float64(this["peer"]))
		}
	})
	rate := func(way string) string {
		return fmt.Sprintf("%.0f/s", float64(len(took[way]))/(rounds*spell.Seconds()))
	}
	all.note("the door: webhooks of 1 MB, 8 at a time", rate("anvil"), "signature + fsync: "+rate("peer"))
	all.note("  the same, p50", inMS(median(took["anvil"])), inMS(median(took["peer"])))
	all.add(t, row{
		what: "  the same, p99 (ratio: p50 of pairs)", measured: inMS(percentile(took["anvil"], 0.99)),
		peer: inMS(percentile(took["peer"], 0.99)), ratio: middle(slowest), share: all.share,
	})
}

// sender makes webhooks that differ in the id of their comment only.
type sender struct {
	town     *town
	template []byte
	client   *http.Client
	sent     atomic.Int64
}

// rush sends on eight connections for a spell, and returns how long each answer took.
func (s *sender) rush(t *testing.T, address string, spell time.Duration) (took []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var senders sync.WaitGroup
	began := time.Now()
	for range 8 {
		senders.Go(func() {
			for time.Since(began) < spell {
				one, err := s.send(address)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				took = append(took, one)
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	return took
}

func (s *sender) send(address string) (took time.Duration, err error) {
	n := s.sent.Add(1)
	body := bytes.Replace(s.template, []byte(`4000000000`), fmt.Appendf(nil, "%d", 5_000_000_000+n), 1)
	request, err := http.NewRequest("POST", "http://"+address+app.PathHook, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": "issue_comment", "X-Hub-Signature-256": s.town.sign(body),
		"X-GitHub-Delivery": fmt.Sprintf("b5e11ab0-0000-4000-9000-%012d", n),
	} {
		request.Header.Set(name, value)
	}
	began := time.Now()
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusAccepted || !bytes.Contains(text, []byte(`"accepted"`))) {
		err = fmt.Errorf("%s: %s %s", address, response.Status, text)
	}
	return time.Since(began), err
}
