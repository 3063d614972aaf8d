package git

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSettingsOfTheMachineHaveNoSay plants programs in every place from which
// an ordinary git would run one, and looks whether any of them ran.
func TestSettingsOfTheMachineHaveNoSay(t *testing.T) {
	home := t.TempDir()
	canary := filepath.Join(home, "canary")
	script := filepath.Join(home, "trap.sh")
	write(t, script, "#!/bin/sh\necho \"$0 $*\" >> "+canary+"\n", 0o755)
	config := "[core]\n\tfsmonitor = " + script + "\n\thooksPath = " + home + "\n\tsshCommand = " + script + "\n\taskPass = " + script +
		"\n[credential]\n\thelper = !" + script + "\n[diff]\n\texternal = " + script + "\n[diff \"trap\"]\n\ttextconv = " + script +
		"\n[filter \"trap\"]\n\tclean = " + script + "\n\tsmudge = " + script + "\n[protocol]\n\tallow = always\n[alias]\n\tpush = !" + script + "\n"
	write(t, filepath.Join(home, ".gitconfig"), config, 0o644)
	write(t, filepath.Join(home, ".config", "git", "config"), config, 0o644)
	write(t, filepath.Join(home, ".config", "git", "attributes"), "* diff=trap filter=trap\n", 0o644)
	for _, hook := range []string{"pre-push", "reference-transaction", "post-checkout"} {
		write(t, filepath.Join(home, hook), "#!/bin/sh\necho "+hook+" >> "+canary+"\n", 0o755)
	}
	o := newOrigin(t)
	base := o.commit(t, "main", map[string]string{"a.txt": "one\n", ".gitattributes": "* diff=trap filter=trap\n"})

	t.Setenv("HOME", home)
	t.Setenv("GIT_TRACE", canary)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, ".gitconfig"))
	t.Setenv("GIT_EXTERNAL_DIFF", script)
	t.Setenv("GIT_ASKPASS", script)
	t.Setenv("GIT_SSH_COMMAND", script)
	t.Setenv("GIT_DIR", home)
	t.Setenv("GIT_CONFIG_PARAMETERS", "'core.fsmonitor="+script+"'")

	r := bare(t, program(t))
	if err := r.FetchCommit(t.Context(), o.url, o.token, base); err != nil { // hooks on refs
		t.Fatal(err)
	}
	if err := r.FetchCommit(t.Context(), o.url, "", base); err == nil { // helpers that know passwords
		t.Error("the origin let us in without a token")
	}
	blob, err := r.line(t.Context(), "rev-parse", base+":a.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Blobs(t.Context(), []string{blob}, 10, func(string, []byte) error { return nil }); err != nil {
		t.Error(err)
	}
	tree, err := r.line(t.Context(), "rev-parse", base+"^{tree}")
	if err != nil {
		t.Fatal(err)
	}
	next, err := r.CommitTree(t.Context(), Commit{Tree: tree, Parents: []string{base}, Message: "x", Author: ann, Committer: ann})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.CountLines(t.Context(), base, next); err != nil {
		t.Error(err)
	}
	if err := r.Push(t.Context(), o.url, o.token, next, branch, ""); err != nil { // hooks before a push
		t.Error(err)
	}
	if ran, err := os.ReadFile(canary); err == nil {
		t.Errorf("programs of others ran:\n%s", ran)
	}
}

func TestTheEndOfTheContextEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	p := program(t)
	r := bare(t, p)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the server is going down")
	start := time.Now()
	err := r.IndexPack(ctx, &endless{ctx: ctx, stop: func() { cancel(why) }}, PackLimits{Bytes: 1 << 20})
	if !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	if _, ok := errors.AsType[*PackError](err); ok {
		t.Error("our own stop was blamed on the pack")
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

// endless is a pack of which no more comes after the first bytes.
type endless struct {
	ctx   context.Context
	stop  func()
	begun bool
}

func (e *endless) Read(p []byte) (int, error) {
	if !e.begun {
		e.begun = true
		return copy(p, "PACK"), nil
	}
	e.stop()
	<-e.ctx.Done()
	return 0, e.ctx.Err()
}

func TestOutputAndErrorsAreBounded(t *testing.T) {
	t.Parallel()
	var kept tail
	for range 100 {
		if _, err := kept.Write(bytes.Repeat([]byte("x"), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = kept.Write([]byte("the end"))
	if s := kept.String(); len(s) != tailLimit || !strings.HasSuffix(s, "the end") {
		t.Errorf("kept %d bytes", len(s))
	}
	var out capped
	if _, err := out.Write(make([]byte, outputLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("x")); !errors.Is(err, ErrTooBig) {
		t.Errorf("got %v, want ErrTooBig", err)
	}

	r := bare(t, program(t))
	id := plainBlob(t, r, strings.Repeat("x", 100))
	err := r.Blobs(t.Context(), []string{id}, 99, func(string, []byte) error { return errors.New("read") })
	if !errors.Is(err, ErrTooBig) {
		t.Errorf("got %v, want ErrTooBig", err)
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
