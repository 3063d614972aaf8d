package githubtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing/fstest"
	"time"
)

// From says where a new repository's first content comes from. At most one field.
type From struct {
	Dir    string // a directory's files become the first commit; a .git in it is left out
	Bundle string // a git bundle's refs become the repository's
	FS     fs.FS  // as Dir
}

// fill makes the bare repository on disk. Nobody else knows it yet.
func (s *Server) fill(repo *repository, from From) error {
	if _, err := s.git.out("", "init", "--quiet", "--bare", "--initial-branch="+repo.DefaultBranch, repo.dir); err != nil {
		return err
	}
	switch {
	case from.Bundle != "":
		if _, err := os.Stat(from.Bundle); err != nil {
			return err
		}
		if _, err := s.git.out(repo.dir, "fetch", "--quiet", from.Bundle, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
			return err
		}
		if s.git.commit(repo.dir, repo.DefaultBranch) == "" {
			return fmt.Errorf("the bundle has no branch %s", repo.DefaultBranch)
		}
		return nil
	case from.Dir != "":
		if _, err := os.Stat(from.Dir); err != nil {
			return err
		}
		from.FS = os.DirFS(from.Dir)
	case from.FS == nil:
		return nil // an empty repository
	}
	_, err := s.writeCommit(repo, repo.Owner, repo.DefaultBranch, "Initial commit", from.FS)
	return err
}

// Commit puts a commit on a branch, as a push by the user would, and returns its
// id. A file with empty content is deleted. The branch starts from the default
// branch if it is new.
func (s *Server) Commit(repo Repository, user Account, branch, message string, files map[string]string) string {
	return must(s.commitFiles(repo.ID, user, branch, message, files))
}

func (s *Server) commitFiles(repoID int64, user Account, branch, message string, files map[string]string) (string, error) {
	s.mu.Lock()
	repo := s.repos[repoID]
	s.mu.Unlock()
	if repo == nil {
		return "", notFound("repository %d", repoID)
	}
	tree := fstest.MapFS{}
	for path, content := range files {
		tree[path] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	var sha string
	err := s.moveRefs(repo, actor{user: &user}, func() (err error) {
		sha, err = s.writeCommit(repo, user, branch, message, tree)
		return err
	})
	return sha, err
}

// writeCommit writes a file system's files as one commit on top of a branch.
func (s *Server) writeCommit(repo *repository, user Account, branch, message string, tree fs.FS) (string, error) {
	var b bytes.Buffer
	who := fmt.Sprintf("%s <%s> %d +0000", user.Login, noreply(user), s.now().Unix())
	fmt.Fprintf(&b, "commit refs/heads/%s\nauthor %s\ncommitter %s\ndata %d\n%s\n", branch, who, who, len(message), message)
	parent := s.git.commit(repo.dir, branch)
	if parent == "" {
		parent = s.git.commit(repo.dir, repo.DefaultBranch)
	}
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := "100644"
		var content []byte
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := fs.ReadLink(tree, path)
			if err != nil {
				return err
			}
			mode, content = "120000", []byte(target)
		case !info.Mode().IsRegular():
			return nil
		default:
			if content, err = fs.ReadFile(tree, path); err != nil {
				return err
			}
			if info.Mode()&0o111 != 0 {
				mode = "100755"
			}
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(path) + `"`
		if _, isMap := tree.(fstest.MapFS); isMap && len(content) == 0 && parent != "" {
			fmt.Fprintf(&b, "D %s\n", quoted)
			return nil
		}
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", mode, quoted, len(content), content)
		return nil
	})
	if err != nil {
		return "", err
	}
	b.WriteString("done\n")
	if _, err := s.git.run(repo.dir, nil, b.Bytes(), "fast-import", "--quiet", "--force", "--done"); err != nil {
		return "", err
	}
	return s.git.commit(repo.dir, branch), nil
}

func noreply(a Account) string {
	return fmt.Sprintf("%d+%s@users.noreply.github.com", a.ID, a.Login)
}

// Push is a ref that moved.
type Push struct {
	Time  time.Time `json:"time"`
	Ref   string    `json:"ref"`
	Old   string    `json:"old"` // empty: the ref is new
	New   string    `json:"new"` // empty: the ref was deleted
	Actor string    `json:"actor"`
}

// moveRefs runs something that may move refs of a repository, writes down what
// moved and brings pull requests up to date.
func (s *Server) moveRefs(repo *repository, who actor, move func() error) error {
	repo.pushing.Lock()
	defer repo.pushing.Unlock()
	before, err := s.git.refs(repo.dir, "refs/heads", "refs/tags")
	if err != nil {
		return err
	}
	moveErr := move()
	after, err := s.git.refs(repo.dir, "refs/heads", "refs/tags")
	if err != nil {
		return errors.Join(moveErr, err)
	}
	var pushes []Push
	for _, ref := range slices.Sorted(maps.Keys(merged(before, after))) {
		if before[ref] != after[ref] {
			pushes = append(pushes, Push{Time: s.now(), Ref: ref, Old: before[ref], New: after[ref], Actor: who.name()})
		}
	}
	if len(pushes) == 0 {
		return moveErr
	}
	refreshed, err := s.refreshPulls(repo, pushes)
	s.mu.Lock()
	defer s.mu.Unlock()
	repo.pushes = append(repo.pushes, pushes...)
	repo.PushedAt = s.now()
	for _, p := range pushes {
		s.tellPush(repo, who, p)
	}
	for _, p := range refreshed {
		if p.State == "open" {
			s.tellPull(repo, p, "synchronize", who)
		}
	}
	s.changed()
	return errors.Join(moveErr, err)
}

func merged(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

// Refs returns all branches and tags of a repository, by full name.
func (s *Server) Refs(repo Repository) map[string]string {
	s.mu.Lock()
	r := s.repos[repo.ID]
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	return must(s.git.refs(r.dir, "refs/heads", "refs/tags"))
}

// Pushes returns every move of a repository's refs, in order.
func (s *Server) Pushes(repo Repository) []Push {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[repo.ID]; r != nil {
		return slices.Clone(r.pushes)
	}
	return nil
}

// File returns a file's content at a branch, tag or commit, and whether it is there.
func (s *Server) File(repo Repository, ref, path string) (string, bool) {
	s.mu.Lock()
	r := s.repos[repo.ID]
	s.mu.Unlock()
	if r == nil {
		return "", false
	}
	sha := s.git.commit(r.dir, ref)
	if sha == "" {
		return "", false
	}
	b, err := s.git.about(r.dir, "cat-file", "blob", sha+":"+path)
	return string(b), err == nil
}
