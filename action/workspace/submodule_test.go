package workspace_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// modular makes a repository with submodules: one beside it that a relative address names,
// one elsewhere, one whose commit is gone, and one by a scheme that nothing is fetched by.
func modular(t *testing.T) (url, commit, dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"acme/lib", "other/tool"} {
		at := filepath.Join(dir, name)
		write(t, at, "file", name+"\n")
		git(t, at, "init", "-q", "-b", "main")
		git(t, at, "add", "-A")
		git(t, at, "commit", "-q", "-m", "first")
	}
	base := filepath.Join(dir, "acme", "web")
	git(t, dir, "init", "-q", "-b", "main", base)
	var text strings.Builder
	for name, address := range map[string]string{"third/lib": "../lib", "tool": "file://" + filepath.Join(dir, "other/tool"), "gone": "../lib", "odd": "ext::touch /tmp/x"} {
		fmt.Fprintf(&text, "[submodule %q]\n\tpath = %s\n\turl = %s\n", name, name, address)
	}
	write(t, base, ".gitmodules", text.String())
	write(t, base, "a.txt", "one\n")
	git(t, base, "add", "-A")
	for name, commit := range map[string]string{
		"third/lib": git(t, filepath.Join(dir, "acme/lib"), "rev-parse", "HEAD"), "tool": git(t, filepath.Join(dir, "other/tool"), "rev-parse", "HEAD"),
		"gone": strings.Repeat("4", 40), "odd": strings.Repeat("5", 40),
	} {
		git(t, base, "update-index", "--add", "--cacheinfo", "160000,"+commit+","+name)
	}
	git(t, base, "commit", "-q", "-m", "first")
	return "file://" + base, git(t, base, "rev-parse", "HEAD"), dir
}

// Of submodules those are fetched whose repositories the operator names; the agent has
// their files and no repository of theirs, and what it does to them is nobody's change
// and not what checks see.
func TestFetchSubmodules(t *testing.T) {
	t.Parallel()
	url, commit, dir := modular(t)
	for name, c := range map[string]struct {
		allowed, there []string
		troubles       int
	}{
		"none":             {nil, nil, 0},
		"another host":     {[]string{"github.com"}, nil, 0},
		"beside it":        {[]string{dir + "/acme"}, []string{"third/lib"}, 1},
		"by name":          {[]string{dir + "/acme/lib"}, []string{"third/lib"}, 1},
		"a part of a name": {[]string{dir + "/acme/li", dir + "/oth"}, nil, 0},
		"all":              {[]string{dir}, []string{"third/lib", "tool"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := prepare(t, url, commit)
			a, err := w.Absent(t.Context())
			if err != nil || len(a.Submodules) != 4 {
				t.Fatalf("%+v %v", a, err)
			}
			there, troubles := w.FetchSubmodules(t.Context(), a.Submodules, c.allowed)
			if !slices.Equal(there, c.there) || len(troubles) != c.troubles {
				t.Errorf("there are %v, with %v", there, troubles)
			}
			want := []string{".gitmodules", "a.txt"}
			for _, m := range there {
				want = append(want, m+"/file")
			}
			if got := files(t, w.Tree()); !slices.Equal(got, want) {
				t.Errorf("the tree has %v, want %v", got, want)
			}
			if status := git(t, w.Tree(), "status", "--short"); status != "" {
				t.Errorf("the agent sees as changed\n%s", status)
			}
			for _, m := range there {
				if _, err := os.Lstat(filepath.Join(w.Tree(), m, ".git")); err == nil {
					t.Errorf("%s has a repository of its own", m)
				}
				write(t, w.Tree(), m+"/file", "changed\n")
				write(t, w.Tree(), m+"/new", "new\n")
			}
			write(t, w.Tree(), "a.txt", "two\n")
			r, err := w.Collect(t.Context(), "m")
			if err != nil || !slices.Equal(r.Files, []workspace.Change{{Status: "M", Path: "a.txt"}}) {
				t.Fatalf("collected %+v: %v", r, err)
			}
			for name, checkout := range map[string]func() (string, error){
				"after":  func() (string, error) { return w.Checkout(t.Context(), r, "verify") },
				"before": func() (string, error) { return w.CheckoutBefore(t.Context(), r, "before") },
			} {
				tree, err := checkout()
				if got := files(t, tree); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: checks see %v, %v", name, got, err)
				}
				for _, m := range there {
					if text := read(t, tree, m+"/file"); text == "changed\n" {
						t.Errorf("%s: checks see what the agent made of %s", name, m)
					}
				}
			}
		})
	}
}

// What an agent put in a submodule's place, or in that of a directory above it, is checked
// as it is: nothing is written through its links, and no file of its change is lost.
func TestSubmodulesWhosePlaceIsTaken(t *testing.T) {
	t.Parallel()
	url, commit, dir := modular(t)
	outside := t.TempDir()
	write(t, outside, "lib", "not yours\n")
	for name, c := range map[string]struct {
		take func(tree string)
		want []string // of the submodules' places
	}{
		"by a link above it, to a file outside": {func(tree string) {
			remove(t, tree, "third")
			link(t, outside, filepath.Join(tree, "third"))
		}, []string{"tool/file"}},
		"by a link to an empty directory": {func(tree string) {
			remove(t, tree, "tool")
			link(t, t.TempDir(), filepath.Join(tree, "tool"))
		}, []string{"third/lib/file"}},
		"by a file": {func(tree string) {
			remove(t, tree, "tool")
			write(t, tree, "tool", "a file now\n")
		}, []string{"third/lib/file", "tool"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := prepare(t, url, commit)
			a, err := w.Absent(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if there, _ := w.FetchSubmodules(t.Context(), a.Submodules, []string{dir}); len(there) != 2 {
				t.Fatalf("fetched %v", there)
			}
			c.take(w.Tree())
			r, err := w.Collect(t.Context(), "m")
			if err != nil || r == nil {
				t.Fatalf("collected %+v: %v", r, err)
			}
			tree, err := w.Checkout(t.Context(), r, "verify")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := files(t, tree), append([]string{".gitmodules", "a.txt"}, c.want...); !slices.Equal(got, want) {
				t.Errorf("checks see %v, want %v", got, want)
			}
			if read(t, outside, "lib") != "not yours\n" {
				t.Error("a file outside of the tree was written to")
			}
		})
	}
}

func remove(t *testing.T, tree, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(tree, name)); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// Where a checkpoint can't be restored, the tree that is made anew has its submodules again.
func TestSubmodulesAfterABrokenCheckpoint(t *testing.T) {
	t.Parallel()
	url, base, dir := modular(t)
	work := filepath.Join(dir, "acme", "web")
	write(t, dir, "entry", "100644 blob "+git(t, work, "rev-parse", base+":a.txt")+"\t"+strings.Repeat("n", 300)+"\n")
	tree := git(t, work, "-c", "alias.long=!git mktree < "+filepath.Join(dir, "entry"), "long") // git writes a name that no file can have
	head := git(t, work, "commit-tree", tree, "-p", base, "-m", "m")
	git(t, work, "update-ref", runapi.BundleRef, head)
	bundle := filepath.Join(dir, "bundle")
	git(t, work, "bundle", "create", "-q", bundle, runapi.BundleRef, "^"+base)

	w := prepare(t, url, base)
	a, err := w.Absent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if there, _ := w.FetchSubmodules(t.Context(), a.Submodules, []string{dir}); len(there) != 2 {
		t.Fatalf("fetched %v", there)
	}
	if _, err := w.Restore(t.Context(), bundle, head, room); err == nil || errors.Is(err, workspace.ErrCheckpoint) {
		t.Fatalf("restored: %v", err)
	}
	if got, want := files(t, w.Tree()), []string{".gitmodules", "a.txt", "third/lib/file", "tool/file"}; !slices.Equal(got, want) {
		t.Errorf("the tree has %v, want %v", got, want)
	}
}

// An address is one that anybody reads in the same way, and a host's other repositories
// are not those that are allowed.
func TestAddressesOfSubmodules(t *testing.T) {
	t.Parallel()
	allowed := []string{"github.com/acme", "git.example:8443/one/two"}
	for address, want := range map[string]bool{
		"https://github.com/acme/lib": true, "https://GitHub.com/Acme/lib.git": true, "../lib.git": true, "./../lib": true, "https://git.example:8443/one/two.git": true,
		"https://github.com/acme": true, "https://github.com/acme-evil/lib": false, "https://github.com/evil/lib": false, "../../evil/lib": false,
		"https://github.com/acme/../evil/lib": false, "https://github.com/acme/%2e%2e/evil/lib": false, "https://github.com/evil/../acme/lib": false,
		"https://u:p@github.com/acme/lib": false, "http://github.com/acme/lib": false, "ssh://github.com/acme/lib": false, "git@github.com:acme/lib": false,
		"https://github.com.evil.example/acme/lib": false, "https://github.com:8443/acme/lib": false, "https://git.example/one/two": false, "https://git.example:8443/one": false,
		"https://github.com/acme/lib?x": false, "https://github.com/acme/lib#x": false, "file:///github.com/acme/lib": false, "/github.com/acme/lib": false, "": false, "-u./x": false, "ext::sh": false,
	} {
		if got := workspace.MayFetch("https://github.com/acme/web.git", address, allowed); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}
