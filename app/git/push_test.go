package git

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var ann = Identity{Name: "Ann", Email: "ann@example.com", When: time.Unix(1700000000, 0)}

const branch = "refs/heads/anvil/1-fix"

func TestFetchOneCommitAndPushOnTopOfIt(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	o.commit(t, "main", map[string]string{"old.txt": "first"})
	base := o.commit(t, "main", map[string]string{"a.txt": "one\n"})
	p := program(t)
	r := bare(t, p)

	if err := r.FetchCommit(t.Context(), o.url, o.token, base); err != nil {
		t.Fatal(err)
	}
	if got := plainGit(t, r.dir, "", "rev-list", "--count", base); got != "1" {
		t.Errorf("fetched %s commits, want the one without its history", got)
	}
	commit := commitOn(t, t.Context(), r, base, "b.txt", "two\n")
	if err := r.Push(t.Context(), o.url, o.token, commit, branch, ""); err != nil {
		t.Fatal(err)
	}
	at, err := p.LsRemote(t.Context(), o.url, o.token, branch)
	if err != nil || at != commit {
		t.Fatalf("the branch is at %q (%v), want %s", at, err, commit)
	}
	if got := o.git(t, o.dir, "rev-list", "--count", commit); got != "3" {
		t.Errorf("history at the origin has %s commits, want 3", got)
	}
	if _, err := os.Stat(filepath.Join(o.dir, "shallow")); err == nil {
		t.Error("the push made the origin shallow")
	}

	t.Run("again is the same as once", func(t *testing.T) {
		if err := r.Push(t.Context(), o.url, o.token, commit, branch, commit); err != nil {
			t.Error(err)
		}
		if err := r.Push(t.Context(), o.url, o.token, commit, branch, ""); err != nil {
			t.Errorf("repeating the first push: %v", err)
		}
	})
	t.Run("a follow-up moves the branch on from where we left it", func(t *testing.T) {
		next := commitOn(t, t.Context(), r, commit, "c.txt", "three\n")
		if err := r.Push(t.Context(), o.url, o.token, next, branch, commit); err != nil {
			t.Error(err)
		}
	})
}

func TestPushFromABaseThatIsNoLongerTheTip(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	big := make([]byte, 1<<20)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(big)
	base := o.commit(t, "main", map[string]string{"a.txt": "one\n", "big.bin": string(big)})
	r := bare(t, program(t))
	if err := r.FetchCommit(t.Context(), o.url, o.token, base); err != nil {
		t.Fatal(err)
	}
	o.commit(t, "main", map[string]string{"a.txt": "two\n"})
	commit := commitOn(t, t.Context(), r, base, "b.txt", "two\n")
	if err := r.Push(t.Context(), o.url, o.token, commit, branch, ""); err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.uploaded > 100<<10 {
		t.Errorf("the push sent %d bytes: it sent the base again", o.uploaded)
	}
}

func TestPushNeverOverwritesSomebodyElsesCommit(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	base := o.commit(t, "main", map[string]string{"a.txt": "one\n"})
	p := program(t)
	r := bare(t, p)
	if err := r.FetchCommit(t.Context(), o.url, o.token, base); err != nil {
		t.Fatal(err)
	}
	mine := commitOn(t, t.Context(), r, base, "b.txt", "mine\n")
	theirs := o.commit(t, "anvil/1-fix", map[string]string{"b.txt": "theirs\n"})

	for name, old := range map[string]string{"expecting no branch": "", "expecting another commit": base} {
		t.Run(name, func(t *testing.T) {
			err := r.Push(t.Context(), o.url, o.token, mine, branch, old)
			refused, ok := errors.AsType[*PushError](err)
			if !ok || !refused.Stale {
				t.Errorf("got %v, want a stale push", err)
			}
			if at, _ := p.LsRemote(t.Context(), o.url, o.token, branch); at != theirs {
				t.Errorf("the branch is at %s, want it left at %s", at, theirs)
			}
		})
	}
	t.Run("expecting a branch that is gone", func(t *testing.T) {
		err := r.Push(t.Context(), o.url, o.token, mine, "refs/heads/anvil/2-gone", base)
		if refused, ok := errors.AsType[*PushError](err); !ok || !refused.Stale {
			t.Errorf("got %v, want a stale push", err)
		}
	})
}

func TestPushTellsWhyTheRemoteRefused(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	base := o.commit(t, "main", map[string]string{"a.txt": "one\n"})
	hook := "#!/bin/sh\necho 'GH013: Repository rule violations found'\nexit 1\n"
	if err := os.MkdirAll(filepath.Join(o.dir, "hooks"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.dir, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	r := bare(t, program(t))
	if err := r.FetchCommit(t.Context(), o.url, o.token, base); err != nil {
		t.Fatal(err)
	}
	err := r.Push(t.Context(), o.url, o.token, commitOn(t, t.Context(), r, base, "b.txt", "x"), branch, "")
	refused, ok := errors.AsType[*PushError](err)
	if !ok || refused.Stale {
		t.Fatalf("got %v, want a refusal", err)
	}
	if refused.Reason != "pre-receive hook declined" || !strings.Contains(refused.Remote, "GH013: Repository rule violations found") {
		t.Errorf("reason %q, remote %q", refused.Reason, refused.Remote)
	}
}

func TestRemoteArgumentsAreChecked(t *testing.T) {
	t.Parallel()
	r := bare(t, program(t))
	const id = "1234567890123456789012345678901234567890"
	for name, try := range map[string]func() error{
		"option as ref":        func() error { return r.Push(t.Context(), "http://127.0.0.1:1/x", "", id, "--force", "") },
		"plus as ref":          func() error { return r.Push(t.Context(), "http://127.0.0.1:1/x", "", id, "+refs/heads/x", "") },
		"tag":                  func() error { return r.Push(t.Context(), "http://127.0.0.1:1/x", "", id, "refs/tags/v1", "") },
		"short commit":         func() error { return r.Push(t.Context(), "http://127.0.0.1:1/x", "", "1234", branch, "") },
		"empty commit deletes": func() error { return r.Push(t.Context(), "http://127.0.0.1:1/x", "", "", branch, "") },
		"option as address":    func() error { return r.FetchCommit(t.Context(), "--upload-pack=touch x", "", id) },
		"ext helper":           func() error { return r.FetchCommit(t.Context(), "ext::sh -c touch% x", "", id) },
		"ssh":                  func() error { return r.FetchCommit(t.Context(), "ssh://git@127.0.0.1/x", "", id) },
		"file":                 func() error { return r.FetchCommit(t.Context(), "file://"+r.dir, "", id) },
		"credential in URL":    func() error { return r.FetchCommit(t.Context(), "http://me:secret@127.0.0.1:1/x", "", id) },
		"header injection":     func() error { return r.FetchCommit(t.Context(), "http://127.0.0.1:1/x", "a\r\nX: y", id) },
		"ref as commit":        func() error { return r.FetchCommit(t.Context(), "http://127.0.0.1:1/x", "", "refs/heads/main") },
	} {
		if err := try(); err == nil {
			t.Errorf("%s: accepted", name)
		} else if _, ran := errors.AsType[*Error](err); ran && name != "file" {
			t.Errorf("%s: got as far as git: %v", name, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the credential: %v", name, err)
		}
	}
}

func TestTheCredentialIsNeverInAnError(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	base := o.commit(t, "main", map[string]string{"a.txt": "one\n"})
	r := bare(t, program(t))
	wrong := "ghs_wrong-token"
	err := r.FetchCommit(t.Context(), o.url, wrong, base)
	if !errors.Is(err, ErrUnauthorized) {
		t.Errorf("got %v, want ErrUnauthorized", err)
	}
	remote := &remote{address: o.url, token: wrong}
	said := remote.blot("fatal: " + wrong + " and " + remote.basic())
	for _, text := range []string{fmt.Sprint(err), said} {
		if strings.Contains(text, wrong) || strings.Contains(text, remote.basic()) {
			t.Errorf("the credential is in %q", text)
		}
	}
	config, err := os.ReadFile(filepath.Join(r.dir, "config"))
	if err != nil || strings.Contains(string(config), "xtra") {
		t.Errorf("the repository's configuration: %s (%v)", config, err)
	}
}

func TestFetchOfACommitThatIsNotThere(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	base := o.commit(t, "main", map[string]string{"a.txt": "one\n"})
	r := bare(t, program(t))
	err := r.FetchCommit(t.Context(), o.url, o.token, strings.Repeat("ab", 20))
	if !errors.Is(err, ErrMissing) {
		t.Errorf("got %v, want ErrMissing", err)
	}
	blob := o.git(t, o.dir, "rev-parse", base+":a.txt")
	if err := r.FetchCommit(t.Context(), o.url, o.token, blob); err == nil {
		t.Error("a blob was taken for a commit")
	}
}
