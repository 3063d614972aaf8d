package githubtest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) pullOf(c *call) (*PullRequest, *answer) {
	if p := c.repo.pulls[int(c.number("number"))]; p != nil {
		return p, nil
	}
	a := fail(404, "Not Found")
	return nil, &a
}

func (s *Server) getPull(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, refused := s.pullOf(c)
	if refused != nil {
		return *refused
	}
	return ok(s.pullJSON(c.repo, p, true))
}

func (s *Server) listPulls(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := c.r.URL.Query()
	state := q.Get("state")
	if state == "" {
		state = "open"
	}
	numbers := slices.Sorted(maps.Keys(c.repo.pulls))
	if q.Get("direction") != "asc" {
		slices.Reverse(numbers)
	}
	list := []obj{}
	for _, n := range numbers {
		p := c.repo.pulls[n]
		if state != "all" && p.State != state || q.Get("base") != "" && q.Get("base") != p.Base {
			continue
		}
		// A head filter without OWNER: is ignored, on GitHub as here.
		if owner, branch, found := strings.Cut(q.Get("head"), ":"); found && (!strings.EqualFold(owner, s.headOf(c.repo, p).Owner.Login) || branch != p.Head) {
			continue
		}
		list = append(list, s.pullJSON(c.repo, p, false))
	}
	cut, link := page(s, c, list)
	return answer{status: 200, body: cut, header: link}
}

func (s *Server) listPullFiles(c *call) answer {
	s.mu.Lock()
	p, refused := s.pullOf(c)
	if refused != nil {
		s.mu.Unlock()
		return *refused
	}
	pull := *p
	s.mu.Unlock()
	d, err := s.measure(c.repo, &pull)
	if err != nil {
		return fail(500, "Server Error")
	}
	cut, link := page(s, c, s.filesJSON(c.repo, pull.HeadSHA, d))
	return answer{status: http.StatusOK, body: cut, header: link}
}

// pullJSON is a pull request; whole adds what only a single one shows.
func (s *Server) pullJSON(repo *repository, p *PullRequest, whole bool) obj {
	url, html := s.api("repos", repo.FullName(), "pulls", p.Number), s.addr(repo.FullName(), "pull", p.Number)
	issue := s.issueJSON(repo, repo.issues[p.Number])
	issueURL := issue["url"].(string)
	side := func(in *repository, branch, sha string) obj {
		return obj{"label": in.Owner.Login + ":" + branch, "ref": branch, "sha": sha, "user": s.accountJSON(s.accounts[in.Owner.ID]), "repo": s.repositoryJSON(in)}
	}
	link := func(to string) obj { return obj{"href": to} }
	statuses := s.api("repos", repo.FullName(), "statuses", p.HeadSHA)
	o := obj{
		"id": p.ID, "node_id": nodeID("pull-request", p.ID), "url": url, "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch",
		"issue_url": issueURL, "number": p.Number, "state": p.State, "locked": issue["locked"], "title": p.Title, "user": s.accountJSON(s.accounts[p.Author.ID]),
		"body": textOrNull(p.Body), "created_at": at(p.CreatedAt), "updated_at": at(p.UpdatedAt), "closed_at": atOrNull(p.ClosedAt),
		"merged_at": atOrNull(p.MergedAt), "merge_commit_sha": textOrNull(p.MergeCommit), "assignee": issue["assignee"], "assignees": issue["assignees"],
		"requested_reviewers": []obj{}, "requested_teams": []obj{}, "labels": issue["labels"], "milestone": nil, "draft": p.Draft,
		"commits_url": url + "/commits", "review_comments_url": url + "/comments", "review_comment_url": url + "/comments{/number}",
		"comments_url": issueURL + "/comments", "statuses_url": statuses, "head": side(s.headOf(repo, p), p.Head, p.HeadSHA), "base": side(repo, p.Base, p.BaseSHA),
		"_links": obj{"self": link(url), "html": link(html), "issue": link(issueURL), "comments": link(issueURL + "/comments"),
			"review_comments": link(url + "/comments"), "review_comment": link(url + "/comments{/number}"), "commits": link(url + "/commits"), "statuses": link(statuses)},
		"author_association": s.association(repo, &p.Author), "auto_merge": nil, "active_lock_reason": nil,
	}
	if whole {
		state := "clean"
		switch {
		case p.Conflicts:
			state = "dirty"
		case p.Draft:
			state = "draft"
		}
		var mergedBy any
		if p.Merged {
			mergedBy = s.accountJSON(s.accounts[p.MergedBy.ID])
		}
		maps.Copy(o, obj{"merged": p.Merged, "mergeable": !p.Conflicts, "rebaseable": !p.Conflicts, "mergeable_state": state, "merged_by": mergedBy,
			"comments": issue["comments"], "review_comments": 0, "maintainer_can_modify": false, "commits": p.Commits, "additions": p.Additions,
			"deletions": p.Deletions, "changed_files": p.ChangedFiles})
	}
	return o
}
