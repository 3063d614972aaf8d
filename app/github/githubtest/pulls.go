package githubtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// PullRequest is what a pull request has beyond its [Issue].
type PullRequest struct {
	ID           int64     `json:"id"`
	Repository   string    `json:"repository"`
	Number       int       `json:"number"`
	Title        string    `json:"title"`
	Body         string    `json:"body"`
	Author       Account   `json:"author"`
	Head         string    `json:"head"` // branch
	Base         string    `json:"base"` // branch
	HeadSHA      string    `json:"head_sha"`
	BaseSHA      string    `json:"base_sha"`
	Draft        bool      `json:"draft"`
	State        string    `json:"state"` // open or closed
	Additions    int       `json:"additions"`
	Deletions    int       `json:"deletions"`
	ChangedFiles int       `json:"changed_files"`
	Commits      int       `json:"commits"`
	Conflicts    bool      `json:"conflicts"`
	Merged       bool      `json:"merged"`
	MergedAt     time.Time `json:"merged_at,omitzero"`
	MergedBy     Account   `json:"merged_by,omitzero"`
	MergeCommit  string    `json:"merge_commit,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	ClosedAt     time.Time `json:"closed_at,omitzero"`
	URL          string    `json:"url"`
	Reviewers    []string  `json:"reviewers,omitempty"` // who was asked: logins, and slugs of teams
	// Fork is the id of the repository that the head branch is in; 0 if it is this one.
	Fork int64 `json:"fork,omitempty"`
}

// PullRequests returns the pull requests of a repository, by number.
func (s *Server) PullRequests(repo Repository) []PullRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []PullRequest
	if r := s.repos[repo.ID]; r != nil {
		for _, n := range slices.Sorted(maps.Keys(r.pulls)) {
			out = append(out, *r.pulls[n])
		}
	}
	return out
}

// measure works out what a pull request changes. It runs git, so without mu.
func (s *Server) measure(repo *repository, p *PullRequest) (diff, error) {
	mergeBase, err := s.git.out(repo.dir, "merge-base", p.BaseSHA, p.HeadSHA)
	if err != nil {
		return diff{}, err
	}
	count, err := s.git.out(repo.dir, "rev-list", "--count", p.BaseSHA+".."+p.HeadSHA)
	if err != nil {
		return diff{}, err
	}
	d, err := s.diff(repo.dir, mergeBase, p.HeadSHA)
	if err != nil {
		return diff{}, err
	}
	_, conflict := s.git.out(repo.dir, "merge-tree", "--write-tree", p.BaseSHA, p.HeadSHA)
	p.Commits, _ = strconv.Atoi(count)
	p.Additions, p.Deletions, p.ChangedFiles, p.Conflicts = d.additions, d.deleted, len(d.files), conflict != nil
	return d, nil
}

// refreshPulls follows moved branches. The caller holds pushing, not mu.
func (s *Server) refreshPulls(repo *repository, pushes []Push) ([]*PullRequest, error) {
	s.mu.Lock()
	var open []PullRequest
	for _, p := range repo.pulls {
		if p.State == "open" {
			open = append(open, *p)
		}
	}
	s.mu.Unlock()
	moved := map[string]string{}
	for _, p := range pushes {
		moved[p.Ref] = p.New
	}
	var synchronized []*PullRequest
	for _, p := range open {
		head, headMoved := moved["refs/heads/"+p.Head]
		headMoved = headMoved && p.Fork == 0
		base, baseMoved := moved["refs/heads/"+p.Base]
		if !headMoved && !baseMoved {
			continue
		}
		if headMoved && head == "" { // its branch is gone: GitHub closes it
			s.mu.Lock()
			s.setState(repo, repo.issues[p.Number], &p.Author, "closed", "")
			s.mu.Unlock()
			continue
		}
		if headMoved {
			p.HeadSHA = head
			if _, err := s.git.out(repo.dir, "update-ref", fmt.Sprintf("refs/pull/%d/head", p.Number), head); err != nil {
				return nil, err
			}
		}
		if baseMoved && base != "" {
			p.BaseSHA = base
		}
		if _, err := s.measure(repo, &p); err != nil {
			return nil, err
		}
		s.mu.Lock()
		live := repo.pulls[p.Number]
		live.HeadSHA, live.BaseSHA, live.UpdatedAt = p.HeadSHA, p.BaseSHA, s.now()
		live.Additions, live.Deletions, live.ChangedFiles, live.Commits, live.Conflicts = p.Additions, p.Deletions, p.ChangedFiles, p.Commits, p.Conflicts
		if headMoved {
			synchronized = append(synchronized, live)
		}
		s.mu.Unlock()
	}
	return synchronized, nil
}

func (s *Server) createPull(c *call) answer {
	var in struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Head  string `json:"head"`
		Base  string `json:"base"`
		Draft bool   `json:"draft"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if in.Title == "" {
		return invalid("PullRequest", "title", "missing_field", "")
	}
	if utf8.RuneCountInString(in.Body) > maxBody {
		return tooLong("PullRequest")
	}
	in.Head = strings.TrimPrefix(in.Head, c.repo.Owner.Login+":")
	c.repo.pushing.Lock()
	defer c.repo.pushing.Unlock()
	refs, err := s.git.refs(c.repo.dir, "refs/heads")
	if err != nil {
		return fail(500, "Server Error")
	}
	p := &PullRequest{Title: in.Title, Body: in.Body, Author: *c.actor.user, Head: in.Head, Base: in.Base, Draft: in.Draft, State: "open",
		HeadSHA: refs["refs/heads/"+in.Head], BaseSHA: refs["refs/heads/"+in.Base], Repository: c.repo.FullName()}
	if p.HeadSHA == "" {
		return invalid("PullRequest", "head", "invalid", "")
	}
	if p.BaseSHA == "" {
		return invalid("PullRequest", "base", "invalid", "")
	}
	s.mu.Lock()
	for _, other := range c.repo.pulls {
		if other.State == "open" && other.Fork == 0 && other.Head == in.Head && other.Base == in.Base {
			s.mu.Unlock()
			return invalid("PullRequest", "", "custom", fmt.Sprintf("A pull request already exists for %s:%s.", c.repo.Owner.Login, in.Head))
		}
	}
	s.mu.Unlock()
	if _, err := s.measure(c.repo, p); err != nil {
		return invalid("PullRequest", "", "custom", fmt.Sprintf("The %s branch has no history in common with %s", in.Head, in.Base))
	}
	if p.Commits == 0 {
		return invalid("PullRequest", "", "custom", fmt.Sprintf("No commits between %s and %s", in.Base, in.Head))
	}
	s.mu.Lock()
	i := s.newIssue(c.repo, c.actor.user, in.Title, in.Body)
	i.PullRequest = true
	p.ID, p.Number, p.CreatedAt, p.UpdatedAt = s.newID("pull"), i.Number, i.CreatedAt, i.UpdatedAt
	p.URL = s.addr(c.repo.FullName(), "pull", p.Number)
	c.repo.pulls[p.Number] = p
	s.tellPull(c.repo, p, "opened", c.actor)
	s.changed()
	a := created(s.pullJSON(c.repo, p, true))
	s.mu.Unlock()
	if _, err := s.git.out(c.repo.dir, "update-ref", fmt.Sprintf("refs/pull/%d/head", p.Number), p.HeadSHA); err != nil {
		return fail(500, "Server Error")
	}
	return a
}

func (s *Server) updatePull(c *call) answer {
	var in struct {
		Title *string `json:"title"`
		Body  *string `json:"body"`
		State *string `json:"state"`
		Base  *string `json:"base"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if in.Body != nil && utf8.RuneCountInString(*in.Body) > maxBody {
		return tooLong("PullRequest")
	}
	if in.State != nil && *in.State != "open" && *in.State != "closed" {
		return invalid("PullRequest", "state", "invalid", "")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, refused := s.pullOf(c)
	if refused != nil {
		return *refused
	}
	if in.State != nil && *in.State == "open" && p.Merged {
		return invalid("PullRequest", "state", "invalid", "state cannot be changed. The pull request was merged.")
	}
	s.applyIssue(c.repo, c.repo.issues[p.Number], c.actor.user, EditIssue{Title: in.Title, Body: in.Body, State: in.State})
	p.UpdatedAt = s.now()
	return ok(s.pullJSON(c.repo, p, true))
}
