package githubtest

import (
	"fmt"
	"strings"
	"time"
)

// commitInfo is what git says about a commit.
type commitInfo struct {
	sha, tree                string
	parents                  []string
	author, email, date      string
	committer, cemail, cdate string
	message                  string
}

func (s *Server) readCommit(dir, sha string) (commitInfo, error) {
	out, err := s.git.line(dir, "show", "--no-patch", "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B", sha)
	f := strings.Split(out, "\x00")
	if err != nil || len(f) != 10 {
		return commitInfo{}, fmt.Errorf("reading commit %s: %w", sha, err)
	}
	return commitInfo{sha: f[0], tree: f[1], parents: strings.Fields(f[2]), author: f[3], email: f[4], date: utc(f[5]),
		committer: f[6], cemail: f[7], cdate: utc(f[8]), message: strings.TrimRight(f[9], "\n")}, nil
}

func utc(iso string) string {
	t, err := time.Parse(time.RFC3339, iso)
	if err != nil {
		return iso
	}
	return at(t)
}

func (s *Server) gitCommitJSON(repo *repository, ci commitInfo) obj {
	url := func(kind, sha string) string { return s.api("repos", repo.FullName(), "git", kind, sha) }
	parents := []obj{}
	for _, p := range ci.parents {
		parents = append(parents, obj{"sha": p, "url": url("commits", p), "html_url": s.addr(repo.FullName(), "commit", p)})
	}
	verification := obj{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
	if _, signed := repo.signed.Load(ci.sha); signed {
		verification = obj{"verified": true, "reason": "valid", "signature": "-----BEGIN PGP SIGNATURE-----\n", "payload": "tree " + ci.tree + "\n", "verified_at": ci.cdate}
	}
	return obj{
		"sha": ci.sha, "node_id": "C_" + ci.sha[:24], "url": url("commits", ci.sha), "html_url": s.addr(repo.FullName(), "commit", ci.sha),
		"author":    obj{"name": ci.author, "email": ci.email, "date": ci.date},
		"committer": obj{"name": ci.committer, "email": ci.cemail, "date": ci.cdate},
		"tree":      obj{"sha": ci.tree, "url": url("trees", ci.tree)}, "message": ci.message, "parents": parents,
		"verification": verification,
	}
}

func (s *Server) getGitCommit(c *call) answer {
	sha := c.r.PathValue("commit_sha")
	if a := s.emptyRepository(c.repo); a != nil {
		return *a
	}
	if len(sha) != 40 || s.git.commit(c.repo.dir, sha) != sha {
		return fail(404, "Not Found")
	}
	ci, err := s.readCommit(c.repo.dir, sha)
	if err != nil {
		return fail(404, "Not Found")
	}
	return ok(s.gitCommitJSON(c.repo, ci))
}

// commitJSON is a commit as the repository's own (not git's) commits show it.
func (s *Server) commitJSON(repo *repository, ci commitInfo) obj {
	url := s.api("repos", repo.FullName(), "commits", ci.sha)
	git := s.gitCommitJSON(repo, ci)
	parents := []obj{}
	for _, p := range ci.parents {
		parents = append(parents, obj{"sha": p, "url": s.api("repos", repo.FullName(), "commits", p), "html_url": s.addr(repo.FullName(), "commit", p)})
	}
	return obj{
		"sha": ci.sha, "node_id": git["node_id"], "url": url, "html_url": git["html_url"], "comments_url": url + "/comments",
		"commit": obj{"author": git["author"], "committer": git["committer"], "message": ci.message, "tree": git["tree"],
			"url": git["url"], "comment_count": 0, "verification": git["verification"]},
		"author": nil, "committer": nil, "parents": parents,
	}
}

func (s *Server) getCommit(c *call) answer {
	sha := s.git.commit(c.repo.dir, c.r.PathValue("ref"))
	if sha == "" {
		return fail(422, "No commit found for SHA: "+c.r.PathValue("ref"))
	}
	ci, err := s.readCommit(c.repo.dir, sha)
	if err != nil {
		return fail(404, "Not Found")
	}
	if strings.Contains(c.r.Header.Get("Accept"), "sha") {
		return answer{status: 200, body: rawAnswer{"application/vnd.github.sha; charset=utf-8", []byte(sha)}}
	}
	return ok(s.commitJSON(c.repo, ci))
}

func (s *Server) getBranch(c *call) answer {
	name := c.r.PathValue("branch")
	refs, err := s.git.refs(c.repo.dir, "refs/heads/"+name)
	sha := refs["refs/heads/"+name]
	if err != nil || sha == "" {
		return fail(404, "Branch not found")
	}
	ci, err := s.readCommit(c.repo.dir, sha)
	if err != nil {
		return fail(404, "Branch not found")
	}
	self := s.api("repos", c.repo.FullName(), "branches", name)
	return ok(obj{
		"name": name, "commit": s.commitJSON(c.repo, ci), "protected": false, "protection_url": self + "/protection",
		"_links":     obj{"self": self, "html": s.addr(c.repo.FullName(), "tree", name)},
		"protection": obj{"enabled": false, "required_status_checks": obj{"enforcement_level": "off", "contexts": []string{}, "checks": []string{}}},
	})
}

func (s *Server) compare(c *call) answer {
	base, head, found := strings.Cut(c.r.PathValue("basehead"), "...")
	from, to := s.git.commit(c.repo.dir, base), s.git.commit(c.repo.dir, head)
	if !found || from == "" || to == "" {
		return fail(404, "Not Found")
	}
	mergeBase, err := s.git.line(c.repo.dir, "merge-base", from, to)
	if err != nil {
		return fail(404, fmt.Sprintf("No common ancestor between %s and %s.", base, head))
	}
	list := func(a, b string) []obj {
		out, _ := s.git.line(c.repo.dir, "rev-list", "--reverse", a+".."+b)
		commits := []obj{}
		for _, sha := range strings.Fields(out) {
			if ci, err := s.readCommit(c.repo.dir, sha); err == nil {
				commits = append(commits, s.commitJSON(c.repo, ci))
			}
		}
		return commits
	}
	ahead, behind := list(from, to), list(to, from)
	status := "identical"
	switch {
	case len(ahead) > 0 && len(behind) > 0:
		status = "diverged"
	case len(ahead) > 0:
		status = "ahead"
	case len(behind) > 0:
		status = "behind"
	}
	one := func(sha string) obj {
		ci, _ := s.readCommit(c.repo.dir, sha)
		return s.commitJSON(c.repo, ci)
	}
	html := s.addr(c.repo.FullName(), "compare", base+"..."+head)
	d, _ := s.diff(c.repo.dir, mergeBase, to)
	return ok(obj{
		"url": s.api("repos", c.repo.FullName(), "compare", base+"..."+head), "html_url": html, "permalink_url": html,
		"diff_url": html + ".diff", "patch_url": html + ".patch", "base_commit": one(from), "merge_base_commit": one(mergeBase),
		"status": status, "ahead_by": len(ahead), "behind_by": len(behind), "total_commits": len(ahead), "commits": ahead,
		"files": s.filesJSON(c.repo, to, d),
	})
}
