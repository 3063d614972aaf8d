package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Submodule is one of the base commit's: a commit of another repository, and where its
// files belong.
type Submodule struct {
	Path, Commit string
}

// At most maxSubmodules are fetched, each within submoduleTime.
const (
	maxSubmodules = 50
	submoduleTime = 5 * time.Minute
)

// fetched is a submodule that is on this machine, in a repository of ours.
type fetched struct {
	Submodule
	gitDir string
}

// FetchSubmodules puts the files of submodules into the agent's tree whose repositories are
// among those allowed: HOST, HOST/OWNER or HOST/OWNER/NAME, for which also stand those below.
// They are fetched by HTTPS without any credential, or by the base repository's own scheme
// from its own host. Their own submodules are left alone. It returns the paths of those that
// are there now, and why others are not that should be. It must be called before anything
// of the agent's runs.
//
// The agent may change the files, and the change is nobody's: git does not look into a
// submodule's directory that has no repository. Checks get them as they were fetched.
func (w *Workspace) FetchSubmodules(ctx context.Context, all []Submodule, allowed []string) (there []string, troubles []error) {
	if len(all) == 0 || len(allowed) == 0 {
		return nil, nil
	}
	addresses, err := w.submoduleAddresses(ctx)
	if err != nil {
		return nil, []error{fmt.Errorf("read .gitmodules: %w", err)}
	}
	for _, m := range all {
		address, err := w.resolve(addresses[m.Path])
		if err != nil || !permitted(allowed, address) {
			continue // told as absent
		}
		if !vacant(w.Tree(), m.Path) {
			continue // outside of a sparse tree
		}
		if len(w.submodules) == maxSubmodules {
			troubles = append(troubles, fmt.Errorf("there are more than %d submodules", maxSubmodules))
			break
		}
		if err := w.fetchSubmodule(ctx, m, address); err != nil {
			troubles = append(troubles, fmt.Errorf("submodule %q of %s: %w", m.Path, address.Redacted(), err))
			continue
		}
		there = append(there, m.Path)
	}
	return there, troubles
}

func (w *Workspace) fetchSubmodule(ctx context.Context, m Submodule, address *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, submoduleTime)
	defer cancel()
	f := fetched{m, w.path("submodules", fmt.Sprintf("%d.git", len(w.submodules)))}
	if !objectName.MatchString(m.Commit) {
		return errors.New("its commit has no name")
	}
	err := bare(f.gitDir, m.Commit, "")
	if err == nil {
		_, err = w.git.run(ctx, fetching(f.gitDir, Source{URL: address.String()}, m.Commit))
	}
	if err == nil {
		err = w.fill(ctx, w.Tree(), f)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(f.gitDir))
	}
	w.submodules = append(w.submodules, f)
	return nil
}

// fill puts a submodule's files where they belong in a tree.
func (w *Workspace) fill(ctx context.Context, tree string, f fetched) error {
	to := filepath.Join(tree, filepath.FromSlash(f.Path))
	if err := os.Remove(to); err != nil { // it is empty
		return err
	}
	own := filepath.Join(f.gitDir, "worktrees")
	err := w.checkout(ctx, f.gitDir, to, f.Commit, nil)
	// The files alone: a repository there would be one that an agent could write to.
	return errors.Join(err, os.RemoveAll(filepath.Join(to, ".git")), os.RemoveAll(own), os.MkdirAll(to, 0o755))
}

// vacant reports whether the tree has an empty directory at a path, as git makes one for a
// submodule. Where an agent removed the submodule, anything may be there, and a link to
// anywhere above it.
func vacant(tree, name string) bool {
	at := tree
	for part := range strings.SplitSeq(name, "/") {
		at = filepath.Join(at, part)
		if info, err := os.Lstat(at); err != nil || !info.IsDir() {
			return false
		}
	}
	inside, err := os.ReadDir(at)
	return err == nil && len(inside) == 0
}

// fillAll puts the submodules that were fetched into a fresh tree, where it has their directories.
func (w *Workspace) fillAll(ctx context.Context, tree string) error {
	for _, f := range w.submodules {
		if !vacant(tree, f.Path) {
			continue
		}
		if err := w.fill(ctx, tree, f); err != nil {
			return err
		}
	}
	return nil
}

// submoduleAddresses are what the base commit's .gitmodules says, by path.
func (w *Workspace) submoduleAddresses(ctx context.Context) (map[string]string, error) {
	out, err := w.git.run(ctx, command{
		gitDir: w.path("base.git"),
		args:   []string{"config", "--blob", w.base + ":.gitmodules", "--null", "--get-regexp", `^submodule\..*\.(path|url)$`},
	})
	if err != nil {
		return nil, err
	}
	paths, urls := map[string]string{}, map[string]string{}
	for entry := range strings.SplitSeq(out, "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		if name, ok := strings.CutSuffix(key, ".path"); ok {
			paths[name] = value
		} else if name, ok := strings.CutSuffix(key, ".url"); ok {
			urls[name] = value
		}
	}
	addresses := map[string]string{}
	for name, p := range paths {
		addresses[p] = urls[name]
	}
	return addresses, nil
}

// resolve reads an address of .gitmodules, which may be relative to the base repository's.
func (w *Workspace) resolve(address string) (*url.URL, error) {
	base, err := url.Parse(w.source.URL)
	if err != nil {
		return nil, err
	}
	var at *url.URL
	if strings.HasPrefix(address, "./") || strings.HasPrefix(address, "../") {
		relative := *base
		relative.Path = path.Join(base.Path, address)
		at = &relative
	} else if at, err = url.Parse(address); err != nil {
		return nil, err
	}
	plain := at.EscapedPath() == at.Path && path.Clean("/"+at.Path) == "/"+strings.Trim(at.Path, "/") // a server may read another path
	ours := at.Scheme == base.Scheme && at.Host == base.Host
	if !plain || at.User != nil || at.RawQuery != "" || at.Fragment != "" || at.Host == "" && at.Scheme != "file" || at.Scheme != "https" && !ours {
		return nil, fmt.Errorf("%q is no address that can be fetched from", address)
	}
	return at, nil
}

// permitted reports whether a repository is one of those allowed.
func permitted(allowed []string, at *url.URL) bool {
	name := strings.ToLower(at.Host + path.Clean("/"+strings.TrimSuffix(at.Path, ".git")))
	return slices.ContainsFunc(allowed, func(entry string) bool {
		entry = strings.ToLower(entry)
		return name == entry || strings.HasPrefix(name, entry+"/")
	})
}
