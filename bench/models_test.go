package bench

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// models is a server of models in this process, with two ways to it besides the
// direct one: anvil serve as a run's gateway, and a reverse proxy of the standard
// library. All of the gateway's work is on: the token is checked, budgets are kept,
// tokens are counted and written down, and our key is looked for in the answers.
type models struct {
	server, peer  *server
	ways          map[string]string // address of v1/chat/completions by way: direct, peer, anvil
	client        *http.Client
	body, streams []byte
	every         time.Duration // between two events of a stream
	events        int
	held          chan struct{} // closed to end the streams that are held open
	open          atomic.Int64
}

const leaseToken = "anvil_lease_of_a_measurement"

func newModels(t *testing.T, w *town) *models {
	t.Helper()
	m := &models{every: 2 * time.Millisecond, events: 200, held: make(chan struct{})}
	m.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2048, DisableCompression: true}}
	// A conversation as an agent has it after some turns.
	said := strings.Repeat("The quick brown fox says \\\"hello\\\".\\n", 800)
	m.body = []byte(`{"model":"large","max_completion_tokens":1000,"messages":[{"role":"user","content":"` + said + `"}]}`)
	m.streams = []byte(`{"model":"large","max_completion_tokens":1000,"stream":true,"messages":[{"role":"user","content":"hi"}]}`)
	upstream := &http.Server{Handler: http.HandlerFunc(m.answer)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go upstream.Serve(listener)
	t.Cleanup(func() { upstream.Close() })
	direct := "http://" + listener.Addr().String()

	dir := t.TempDir()
	run := workingRun(t, filepath.Join(dir, "data"))
	address, peer := freeAddress(t), freeAddress(t)
	var settings map[string]any
	text, err := os.ReadFile(w.config)
	if err == nil {
		err = json.Unmarshal(text, &settings)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANVIL_BENCH_KEY", "sk-a-key-that-only-this-measurement-knows")
	settings["listen"], settings["public_url"], settings["data_dir"] = address, "http://"+address, filepath.Join(dir, "data")
	settings["engines"].(map[string]any)["stamp"].(map[string]any)["models"] = []string{"large"}
	settings["gateway"] = map[string]any{
		"upstreams":      []any{map[string]any{"name": "one", "protocols": []string{"chat"}, "base_url": direct + "/v1", "key_env": "ANVIL_BENCH_KEY"}},
		"prices":         []any{map[string]any{"model": "large", "input": 1, "cached": 0.1, "output": 5}},
		"parallel_calls": 2000, "max_calls": 1_000_000,
	}
	var budgets []any
	for _, scope := range []string{"run", "task", "user", "repository", "organisation"} {
		budgets = append(budgets, map[string]any{"scope": scope, "usd": 1_000_000, "per": "day"})
	}
	settings["budgets"] = budgets
	if text, err = json.Marshal(settings); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "anvil.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	m.server = serve(t, w.bin, file, address)
	m.peer = startPeer(t, filepath.Join(w.bin, "relay"), peer, direct)
	m.ways = map[string]string{
		"direct": direct + "/v1/chat/completions", "peer": "http://" + peer + "/v1/chat/completions",
		"anvil": fmt.Sprintf("http://%s/api/v1/runs/%s/model/v1/chat/completions", address, run),
	}
	return m
}

// answer plays the model.
func (m *models) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	const usage = `"usage":{"prompt_tokens":100,"completion_tokens":10}`
	if !bytes.Contains(body, []byte(`"stream":true`)) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"choices":[{"message":{"content":"%s"}}],%s}`, strings.Repeat("x", 2000), usage)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	if r.Header.Get("Openai-Beta") == "held" {
		fmt.Fprintf(w, "data: {\"choices\":[]}\n\n")
		out.Flush()
		m.open.Add(1)
		<-m.held
	}
	for range m.events {
		select {
		case <-time.After(m.every):
		case <-r.Context().Done():
			return
		}
		fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":\"word \"}}],\"at\":%d}\n\n", time.Now().UnixNano())
		out.Flush()
	}
	fmt.Fprintf(w, "data: {\"choices\":[],%s}\n\ndata: [DONE]\n\n", usage)
}

func (m *models) ask(ctx context.Context, way string, body []byte, held bool) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", m.ways[way], bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+leaseToken)
	r.Header.Set("Content-Type", "application/json")
	if held {
		r.Header.Set("Openai-Beta", "held")
	}
	resp, err := m.client.Do(r)
	if err == nil && resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		err = fmt.Errorf("%s: %s %s", way, resp.Status, text)
	}
	return resp, err
}

// once makes a call to its end.
func (m *models) once(ctx context.Context, way string) error {
	resp, err := m.ask(ctx, way, m.body, false)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && len(text) < 2000 {
		err = fmt.Errorf("%s: the answer is %s", way, text)
	}
	return err
}

// measureModels sets the gateway beside the reverse proxy.
func measureModels(t *testing.T, all *table, w *town) {
	m := newModels(t, w)
	m.measureAlone(t, all)
	m.measureTogether(t, all)
	m.measureChunks(t, all)
	m.measureMemory(t, all)
}

// measureAlone makes calls one after the other, the ways by turns.
func (m *models) measureAlone(t *testing.T, all *table) {
	took := map[string][]time.Duration{}
	all.timed(func() {
		for round := range 600 {
			for _, way := range []string{"direct", "peer", "anvil"} {
				began := time.Now()
				if err := m.once(t.Context(), way); err != nil {
					t.Fatal(err)
				}
				if round >= 50 {
					took[way] = append(took[way], time.Since(began))
				}
			}
		}
	})
	direct := median(took["direct"])
	anvil, peer := median(took["anvil"])-direct, median(took["peer"])-direct
	all.add(t, row{
		what: "gateway: added to a call of 30 kB (p50)", measured: inUS(anvil), peer: "ReverseProxy " + inUS(peer),
		ratio: float64(anvil) / float64(peer), limit: 1.3, share: all.share,
	})
}

// measureTogether lets 32 connections call as fast as they can. The caller and the
// model share the processors with what is measured, so this is the time of the whole
// circle, of which the gateway is a part. Gateway and peer go by turns, in short spells
// of changing order, and each pair is compared by itself: what else happens on the
// machine meets both.
func (m *models) measureTogether(t *testing.T, all *table) {
	const rounds, spell = 24, 300 * time.Millisecond
	idle := m.server.cpu(t)
	rest(t, 2*time.Second)
	idle = m.server.cpu(t) - idle // in two seconds, of what a server does anyway
	process := map[string]*server{"peer": m.peer, "anvil": m.server}
	each := map[string][]time.Duration{} // the time of one call
	used, made := map[string]time.Duration{}, map[string]int64{}
	var ratios []float64
	all.timed(func() {
		for round := range rounds {
			this := map[string]time.Duration{}
			for _, way := range turns(round) {
				before := process[way].cpu(t)
				calls, took := m.rush(t, way, spell)
				if calls == 0 {
					t.Fatal("no calls were made")
				}
				this[way] = took / time.Duration(calls)
				if round < 2 { // they warm up
					continue
				}
				used[way] += process[way].cpu(t) - before
				if way == "anvil" {
					used[way] -= idle * took / (2 * time.Second)
				}
				made[way] += calls
				each[way] = append(each[way], this[way])
			}
			if round >= 2 {
				ratios = append(ratios, float64(this["anvil"])/float64(this["peer"]))
			}
		}
	})
	all.add(t, row{
		what:     fmt.Sprintf("gateway: calls/s at %d connections (p50 of %d pairs)", connections, rounds-2),
		measured: fmt.Sprintf("%.0f/s", 1/median(each["anvil"]).Seconds()), peer: fmt.Sprintf("ReverseProxy %.0f/s", 1/median(each["peer"]).Seconds()),
		ratio: middle(ratios), limit: 1.3, share: all.share,
	})
	cost := func(way string) time.Duration { return used[way] / time.Duration(max(made[way], 1)) }
	all.add(t, row{
		what: "  the same: processor time of a call, without that of rest", measured: inUS(cost("anvil")), peer: "ReverseProxy " + inUS(cost("peer")),
		ratio: float64(cost("anvil")) / float64(cost("peer")),
	})
}

const connections = 32

// turns are the two ways in the order of a round, so that neither is always first.
func turns(round int) []string {
	if round%2 == 0 {
		return []string{"peer", "anvil"}
	}
	return []string{"anvil", "peer"}
}

// rush calls on all connections for a spell. A call that has begun goes to its end.
func (m *models) rush(t *testing.T, way string, spell time.Duration) (made int64, took time.Duration) {
	var calls atomic.Int64
	var callers sync.WaitGroup
	began := time.Now()
	for range connections {
		callers.Go(func() {
			for time.Since(began) < spell {
				if err := m.once(t.Context(), way); err != nil {
					t.Error(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	callers.Wait()
	return calls.Load(), time.Since(began)
}

// measureChunks follows each event of some streams from its writing to its reading.
// The p99 is taken of each round, and compared with that of the peer's in the same
// round: one pause of the machine spoils one round, not the figure.
func (m *models) measureChunks(t *testing.T, all *table) {
	const rounds = 30
	took := map[string][]time.Duration{}
	var peers, more []time.Duration
	all.timed(func() {
		for round := range rounds {
			slow := map[string]time.Duration{}
			for _, way := range turns(round) {
				delays := m.followSome(t, way)
				took[way] = append(took[way], delays...)
				slow[way] = percentile(delays, 0.99)
			}
			if round >= 2 {
				peers, more = append(peers, slow["peer"]), append(more, slow["anvil"]-slow["peer"])
			}
		}
	})
	all.note("gateway: an event of a stream (p50)", inUS(median(took["anvil"])), "ReverseProxy "+inUS(median(took["peer"])))
	extra := max(median(more), 0)
	all.add(t, row{
		what: fmt.Sprintf("  the same, p99: more than the peer (p50 of %d pairs)", rounds-2), measured: inUS(extra),
		peer: fmt.Sprintf("limit 50 µs (peer %s)", inUS(median(peers))), ratio: float64(extra) / float64(50*time.Microsecond), limit: 1, share: all.share,
	})
}

// followSome follows four streams at once.
func (m *models) followSome(t *testing.T, way string) (all []time.Duration) {
	var mu sync.Mutex
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			delays, err := m.follow(t.Context(), way)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, delays...)
		})
	}
	readers.Wait()
	return all
}

// middle is the median of ratios.
func middle(ratios []float64) float64 {
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// follow reads a stream, and says how old each event was.
func (m *models) follow(ctx context.Context, way string) ([]time.Duration, error) {
	resp, err := m.ask(ctx, way, m.streams, false)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var delays []time.Duration
	buf := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		now := time.Now()
		for text := string(buf[:n]); ; {
			_, rest, found := strings.Cut(text, `"at":`)
			if !found {
				break
			}
			digits, after, _ := strings.Cut(rest, "}")
			if at, err := strconv.ParseInt(digits, 10, 64); err == nil {
				delays = append(delays, now.Sub(time.Unix(0, at)))
			}
			text = after
		}
		if errors.Is(err, io.EOF) {
			return delays, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// measureMemory holds a thousand streams open.
func (m *models) measureMemory(t *testing.T, all *table) {
	const streams = 1000
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var readers sync.WaitGroup
	for range streams {
		readers.Go(func() {
			resp, err := m.ask(ctx, "anvil", m.streams, true)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			io.Copy(io.Discard, resp.Body)
		})
	}
	for deadline := time.Now().Add(30 * time.Second); m.open.Load() < streams; rest(t, 20*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d streams are open", m.open.Load(), streams)
		}
	}
	rest(t, time.Second)
	all.within(t, fmt.Sprintf("gateway: memory (VmRSS) with %d streams open", streams), m.server.resident(t).all, 150, "MB")
	cancel()
	readers.Wait()
	close(m.held)
}

func inUS(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }

// workingRun makes a database whose one run is at work, and stays so.
func workingRun(t *testing.T, dir string) anvil.RunID {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(ctx, dir, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Queue = noQueue{}
	d := anvil.Delivery{ID: "b5e11ab0-0000-4000-8000-000000000000", Event: "issue_comment", Body: []byte("{}"), ReceivedAt: now}
	if _, err := s.Receive(ctx, d); err != nil {
		t.Fatal(err)
	}
	task, err := s.OpenTask(ctx, anvil.Opening{Command: anvil.Command{
		Delivery: d.ID, Verb: anvil.VerbDo, Requester: anvil.Actor{ID: 1, Login: "mona"},
		Thread: anvil.Thread{Repository: anvil.Repository{ID: 7, Installation: 9, Owner: "acme", Name: "web", DefaultBranch: "main"}, Issue: 1, Title: "x"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	id := anvil.RunIDFor(task.ID, 1)
	for _, to := range []anvil.State{anvil.Dispatching, anvil.Dispatched, anvil.Working} {
		if _, err := s.Move(ctx, id, to, func(r *anvil.Run) error {
			r.BaseRef, r.BaseCommit, r.Engine = "main", strings.Repeat("a", 40), anvil.EngineInfo{Name: "stamp", Kind: "command", Model: "large"}
			r.Lease = anvil.Lease{Epoch: 1, TokenHash: anvil.Fingerprint(leaseToken), ExpiresAt: now.Add(time.Hour)}
			r.Deadline = now.Add(time.Hour)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody has to be told of it.
	if _, err := s.DB().ExecContext(ctx, `UPDATE tasks SET told = version`); err != nil {
		t.Fatal(err)
	}
	return id
}

type noQueue struct{}

func (noQueue) EnqueueTx(context.Context, *sql.Tx, ...anvil.Job) error { return nil }

// startPeer starts a program that serves at an address, and waits until it answers.
func startPeer(t *testing.T, program, address string, args ...string) *server {
	t.Helper()
	cmd := exec.Command(program, append([]string{address}, args...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; rest(t, 5*time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return &server{cmd: cmd}
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// freeAddress is one that the next who asks may take.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
