package githubtest

import (
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// CheckRun is a check run.
type CheckRun struct {
	ID          int64         `json:"id"`
	Repository  string        `json:"repository"`
	App         int64         `json:"app"`
	Name        string        `json:"name"`
	HeadSHA     string        `json:"head_sha"`
	Status      string        `json:"status"`
	Conclusion  string        `json:"conclusion,omitempty"`
	DetailsURL  string        `json:"details_url,omitempty"`
	ExternalID  string        `json:"external_id,omitempty"`
	Title       string        `json:"title,omitempty"`
	Summary     string        `json:"summary,omitempty"`
	Text        string        `json:"text,omitempty"`
	Actions     []CheckAction `json:"actions,omitempty"`
	Annotations []Annotation  `json:"annotations,omitempty"`
	StartedAt   time.Time     `json:"started_at,omitzero"`
	CompletedAt time.Time     `json:"completed_at,omitzero"`
	URL         string        `json:"url"`
	Updates     int           `json:"updates"`

	suite int64
	log   string // of the job behind it
}

// Annotation is what a check run says about lines of a file.
type Annotation struct {
	Path      string `json:"path"`
	StartLine int    `json:"start_line"`
	EndLine   int    `json:"end_line"`
	Level     string `json:"annotation_level"`
	Title     string `json:"title,omitempty"`
	Message   string `json:"message"`
}

// CheckAction is a button on a check run.
type CheckAction struct {
	Label       string `json:"label"`
	Description string `json:"description"`
	Identifier  string `json:"identifier"`
}

// checkInput is a request to create or update a check run; nil stays.
type checkInput struct {
	Name        *string    `json:"name"`
	HeadSHA     *string    `json:"head_sha"`
	Status      *string    `json:"status"`
	Conclusion  *string    `json:"conclusion"`
	DetailsURL  *string    `json:"details_url"`
	ExternalID  *string    `json:"external_id"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *struct {
		Title       *string      `json:"title"`
		Summary     *string      `json:"summary"`
		Text        *string      `json:"text"`
		Annotations []Annotation `json:"annotations"`
	} `json:"output"`
	Actions []CheckAction `json:"actions"`
}

const maxSummary = 65535

var (
	annotationLevels = []string{"notice", "warning", "failure"}
	checkStatuses    = []string{"queued", "in_progress", "completed"}
	checkConclusions = []string{"success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"}
)

// check says what is wrong with a request, as GitHub would.
func (in *checkInput) check() *answer {
	refuse := func(message string) *answer { a := fail(422, message); return &a }
	if in.Status != nil && !slices.Contains(checkStatuses, *in.Status) {
		return refuse(fmt.Sprintf("Invalid request.\n\n%s is not a member of %q.", *in.Status, checkStatuses))
	}
	if in.Conclusion != nil && !slices.Contains(checkConclusions, *in.Conclusion) {
		return refuse(fmt.Sprintf("Invalid request.\n\n%s is not a member of %q.", *in.Conclusion, checkConclusions))
	}
	if in.Status != nil && *in.Status == "completed" && in.Conclusion == nil {
		return refuse("Invalid request.\n\n\"conclusion\" wasn't supplied.")
	}
	if len(in.Actions) > 3 {
		return refuse("Invalid request.\n\nNo more than 3 items are allowed; " + fmt.Sprint(len(in.Actions)) + " were supplied.")
	}
	for _, a := range in.Actions {
		if utf8.RuneCountInString(a.Label) > 20 || utf8.RuneCountInString(a.Description) > 40 || utf8.RuneCountInString(a.Identifier) > 20 {
			return refuse("Invalid request.\n\nAn action's label, description or identifier is too long.")
		}
	}
	if o := in.Output; o != nil {
		if o.Summary == nil {
			return refuse("Invalid request.\n\n\"summary\" wasn't supplied.")
		}
		for _, text := range []*string{o.Summary, o.Text} {
			if text != nil && utf8.RuneCountInString(*text) > maxSummary {
				return refuse(fmt.Sprintf("Invalid request.\n\nOnly %d characters are allowed; %d were supplied.", maxSummary, utf8.RuneCountInString(*text)))
			}
		}
		if len(o.Annotations) > 50 {
			return refuse(fmt.Sprintf("Invalid request.\n\nNo more than 50 items are allowed; %d were supplied.", len(o.Annotations)))
		}
		for _, n := range o.Annotations {
			if n.Path == "" || n.Message == "" || n.StartLine < 1 || n.EndLine < n.StartLine || !slices.Contains(annotationLevels, n.Level) {
				return refuse("Invalid request.\n\nAn annotation lacks its path, lines, level or message.")
			}
			if utf8.RuneCountInString(n.Title) > 255 || len(n.Message) > 64<<10 {
				return refuse("Invalid request.\n\nAn annotation's title or message is too long.")
			}
		}
	}
	return nil
}

// apply changes the check run as asked.
func (in *checkInput) apply(k *CheckRun, now time.Time) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&k.Name, in.Name)
	set(&k.Status, in.Status)
	set(&k.DetailsURL, in.DetailsURL)
	set(&k.ExternalID, in.ExternalID)
	if in.StartedAt != nil {
		k.StartedAt = *in.StartedAt
	}
	if in.Status != nil && *in.Status != "completed" {
		k.Conclusion, k.CompletedAt = "", time.Time{}
	}
	if in.Conclusion != nil { // which completes it, whatever the status says
		k.Status, k.Conclusion, k.CompletedAt = "completed", *in.Conclusion, now
	}
	if in.CompletedAt != nil {
		k.CompletedAt = *in.CompletedAt
	}
	if o := in.Output; o != nil {
		k.Title, k.Text = "", ""
		set(&k.Title, o.Title)
		set(&k.Summary, o.Summary)
		set(&k.Text, o.Text)
		k.Annotations = append(k.Annotations, o.Annotations...) // never instead of those that it has
	}
	if in.Actions != nil {
		k.Actions = in.Actions
	}
}

// CheckRuns returns the check runs of a repository, by id.
func (s *Server) CheckRuns(repo Repository) []CheckRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []CheckRun
	if r := s.repos[repo.ID]; r != nil {
		for _, id := range slices.Sorted(maps.Keys(r.checks)) {
			out = append(out, *r.checks[id])
		}
	}
	return out
}

func (s *Server) createCheck(c *call) answer {
	var in checkInput
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if c.actor.app == nil {
		return fail(403, "You must authenticate via a GitHub App.")
	}
	if in.Name == nil || *in.Name == "" {
		return fail(422, "Invalid request.\n\n\"name\" wasn't supplied.")
	}
	if in.HeadSHA == nil {
		return fail(422, "Invalid request.\n\n\"head_sha\" wasn't supplied.")
	}
	if bad := in.check(); bad != nil {
		return *bad
	}
	if len(*in.HeadSHA) != 40 || s.git.commit(c.repo.dir, *in.HeadSHA) != *in.HeadSHA {
		return fail(422, "No commit found for SHA: "+*in.HeadSHA)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	k := &CheckRun{ID: s.newID("check"), Repository: c.repo.FullName(), App: c.actor.app.ID, HeadSHA: *in.HeadSHA, Status: "queued", StartedAt: now}
	for _, other := range c.repo.checks {
		if other.App == k.App && other.HeadSHA == k.HeadSHA {
			k.suite = other.suite
		}
	}
	if k.suite == 0 {
		k.suite = s.newID("suite")
	}
	k.URL = s.addr(c.repo.FullName(), "runs", k.ID)
	in.apply(k, now)
	c.repo.checks[k.ID] = k
	s.changed()
	return created(s.checkJSON(c.repo, k))
}

func (s *Server) checkOf(c *call) (*CheckRun, *answer) {
	if k := c.repo.checks[c.number("check_run_id")]; k != nil {
		return k, nil
	}
	a := fail(404, "Not Found")
	return nil, &a
}

func (s *Server) getCheck(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, refused := s.checkOf(c)
	if refused != nil {
		return *refused
	}
	return ok(s.checkJSON(c.repo, k))
}

func (s *Server) updateCheck(c *call) answer {
	var in checkInput
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if bad := in.check(); bad != nil {
		return *bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, refused := s.checkOf(c)
	if refused != nil {
		return *refused
	}
	if c.actor.app == nil || k.App != c.actor.app.ID {
		return fail(403, "Invalid app_id `"+fmt.Sprint(k.App)+"` - check run can only be modified by the GitHub App that created it.")
	}
	in.apply(k, s.now())
	k.Updates++
	s.changed()
	return ok(s.checkJSON(c.repo, k))
}

func (s *Server) listChecks(c *call) answer {
	sha := s.git.commit(c.repo.dir, c.r.PathValue("ref"))
	if sha == "" {
		return fail(422, "No commit found for SHA: "+c.r.PathValue("ref"))
	}
	q := c.r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []obj{}
	ids := slices.Sorted(maps.Keys(c.repo.checks))
	slices.Reverse(ids)
	for _, id := range ids {
		k := c.repo.checks[id]
		if k.HeadSHA == sha && (q.Get("check_name") == "" || q.Get("check_name") == k.Name) && (q.Get("status") == "" || q.Get("status") == k.Status) &&
			(q.Get("app_id") == "" || q.Get("app_id") == fmt.Sprint(k.App)) {
			list = append(list, s.checkJSON(c.repo, k))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, header: link, body: obj{"total_count": len(list), "check_runs": cut}}
}

func (s *Server) checkJSON(repo *repository, k *CheckRun) obj {
	url := s.api("repos", repo.FullName(), "check-runs", k.ID)
	pulls := []obj{}
	for _, n := range slices.Sorted(maps.Keys(repo.pulls)) {
		if p := repo.pulls[n]; p.HeadSHA == k.HeadSHA && p.State == "open" {
			r := obj{"id": repo.ID, "url": s.api("repos", repo.FullName()), "name": repo.Name}
			pulls = append(pulls, obj{"id": p.ID, "number": p.Number, "url": s.api("repos", repo.FullName(), "pulls", p.Number),
				"head": obj{"ref": p.Head, "sha": p.HeadSHA, "repo": r}, "base": obj{"ref": p.Base, "sha": p.BaseSHA, "repo": r}})
		}
	}
	details := k.DetailsURL
	if details == "" {
		details = s.apps[k.App].WebhookURL
	}
	return obj{
		"id": k.ID, "node_id": nodeID("check-run", k.ID), "head_sha": k.HeadSHA, "external_id": k.ExternalID, "url": url,
		"html_url": k.URL, "details_url": details, "status": k.Status, "conclusion": textOrNull(k.Conclusion), "name": k.Name,
		"started_at": atOrNull(k.StartedAt), "completed_at": atOrNull(k.CompletedAt), "check_suite": obj{"id": k.suite},
		"app": s.appJSON(s.apps[k.App]), "pull_requests": pulls,
		"output": obj{"title": textOrNull(k.Title), "summary": textOrNull(k.Summary), "text": textOrNull(k.Text),
			"annotations_count": len(k.Annotations), "annotations_url": url + "/annotations"},
	}
}
