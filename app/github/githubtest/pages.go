package githubtest

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed site
var site embed.FS

// pages are what people see in a browser: server-rendered, without a build, live by
// one small script that fetches the page again when something has changed.
type pages struct {
	templates map[string]*template.Template
	markdown  *markdown
}

func newPages() (*pages, error) {
	p := &pages{templates: map[string]*template.Template{}, markdown: newMarkdown()}
	funcs := template.FuncMap{
		"markdown": p.markdown.html,
		"count":    count,
		"when":     func(t time.Time) string { return t.UTC().Format("Jan 2, 15:04:05") },
		"reaction": shownReaction,
		"short":    func(sha string) string { return sha[:min(len(sha), 7)] },
		"initial":  func(a Account) string { return strings.ToUpper(a.Login[:1]) },
		"hue":      func(a Account) int64 { return a.ID % 8 },
		"took":     func(from, to time.Time) string { return to.Sub(from).Round(100 * time.Millisecond).String() },
		"lines":    func(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") },
		"lineKind": diffLineKind,
	}
	for _, name := range []string{"home", "repository", "issue", "pull", "check", "run", "code", "authorize", "missing"} {
		t, err := template.New("layout.html").Funcs(funcs).ParseFS(site, "site/layout.html", "site/parts.html", "site/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		p.templates[name] = t
	}
	return p, nil
}

// count is a number of things in words.
func count(n int, thing string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(thing, "ch"):
		thing += "es"
	default:
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// diffLineKind is the style of a line of a patch.
func diffLineKind(line string) string {
	switch {
	case strings.HasPrefix(line, "@@"):
		return "hunk"
	case strings.HasPrefix(line, "+"):
		return "add"
	case strings.HasPrefix(line, "-"):
		return "del"
	}
	return "same"
}

func (p *pages) static() http.Handler {
	files, err := fs.Sub(site, "site/static")
	if err != nil {
		panic(err) // the path is a constant
	}
	return http.FileServerFS(files)
}

// view is what every page has.
type view struct {
	Title string
	Repo  *Repository // of the page's repository, if it has one
	Tab   string
	Data  any
}

func (p *pages) show(w http.ResponseWriter, status int, name string, v view) {
	var b bytes.Buffer
	if err := p.templates[name].Execute(&b, v); err != nil {
		http.Error(w, "page "+name+": "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (s *Server) servePages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.homePage)
	mux.HandleFunc("GET /{owner}/{repo}", s.repositoryPage)
	mux.HandleFunc("GET /{owner}/{repo}/issues", s.repositoryPage)
	mux.HandleFunc("GET /{owner}/{repo}/pulls", s.repositoryPage)
	mux.HandleFunc("GET /{owner}/{repo}/actions", s.repositoryPage)
	mux.HandleFunc("POST /{owner}/{repo}/issues", s.newIssueForm)
	mux.HandleFunc("GET /{owner}/{repo}/issues/{number}", s.issuePage)
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}", s.pullPage)
	mux.HandleFunc("POST /{owner}/{repo}/issues/{number}/comments", s.commentForm)
	mux.HandleFunc("POST /{owner}/{repo}/issues/{number}/{verb}", s.issueForm)
	mux.HandleFunc("GET /{owner}/{repo}/runs/{check}", s.checkPage)
	mux.HandleFunc("GET /{owner}/{repo}/runs/{check}/log", s.checkLog)
	mux.HandleFunc("POST /{owner}/{repo}/runs/{check}", s.checkForm)
	mux.HandleFunc("GET /{owner}/{repo}/actions/runs/{run}", s.runPage)
	mux.HandleFunc("GET /{owner}/{repo}/actions/runs/{run}/job/{job}", s.runPage)
	mux.HandleFunc("GET /{owner}/{repo}/actions/runs/{run}/job/{job}/log", s.rawLog)
	mux.HandleFunc("POST /{owner}/{repo}/actions/runs/{run}/{verb}", s.runForm)
	mux.HandleFunc("GET /{owner}/{repo}/commit/{sha}", s.commitPage)
	mux.HandleFunc("GET /{owner}/{repo}/tree/{ref...}", s.treePage)
	mux.HandleFunc("GET /{owner}/{repo}/blob/{rest...}", s.blobPage)
	mux.HandleFunc("GET /{owner}/{repo}/raw/{rest...}", s.rawFile)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.noPage(w, r) })
	return http.NewCrossOriginProtection().Handler(mux)
}

func (s *Server) noPage(w http.ResponseWriter, r *http.Request) {
	s.pages.show(w, http.StatusNotFound, "missing", view{Title: "Not found", Data: r.URL.Path})
}

// pageRepo finds the page's repository and sends those who use a former name on.
func (s *Server) pageRepo(w http.ResponseWriter, r *http.Request) (*repository, *Repository) {
	name := r.PathValue("owner") + "/" + r.PathValue("repo")
	s.mu.Lock()
	repo, err := s.repository(name)
	var shown Repository
	if err == nil {
		shown = repo.Repository
	}
	former := s.repos[s.names[strings.ToLower(name)]]
	s.mu.Unlock()
	switch {
	case err == nil:
		return repo, &shown
	case former != nil:
		http.Redirect(w, r, "/"+former.FullName()+strings.TrimPrefix(r.URL.Path, "/"+name), http.StatusMovedPermanently)
	default:
		s.noPage(w, r)
	}
	return nil, nil
}

func (s *Server) homePage(w http.ResponseWriter, _ *http.Request) {
	type row struct {
		Repository
		Issues, Pulls, Runs int
	}
	var rows []row
	for _, repo := range s.Repositories() {
		x := row{Repository: repo, Runs: len(s.WorkflowRuns(repo))}
		for _, i := range s.Issues(repo) {
			switch {
			case i.State != "open":
			case i.PullRequest:
				x.Pulls++
			default:
				x.Issues++
			}
		}
		rows = append(rows, x)
	}
	s.pages.show(w, http.StatusOK, "home", view{Title: "Repositories", Data: obj{"Repositories": rows, "Apps": s.Apps()}})
}

// issueRow is an issue or pull request in a list.
type issueRow struct {
	Issue
	Pull     *PullRequest
	Comments int
}

func (s *Server) repositoryPage(w http.ResponseWriter, r *http.Request) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	tab := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if !slices.Contains([]string{"issues", "pulls", "actions"}, tab) || strings.Count(r.URL.Path, "/") < 3 {
		tab = "code"
	}
	pulls := map[int]*PullRequest{}
	for _, p := range s.PullRequests(*shown) {
		pulls[p.Number] = &p
	}
	var issues, requests []issueRow
	for _, i := range slices.Backward(s.Issues(*shown)) {
		row := issueRow{Issue: i, Pull: pulls[i.Number], Comments: i.comments}
		if i.PullRequest {
			requests = append(requests, row)
		} else {
			issues = append(issues, row)
		}
	}
	runs := s.WorkflowRuns(*shown)
	slices.Reverse(runs)
	data := obj{"Issues": issues, "Pulls": requests, "Runs": runs, "People": s.people(repo), "As": r.URL.Query().Get("as")}
	if sha := s.git.commit(repo.dir, shown.DefaultBranch); sha != "" && tab == "code" {
		entries, _ := s.listTree(repo.dir, sha, "")
		data["Files"], data["SHA"], data["Ref"] = fileRows(entries), sha, shown.DefaultBranch
		if refs, err := s.git.refs(repo.dir, "refs/heads"); err == nil {
			data["Branches"] = len(refs)
		}
		for _, e := range entries {
			if strings.EqualFold(e.path, "readme.md") {
				b, _ := s.git.about(repo.dir, "cat-file", "blob", e.sha)
				data["Readme"] = string(b)
			}
		}
	}
	s.pages.show(w, http.StatusOK, "repository", view{Title: shown.FullName(), Repo: shown, Tab: tab, Data: data})
}

type fileRow struct {
	Name, Path string
	Dir        bool
	Size       int64
}

// fileRows sorts directories first, as people expect.
func fileRows(entries []treeEntry) []fileRow {
	var rows []fileRow
	for _, dir := range []bool{true, false} {
		for _, e := range entries {
			if (e.kind == "tree") == dir {
				rows = append(rows, fileRow{Name: e.path[strings.LastIndex(e.path, "/")+1:], Path: e.path, Dir: dir, Size: e.size})
			}
		}
	}
	return rows
}

// person is somebody whom the comment box can speak as.
type person struct {
	Account
	Role string
}

// people lists the persons, those with the greatest role first.
func (s *Server) people(repo *repository) []person {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []person
	for _, a := range s.accounts {
		if a.Type == User {
			list = append(list, person{*a, s.role(repo, a)})
		}
	}
	slices.SortFunc(list, func(a, b person) int {
		if d := slices.Index(roles, b.Role) - slices.Index(roles, a.Role); d != 0 {
			return d
		}
		return int(a.ID - b.ID)
	})
	return list
}
