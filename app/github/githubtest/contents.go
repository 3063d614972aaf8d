package githubtest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) getContents(c *call) answer {
	path := strings.Trim(c.r.PathValue("path"), "/")
	ref := c.r.URL.Query().Get("ref")
	if ref == "" {
		ref = c.repo.DefaultBranch
	}
	sha := s.git.commit(c.repo.dir, ref)
	if sha == "" {
		if empty, _ := s.git.refs(c.repo.dir); len(empty) == 0 {
			return fail(404, "This repository is empty.")
		}
		return fail(404, "No commit found for the ref "+ref)
	}
	entries, err := s.listTree(c.repo.dir, sha, path)
	if err != nil || len(entries) == 0 {
		return fail(404, "Not Found")
	}
	if len(entries) == 1 && entries[0].path == path && entries[0].kind != "tree" {
		e := entries[0]
		o := s.entryJSON(c.repo, ref, e)
		content, err := s.git.about(c.repo.dir, "cat-file", "blob", e.sha)
		if err != nil {
			return fail(500, "Server Error")
		}
		if strings.Contains(c.r.Header.Get("Accept"), "raw") {
			return answer{status: 200, body: rawAnswer{"application/vnd.github.raw+json; charset=utf-8", content}}
		}
		o["encoding"], o["content"] = "base64", wrap64(content)
		if len(content) > 1<<20 {
			o["encoding"], o["content"] = "none", ""
		}
		if e.mode == "120000" {
			o["type"], o["target"] = "symlink", string(content)
		}
		return ok(o)
	}
	list := []obj{}
	for _, e := range entries {
		list = append(list, s.entryJSON(c.repo, ref, e))
	}
	return ok(list)
}

// wrap64 breaks lines as GitHub does.
func wrap64(b []byte) string {
	var out strings.Builder
	text := base64.StdEncoding.EncodeToString(b)
	for len(text) > 60 {
		out.WriteString(text[:60] + "\n")
		text = text[60:]
	}
	out.WriteString(text + "\n")
	return out.String()
}

type treeEntry struct {
	mode, kind, sha, path string
	size                  int64
}

// listTree lists the file, or the entries of the directory, at a path.
func (s *Server) listTree(dir, commit, path string) ([]treeEntry, error) {
	args := []string{"ls-tree", "-z", "-l", commit}
	if path != "" {
		kind, err := s.git.line(dir, "cat-file", "-t", commit+":"+path)
		if err != nil {
			return nil, err
		}
		if kind == "tree" {
			path += "/"
		}
		args = append(args, "--", path)
	}
	out, err := s.git.run(dir, []string{"GIT_LITERAL_PATHSPECS=1"}, nil, args...)
	if err != nil {
		return nil, err
	}
	var list []treeEntry
	for _, line := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		meta, name, found := strings.Cut(line, "\t")
		f := strings.Fields(meta)
		if !found || len(f) != 4 {
			continue
		}
		size, _ := strconv.ParseInt(f[3], 10, 64)
		list = append(list, treeEntry{mode: f[0], kind: f[1], sha: f[2], size: size, path: name})
	}
	return list, nil
}

func (s *Server) entryJSON(repo *repository, ref string, e treeEntry) obj {
	kind := map[string]string{"tree": "dir", "blob": "file", "commit": "submodule"}[e.kind]
	escaped := (&url.URL{Path: e.path}).EscapedPath()
	self := s.api("repos", repo.FullName(), "contents", escaped) + "?ref=" + url.QueryEscape(ref)
	html := s.addr(repo.FullName(), "blob", ref, escaped)
	git := s.api("repos", repo.FullName(), "git", e.kind+"s", e.sha)
	o := obj{
		"name": e.path[strings.LastIndex(e.path, "/")+1:], "path": e.path, "sha": e.sha, "size": e.size, "type": kind,
		"url": self, "html_url": html, "git_url": git, "download_url": nil,
		"_links": obj{"self": self, "git": git, "html": html},
	}
	if kind == "file" {
		o["download_url"] = s.addr(repo.FullName(), "raw", ref, escaped)
	}
	return o
}

// emptyRepository is the answer to questions about refs where there are none.
func (s *Server) emptyRepository(repo *repository) *answer {
	if refs, _ := s.git.refs(repo.dir); len(refs) == 0 {
		a := fail(http.StatusConflict, "Git Repository is empty.")
		return &a
	}
	return nil
}

func (s *Server) getRef(c *call) answer {
	if a := s.emptyRepository(c.repo); a != nil {
		return *a
	}
	name := "refs/" + c.r.PathValue("ref")
	refs, err := s.git.refs(c.repo.dir, "refs/heads", "refs/tags", "refs/pull")
	if err != nil {
		return fail(500, "Server Error")
	}
	if sha, there := refs[name]; there {
		return ok(s.refJSON(c.repo, name, sha))
	}
	return fail(404, "Not Found")
}

func (s *Server) listMatchingRefs(c *call) answer {
	if a := s.emptyRepository(c.repo); a != nil {
		return *a
	}
	prefix := "refs/" + c.r.PathValue("ref")
	refs, err := s.git.refs(c.repo.dir, "refs/heads", "refs/tags", "refs/pull")
	if err != nil {
		return fail(500, "Server Error")
	}
	names := []string{}
	for name := range refs {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	list := []obj{}
	for _, name := range names {
		list = append(list, s.refJSON(c.repo, name, refs[name]))
	}
	return ok(list)
}

func (s *Server) refJSON(repo *repository, name, sha string) obj {
	kind, err := s.git.line(repo.dir, "cat-file", "-t", sha)
	if err != nil {
		kind = "commit"
	}
	return obj{
		"ref": name, "node_id": nodeID("ref", repo.ID) + digest([]byte(name))[:12], "url": s.api("repos", repo.FullName(), "git", name),
		"object": obj{"sha": sha, "type": kind, "url": s.api("repos", repo.FullName(), "git", kind+"s", sha)},
	}
}

func (s *Server) deleteRef(c *call) answer {
	name := "refs/" + c.r.PathValue("ref")
	refs, _ := s.git.refs(c.repo.dir, "refs")
	if refs[name] == "" || strings.HasPrefix(name, "refs/pull/") || strings.HasPrefix(name, "refs/sim/") {
		return fail(422, "Reference does not exist")
	}
	if name == "refs/heads/"+c.repo.DefaultBranch {
		return fail(422, "Cannot delete the default branch")
	}
	if err := s.moveRefs(c.repo, c.actor, func() error {
		_, err := s.git.out(c.repo.dir, "update-ref", "-d", name, refs[name])
		return err
	}); err != nil {
		return fail(409, "Reference changed")
	}
	return answer{status: http.StatusNoContent}
}
