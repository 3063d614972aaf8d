package images_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/images"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// rows is a store with two runs, each of a repository of its own.
type rows struct {
	mu     sync.Mutex
	runs   map[anvil.RunID]anvil.Run
	images map[anvil.RunID]map[string]anvil.Image
	trail  []anvil.Audit
}

func (r *rows) StoryOfRun(_ context.Context, id anvil.RunID) (anvil.Story, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run, ok := r.runs[id]
	if !ok {
		return anvil.Story{}, anvil.ErrNotFound
	}
	return anvil.Story{Runs: []anvil.Run{run}, Session: anvil.Session{Repository: anvil.Repository{Owner: "acme", Name: string(id)}}}, nil
}

func (r *rows) Audit(_ context.Context, a anvil.Audit) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trail = append(r.trail, a)
	return nil
}

func (r *rows) SaveImage(_ context.Context, i anvil.Image, allow func(anvil.Run) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := allow(r.runs[i.Run]); err != nil {
		return err
	}
	if r.images[i.Run] == nil {
		r.images[i.Run] = map[string]anvil.Image{}
	}
	r.images[i.Run][i.Key] = i
	return nil
}

func (r *rows) Image(_ context.Context, id anvil.RunID, key string) (anvil.Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.images[id][key]; ok {
		return i, nil
	}
	return anvil.Image{}, anvil.ErrNotFound
}

// start serves images, and returns what acts for each of two runs.
func start(t *testing.T, change func(*images.Server)) (one, other *runapi.Holder, r *rows) {
	t.Helper()
	r = &rows{runs: map[anvil.RunID]anvil.Run{}, images: map[anvil.RunID]map[string]anvil.Image{}}
	for _, id := range []anvil.RunID{"one", "other"} {
		r.runs[id] = anvil.Run{ID: id, State: anvil.Working, Lease: anvil.Lease{TokenHash: anvil.Fingerprint("lease of " + string(id)), Epoch: 1}}
	}
	blobs, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	s := &images.Server{Store: r, Blobs: blobs, MaxBytes: 1000, Transfer: time.Minute, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(s)
	}
	mux := http.NewServeMux()
	s.Register(mux)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	client, err := runapi.NewClient(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	holder := func(run string) *runapi.Holder {
		return client.Holder(runapi.Assignment{Run: run, LeaseToken: "lease of " + run})
	}
	return holder("one"), holder("other"), r
}

// What a run stores is found by its repository alone, and has the digest it had.
func TestArchive(t *testing.T) {
	t.Parallel()
	one, other, r := start(t, nil)
	ctx, text := t.Context(), "a packed image"
	stored, err := one.StoreImage(ctx, "key", "loose", strings.NewReader(text), int64(len(text)))
	sum := sha256.Sum256([]byte(text))
	if err != nil || stored.Digest != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Fatalf("stored %+v, %v", stored, err)
	}
	found, ok, err := one.FindImage(ctx, "key")
	if err != nil || !ok || found != stored {
		t.Errorf("found %+v %v, %v; want %+v", found, ok, err, stored)
	}
	if also, ok, err := one.FindImage(ctx, "loose"); err != nil || !ok || also != stored {
		t.Errorf("under the other key: found %+v %v, %v; want %+v", also, ok, err, stored)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := one.FetchImage(ctx, "key", found.Digest, f, 1000); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(f.Name()); string(b) != text {
		t.Errorf("fetched %q", b)
	}
	if _, err := one.FetchImage(ctx, "key", "sha256:"+strings.Repeat("0", 64), f, 1000); !errors.Is(err, runapi.ErrDamaged) {
		t.Errorf("other bytes than those asked for: %v", err)
	}
	if _, ok, err := other.FindImage(ctx, "key"); ok || err != nil {
		t.Errorf("another repository finds it: %v %v", ok, err)
	}
	big := strings.Repeat("x", 1001)
	var e *runapi.Error
	if _, err := one.StoreImage(ctx, "key", "loose", strings.NewReader(big), 1001); !errors.As(err, &e) || e.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("more than the limit: %v", err)
	}
	if _, err := one.StoreImage(ctx, "key", "../loose", strings.NewReader(text), int64(len(text))); !errors.As(err, &e) || e.Code != runapi.CodeArtifact {
		t.Errorf("another key that is a path: %v", err)
	}
	if _, err := one.StoreImage(ctx, "../key", "loose", strings.NewReader(text), int64(len(text))); !errors.As(err, &e) || e.Code != runapi.CodeArtifact {
		t.Errorf("a key that is a path: %v", err)
	}
	r.mu.Lock()
	run := r.runs["one"]
	run.Lease.TokenHash = anvil.Fingerprint("the next epoch's")
	r.runs["one"] = run
	r.mu.Unlock()
	if _, err := one.StoreImage(ctx, "key", "loose", strings.NewReader(text), int64(len(text))); !errors.As(err, &e) || e.Code != runapi.CodeStale {
		t.Errorf("an old epoch stores: %v", err)
	}
}

// A login is for the holder of the lease, written down before it is given, and asked of
// the operator's helper in Docker's own words.
func TestCredential(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "docker-credential-test")
	script := `#!/bin/sh
read host; [ "$1" = get ] && [ "$host" = registry.example.com ] || exit 1
echo '{"ServerURL":"registry.example.com","Username":"robot","Secret":"minted"}'
`
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	helper := images.Helper{Program: program, Host: "registry.example.com", Lives: time.Hour, Now: func() time.Time { return now }}
	one, _, r := start(t, func(s *images.Server) { s.Credentials = helper })
	c, err := one.RegistryCredential(t.Context())
	if want := (runapi.RegistryCredential{Host: "registry.example.com", User: "robot", Password: "minted", ExpiresAt: now.Add(time.Hour)}); err != nil || c != want {
		t.Errorf("got %+v, %v", c, err)
	}
	if len(r.trail) != 1 || r.trail[0].Run != "one" || r.trail[0].Outcome != anvil.AuditAllowed || strings.Contains(r.trail[0].Note, "minted") {
		t.Errorf("the trail says %+v", r.trail)
	}
	helper.Host = "elsewhere.example.com" // which it knows nothing of
	var e *runapi.Error
	var failing *images.Server
	_, _, r = start(t, func(s *images.Server) { s.Credentials, failing = helper, s })
	// Asked past the client, which asks again and again.
	mux, answered := http.NewServeMux(), httptest.NewRecorder()
	failing.Register(mux)
	ask := httptest.NewRequest(http.MethodPost, strings.Replace(runapi.PathRegistry, "{run}", "one", 1), nil)
	ask.Header.Set("Authorization", "Bearer lease of one")
	mux.ServeHTTP(answered, ask)
	if answered.Code != http.StatusBadGateway || len(r.trail) != 2 || r.trail[1].Outcome != anvil.AuditFailed {
		t.Errorf("a helper that failed: %d %s, the trail says %+v", answered.Code, answered.Body, r.trail)
	}
	one, _, _ = start(t, nil)
	if _, err := one.RegistryCredential(t.Context()); !errors.As(err, &e) || e.Code != images.CodeLogin {
		t.Errorf("without any: %v", err)
	}
	stranger := func() error {
		_, other, _ := start(t, func(s *images.Server) {
			s.Credentials = images.Static{Password: func() (string, error) { return "static", nil }}
			rows := s.Store.(*rows)
			rows.runs["other"] = anvil.Run{ID: "other", State: anvil.Failed, Lease: rows.runs["other"].Lease}
		})
		_, err := other.RegistryCredential(t.Context())
		return err
	}
	if err := stranger(); !errors.As(err, &e) || e.Code != runapi.CodeStale {
		t.Errorf("a run that has ended gets a login: %v", err)
	}
}
