package githubtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// remark is the body of an issue or a comment, with the reactions to it.
type remark struct {
	Anchor    string
	Author    Account
	Body      string
	Note      string // what was done, such as "opened this"
	Shown     time.Time
	Edited    bool
	Reactions []reactionCount
	Role      string
}

type reactionCount struct {
	Content string
	Count   int
	Who     string
}

// thread returns an issue's body and comments, in order.
func (s *Server) thread(repo *repository, number int) (Issue, []remark, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := repo.issues[number]
	if i == nil {
		return Issue{}, nil, false
	}
	role := func(a *Account) string {
		if a.Type == Bot {
			return "bot"
		}
		return s.role(repo, a)
	}
	remarks := []remark{{Anchor: fmt.Sprintf("issue-%d", i.ID), Author: i.Author, Body: i.Body, Note: "opened this", Shown: i.CreatedAt,
		Reactions: repo.reactionsTo(i.ID), Role: role(&i.Author)}}
	for _, c := range repo.commentsOf(number) {
		remarks = append(remarks, remark{Anchor: fmt.Sprintf("issuecomment-%d", c.ID), Author: c.Author, Body: c.Body, Note: "commented",
			Shown: c.CreatedAt, Edited: c.Edits > 0, Reactions: repo.reactionsTo(c.ID), Role: role(&c.Author)})
	}
	return i.copy(), remarks, true
}

func (r *repository) reactionsTo(subject int64) []reactionCount {
	var out []reactionCount
	for _, kind := range reactionKinds {
		n, who := 0, ""
		for _, re := range r.reactions {
			if re.subject == subject && re.Content == kind.content {
				n++
				who = re.User.Login
			}
		}
		if n > 0 {
			out = append(out, reactionCount{kind.content, n, who})
		}
	}
	return out
}

func (s *Server) issuePage(w http.ResponseWriter, r *http.Request) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	number := int(pathInt(r, "number"))
	issue, remarks, found := s.thread(repo, number)
	if !found {
		s.noPage(w, r)
		return
	}
	if issue.PullRequest {
		http.Redirect(w, r, fmt.Sprintf("/%s/pull/%d", shown.FullName(), number), http.StatusFound)
		return
	}
	var linked []PullRequest
	for _, p := range s.PullRequests(*shown) {
		for _, n := range closes(p.Body) {
			if n == number {
				linked = append(linked, p)
			}
		}
	}
	s.pages.show(w, http.StatusOK, "issue", view{Title: fmt.Sprintf("%s · #%d", issue.Title, number), Repo: shown, Tab: "issues", Data: obj{
		"Issue": issue, "Remarks": remarks, "People": s.people(repo), "As": r.URL.Query().Get("as"), "Linked": linked}})
}

func (s *Server) pullPage(w http.ResponseWriter, r *http.Request) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	number := int(pathInt(r, "number"))
	issue, remarks, found := s.thread(repo, number)
	s.mu.Lock()
	var pull PullRequest
	if p := repo.pulls[number]; p != nil {
		pull = *p
	}
	s.mu.Unlock()
	if !found || pull.Number == 0 {
		s.noPage(w, r)
		return
	}
	d, err := s.measure(repo, new(pull))
	if err != nil {
		s.log.Error("comparing for a page", "pull", number, "error", err)
	}
	var checks []CheckRun
	for _, k := range s.CheckRuns(*shown) {
		if k.HeadSHA == pull.HeadSHA {
			checks = append(checks, k)
		}
	}
	s.pages.show(w, http.StatusOK, "pull", view{Title: fmt.Sprintf("%s · #%d", pull.Title, number), Repo: shown, Tab: "pulls", Data: obj{
		"Issue": issue, "Pull": pull, "Remarks": remarks, "People": s.people(repo), "As": r.URL.Query().Get("as"),
		"Files": shownFiles(d), "Checks": checks}})
}

// shownFile is a file of a diff on a page.
type shownFile struct {
	Path, From, Status, Patch string
	Additions, Deletions      int
	Binary                    bool
}

func shownFiles(d diff) []shownFile {
	var out []shownFile
	for _, f := range d.files {
		out = append(out, shownFile{f.path, f.from, f.status, f.patch, f.additions, f.lines, f.binary})
	}
	return out
}

// formUser finds who a form speaks as.
func (s *Server) formUser(w http.ResponseWriter, r *http.Request) (*repository, *Repository, Account, bool) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return nil, nil, Account{}, false
	}
	user, err := s.who(r.FormValue("user"))
	if err != nil {
		http.Error(w, "choose who you are", http.StatusUnprocessableEntity)
		return nil, nil, Account{}, false
	}
	return repo, shown, user, true
}

// back leads to the thread again, as the same person.
func back(w http.ResponseWriter, r *http.Request, repo *Repository, number int, user Account, anchor string) {
	to := fmt.Sprintf("/%s/issues/%d?as=%s", repo.FullName(), number, url.QueryEscape(user.Login))
	if anchor != "" {
		to += "#" + anchor
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Server) commentForm(w http.ResponseWriter, r *http.Request) {
	repo, shown, user, valid := s.formUser(w, r)
	if !valid {
		return
	}
	number := int(pathInt(r, "number"))
	if s.roleOf(repo, user) == "none" {
		http.Error(w, user.Login+" cannot see this repository", http.StatusForbidden)
		return
	}
	c, err := s.comment(repo.ID, number, user.ID, r.FormValue("body"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	back(w, r, shown, number, user, "issuecomment-"+strconv.FormatInt(c.ID, 10))
}

func (s *Server) roleOf(repo *repository, user Account) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.role(repo, &user)
}

func (s *Server) newIssueForm(w http.ResponseWriter, r *http.Request) {
	repo, shown, user, valid := s.formUser(w, r)
	if !valid {
		return
	}
	i, err := s.createIssue(repo.ID, user.ID, r.FormValue("title"), r.FormValue("body"), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	back(w, r, shown, i.Number, user, "")
}

// issueForm serves the buttons: merge, close, reopen, ready. They need write.
func (s *Server) issueForm(w http.ResponseWriter, r *http.Request) {
	repo, shown, user, valid := s.formUser(w, r)
	if !valid {
		return
	}
	s.mu.Lock()
	may := s.may(actor{user: &user}, repo, "contents:write")
	s.mu.Unlock()
	if !may {
		http.Error(w, user.Login+" may not do that", http.StatusForbidden)
		return
	}
	number := int(pathInt(r, "number"))
	var err error
	switch r.PathValue("verb") {
	case "merge":
		_, err = s.merge(repo.ID, number, user.ID)
	case "ready":
		err = s.markReady(repo.ID, number, user.ID)
	case "close":
		_, err = s.editIssue(repo.ID, number, user.ID, EditIssue{State: new("closed")})
	case "reopen":
		_, err = s.editIssue(repo.ID, number, user.ID, EditIssue{State: new("open")})
	default:
		s.noPage(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	back(w, r, shown, number, user, "")
}
