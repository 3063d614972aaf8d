package githubtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"
)

func (s *Server) issueJSON(repo *repository, i *Issue) obj {
	url := s.api("repos", repo.FullName(), "issues", i.Number)
	html := s.addr(repo.FullName(), "issues", i.Number)
	if i.PullRequest {
		html = s.addr(repo.FullName(), "pull", i.Number)
	}
	labels, assignees := []obj{}, []obj{}
	for _, l := range i.Labels {
		labels = append(labels, s.labelJSON(repo, l))
	}
	var assignee any
	for _, a := range i.Assignees {
		assignees = append(assignees, s.accountJSON(&a))
		assignee = assignees[0]
	}
	o := obj{
		"id": i.ID, "node_id": nodeID("issue", i.ID), "url": url, "repository_url": s.api("repos", repo.FullName()),
		"labels_url": url + "/labels{/name}", "comments_url": url + "/comments", "events_url": url + "/events", "timeline_url": url + "/timeline",
		"html_url": html, "number": i.Number, "state": i.State, "state_reason": textOrNull(i.StateReason), "title": i.Title,
		"body": textOrNull(i.Body), "user": s.accountJSON(s.accounts[i.Author.ID]), "labels": labels, "assignee": assignee, "assignees": assignees,
		"milestone": nil, "locked": i.Locked, "active_lock_reason": nil, "comments": i.comments, "closed_at": atOrNull(i.ClosedAt),
		"created_at": at(i.CreatedAt), "updated_at": at(i.UpdatedAt), "author_association": s.association(repo, &i.Author),
		"performed_via_github_app": nil, "reactions": s.rollup(repo, url, i.ID),
	}
	if app := s.apps[i.App]; app != nil {
		o["performed_via_github_app"] = s.appJSON(app)
	}
	if i.PullRequest {
		api := s.api("repos", repo.FullName(), "pulls", i.Number)
		o["pull_request"] = obj{"url": api, "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "merged_at": nil}
		if p := repo.pulls[i.Number]; p != nil {
			o["draft"] = p.Draft
			o["pull_request"].(obj)["merged_at"] = atOrNull(p.MergedAt)
		}
	}
	return o
}

// issueOf finds the issue in the path.
func (s *Server) issueOf(c *call) (*Issue, *answer) {
	if i := c.repo.issues[int(c.number("number"))]; i != nil {
		return i, nil
	}
	a := fail(404, "Not Found")
	if n := int(c.number("number")); n > 0 && n <= c.repo.lastNumber {
		a = fail(410, "This issue was deleted")
	}
	return nil, &a
}

func (s *Server) getIssue(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to := c.repo.transferred[int(c.number("number"))]; to != "" {
		return answer{status: http.StatusMovedPermanently, header: map[string]string{"Location": to}, body: problem{Message: "Moved Permanently", URL: &to,
			DocumentationURL: "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects", Status: "301"}}
	}
	i, refused := s.issueOf(c)
	if refused != nil {
		return *refused
	}
	return ok(s.issueJSON(c.repo, i))
}

func (s *Server) listIssues(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := c.r.URL.Query().Get("state")
	if state == "" {
		state = "open"
	}
	numbers := slices.Sorted(maps.Keys(c.repo.issues))
	slices.Reverse(numbers)
	list := []obj{}
	for _, n := range numbers {
		if i := c.repo.issues[n]; state == "all" || i.State == state {
			list = append(list, s.issueJSON(c.repo, i))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, body: cut, header: link}
}

func (s *Server) createIssueREST(c *call) answer {
	var in struct {
		Title  string   `json:"title"`
		Body   string   `json:"body"`
		Labels []string `json:"labels"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if in.Title == "" {
		return invalid("Issue", "title", "missing_field", "")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.newIssue(c.repo, c.actor.user, in.Title, in.Body)
	if c.actor.app != nil {
		i.App = c.actor.app.ID
	}
	s.tellIssue(c.repo, i, "opened", c.actor.user, nil)
	for _, l := range in.Labels {
		s.addLabel(c.repo, i, c.actor.user, l)
	}
	return created(s.issueJSON(c.repo, i))
}

func (s *Server) updateIssue(c *call) answer {
	var in EditIssue
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if in.Body != nil && utf8.RuneCountInString(*in.Body) > maxBody {
		return tooLong("Issue")
	}
	if in.State != nil && *in.State != "open" && *in.State != "closed" {
		return invalid("Issue", "state", "invalid", "")
	}
	in.Locked = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	i, refused := s.issueOf(c)
	if refused != nil {
		return *refused
	}
	s.applyIssue(c.repo, i, c.actor.user, in)
	return ok(s.issueJSON(c.repo, i))
}

func tooLong(resource string) answer {
	return invalid(resource, "body", "custom", fmt.Sprintf("body is too long (maximum is %d characters)", maxBody))
}

func (s *Server) addLabelsREST(c *call) answer {
	var in struct {
		Labels []string `json:"labels"`
	}
	if bad := c.into(&in); bad != nil {
		if bad = c.into(&in.Labels); bad != nil { // a bare list is accepted too
			return *bad
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, refused := s.issueOf(c)
	if refused != nil {
		return *refused
	}
	for _, l := range in.Labels {
		s.addLabel(c.repo, i, c.actor.user, l)
	}
	return ok(s.issueJSON(c.repo, i)["labels"])
}

func (s *Server) removeLabelREST(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, refused := s.issueOf(c)
	if refused != nil {
		return *refused
	}
	if !slices.Contains(i.Labels, c.r.PathValue("name")) {
		return fail(404, "Label does not exist")
	}
	s.removeLabel(c.repo, i, c.actor.user, c.r.PathValue("name"))
	return ok(s.issueJSON(c.repo, i)["labels"])
}
