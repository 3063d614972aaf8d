package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/conversation"
	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// measureSession restores an engine's conversation of 100 MB as a runner does: fetched
// from the server over HTTP, compared with its digest, unpacked file by file within
// what belongs to a conversation. The peer is tar, with the same files in an archive
// that is neither compressed nor fetched.
func measureSession(t *testing.T, all *table) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	if err := os.MkdirAll(filepath.Join(from, "sessions"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(from, "sessions", fmt.Sprintf("rollout-%d.jsonl", i)), []byte(usualLog(10<<20)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	patterns := []string{"sessions/*.jsonl"}
	packed := create(t, filepath.Join(dir, "packed"))
	if _, err := conversation.Pack(t.Context(), packed, from, patterns, 200<<20, &redact.Set{}, ""); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain.tar")
	if out, err := exec.Command("tar", "-C", from, "-cf", plain, ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	archive, err := os.ReadFile(packed.Name())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) }))
	defer server.Close()
	client, err := runapi.NewClient(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	holder := client.Holder(runapi.Assignment{Run: "r.1", LeaseToken: "t"})
	var ours, theirs []time.Duration
	all.timed(func() {
		for i := range 6 {
			to, peer := filepath.Join(dir, fmt.Sprint("ours", i)), filepath.Join(dir, fmt.Sprint("peer", i))
			for _, d := range []string{to, peer} {
				if err := os.Mkdir(d, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			f := create(t, filepath.Join(dir, "fetched"))
			if _, err := holder.Restore(t.Context(), runapi.ArtifactConversation, "sha256:"+hex.EncodeToString(sum[:]), f, 200<<20); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Seek(0, 0); err != nil {
				t.Fatal(err)
			}
			if n, err := conversation.Unpack(f, to, patterns, 200<<20); err != nil || n != 10 {
				t.Fatalf("%d files: %v", n, err)
			}
			mine := time.Since(began)
			began = time.Now()
			if out, err := exec.Command("tar", "-C", peer, "-xf", plain).CombinedOutput(); err != nil {
				t.Fatalf("tar: %v: %s", err, out)
			}
			if i > 0 {
				ours, theirs = append(ours, mine), append(theirs, time.Since(began))
			}
			_, _ = f.Close(), os.RemoveAll(to)
			_ = os.RemoveAll(peer)
		}
	})
	all.within(t, "restore of a session of 100 MB: fetch, check, unpack", ms(median(ours)), 2000, "ms")
	all.note("", fmt.Sprintf("%.1f MB on the wire", float64(len(archive))/1e6), fmt.Sprintf("untar alone: %s, ratio %.1f", inMS(median(theirs)), ratio(ours, theirs)))
}

func create(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
