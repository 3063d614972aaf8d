package git

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func plainBlob(t *testing.T, r *Repository, content string) string {
	t.Helper()
	return rawGit(t, r, content, "hash-object", "-w", "--stdin")
}

// writeCommit makes a commit of files, whose names have no slashes.
func writeCommit(t *testing.T, r *Repository, parents []string, files map[string]string) string {
	t.Helper()
	var listing strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&listing, "100644 blob %s\t%s\x00", plainBlob(t, r, files[name]), name)
	}
	args := []string{"commit-tree", "-m", "x", rawGit(t, r, listing.String(), "mktree", "-z")}
	for _, parent := range parents {
		args = append(args, "-p", parent)
	}
	return rawGit(t, r, "", args...)
}

// rawGit runs an ordinary git on r with a clean environment.
func rawGit(t *testing.T, r *Repository, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"--git-dir=" + r.dir}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_AUTHOR_DATE=@1700000000 +0000",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com", "GIT_COMMITTER_DATE=@1700000000 +0000",
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

func TestDiffTreeTellsEveryDifference(t *testing.T) {
	t.Parallel()
	r := bare(t, program(t))
	from := writeCommit(t, r, nil, map[string]string{"gone": "1\n", "same": "2\n", "changed": "3\n", "moved": "4\n5\n6\n"})
	to := writeCommit(t, r, []string{from}, map[string]string{
		"same": "2\n", "changed": "3\n3b\n", "moved to": "4\n5\n6\n", "new\nline\t\"ü\"": "7\n", "binary": "\x00\x01",
	})
	var got []string
	err := r.DiffTree(t.Context(), from, to, func(c Change) error {
		got = append(got, c.Status+" "+c.Path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A binary", "M changed", "D gone", "D moved", "A moved to", "A new\nline\t\"ü\""}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	counts, err := r.CountLines(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	if counts["changed"] != (LineCount{1, 0}) || counts["gone"] != (LineCount{0, 1}) || counts["binary"] != (LineCount{}) || counts["new\nline\t\"ü\""] != (LineCount{1, 0}) {
		t.Errorf("counts %v", counts)
	}
	stop := errors.New("enough")
	if err := r.DiffTree(t.Context(), from, to, func(Change) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the visitor's own error", err)
	}
}

func TestCommitTreeIsDeterministic(t *testing.T) {
	t.Parallel()
	p := program(t)
	var ids []string
	for range 2 {
		r := bare(t, p)
		base := writeCommit(t, r, nil, map[string]string{"a": "1"})
		tree, err := r.Tree(t.Context(), base)
		if err != nil {
			t.Fatal(err)
		}
		id, err := r.CommitTree(t.Context(), Commit{
			Tree: tree, Parents: []string{base}, Message: "Fix it\n\nCo-authored-by: Ann <ann@example.com>",
			Author: Identity{"An\nn <x>", "ann@example.com", ann.When}, Committer: ann,
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		if got := rawGit(t, r, "", "log", "-1", "--format=%an|%ae|%at|%cn|%s", id); got != "An n x|ann@example.com|1700000000|Ann|Fix it" {
			t.Errorf("commit reads %q", got)
		}
	}
	if ids[0] != ids[1] {
		t.Errorf("the same commit got two names: %v", ids)
	}
}

func TestIndexPackTellsAPackFromRubbish(t *testing.T) {
	t.Parallel()
	p := program(t)
	source := bare(t, p)
	base := writeCommit(t, source, nil, map[string]string{"a": strings.Repeat("base\n", 100)})
	head := writeCommit(t, source, []string{base}, map[string]string{"a": strings.Repeat("base\n", 100) + "more\n"})
	thin := packOf(t, source, "--thin", head, "^"+base)
	whole := packOf(t, source, base)

	r := bare(t, p)
	index := func(pack []byte, limit int64) error {
		return r.IndexPack(t.Context(), bytes.NewReader(pack), PackLimits{Bytes: limit})
	}
	isRefused := func(name string, err error) {
		t.Helper()
		if _, ok := errors.AsType[*PackError](err); !ok {
			t.Errorf("%s: got %v, want a PackError", name, err)
		}
	}
	isRefused("thin without its base", index(thin, 1<<20))
	isRefused("empty", index(nil, 1<<20))
	isRefused("rubbish", index([]byte("not a pack"), 1<<20))
	isRefused("too long", index(whole, 100))
	isRefused("truncated", index(whole[:len(whole)-30], 1<<20))
	broken := bytes.Clone(whole)
	broken[len(broken)/2] ^= 0xff
	isRefused("one bit wrong", index(broken, 1<<20))

	if err := index(whole, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := index(thin, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := r.Complete(t.Context(), head, base); err != nil {
		t.Error(err)
	}
	if ok, err := r.Descends(t.Context(), head, base); err != nil || !ok {
		t.Errorf("descends: %v, %v", ok, err)
	}
	if ok, err := r.Descends(t.Context(), base, head); err != nil || ok {
		t.Errorf("the other way round: %v, %v", ok, err)
	}
}

func TestIndexPackNamesTheFault(t *testing.T) {
	t.Parallel()
	p := program(t)
	source := bare(t, p)
	blob := plainBlob(t, source, "x")
	raw, err := hexBytes(blob)
	if err != nil {
		t.Fatal(err)
	}
	tree := rawGit(t, source, "100644 .GIT\x00"+raw, "hash-object", "-w", "--stdin", "-t", "tree", "--literally")
	head := rawGit(t, source, "", "commit-tree", "-m", "x", tree)
	pack := packOf(t, source, head)

	r := bare(t, p)
	err = r.IndexPack(t.Context(), bytes.NewReader(pack), PackLimits{Bytes: 1 << 20})
	refused, ok := errors.AsType[*PackError](err)
	if !ok || !slices.Contains(refused.Faults, "hasDotgit") {
		t.Errorf("got %v with faults %v", err, refused)
	}
	if err := r.IndexPack(t.Context(), bytes.NewReader(pack), PackLimits{Bytes: 1 << 20, Tolerate: []string{"hasDotgit"}}); err != nil {
		t.Errorf("tolerating it: %v", err)
	}
}

func packOf(t *testing.T, r *Repository, args ...string) []byte {
	t.Helper()
	revs, flags := "", []string{"--git-dir=" + r.dir, "pack-objects", "--revs", "--stdout", "-q"}
	for _, arg := range args {
		if strings.HasPrefix(arg, "--") {
			flags = append(flags, arg)
		} else {
			revs += arg + "\n"
		}
	}
	cmd := exec.CommandContext(t.Context(), "git", flags...)
	cmd.Stdin = strings.NewReader(revs)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func hexBytes(id string) (string, error) {
	var raw []byte
	_, err := fmt.Sscanf(id, "%x", &raw)
	return string(raw), err
}
