package githubtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

func (s *Server) checkPage(w http.ResponseWriter, r *http.Request) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	s.mu.Lock()
	var check CheckRun
	var app App
	if k := repo.checks[pathInt(r, "check")]; k != nil {
		check, app = *k, *s.apps[k.App]
	}
	var pulls []PullRequest
	for _, p := range repo.pulls {
		if p.HeadSHA == check.HeadSHA {
			pulls = append(pulls, *p)
		}
	}
	s.mu.Unlock()
	if check.ID == 0 {
		s.noPage(w, r)
		return
	}
	s.pages.show(w, http.StatusOK, "check", view{Title: check.Name, Repo: shown, Tab: "pulls", Data: obj{
		"Check": check, "App": app, "Pulls": pulls, "People": s.people(repo), "As": r.URL.Query().Get("as")}})
}

func (s *Server) runPage(w http.ResponseWriter, r *http.Request) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	s.mu.Lock()
	live := s.runs[pathInt(r, "run")]
	if live == nil || live.repo != repo {
		s.mu.Unlock()
		s.noPage(w, r)
		return
	}
	j := live.job()
	for _, other := range live.jobs {
		if other.ID == pathInt(r, "job") {
			j = other
		}
	}
	run, job, attempts := live.WorkflowRun, *j, len(live.jobs)
	name, labels := live.file.job().Name, strings.Join(live.file.job().labels(), ", ")
	s.mu.Unlock()
	data := obj{"Run": run, "Job": job, "JobName": name, "Labels": labels, "Attempts": attempts, "People": s.people(repo), "As": r.URL.Query().Get("as")}
	if job.log != nil {
		data["Log"], data["Summary"] = parseLog(job.log.snapshot()), job.log.stepSummary()
	}
	s.pages.show(w, http.StatusOK, "run", view{Title: run.Title, Repo: shown, Tab: "actions", Data: data})
}

func (s *Server) rawLog(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var log *jobLog
	if run := s.runs[pathInt(r, "run")]; run != nil {
		for _, j := range run.jobs {
			if j.ID == pathInt(r, "job") {
				log = j.log
			}
		}
	}
	s.mu.Unlock()
	if log == nil {
		s.noPage(w, r)
		return
	}
	plainText(w, []byte(log.text()))
}

func plainText(w http.ResponseWriter, b []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b)
}

// runForm serves the buttons of a run: cancel and rerun.
func (s *Server) runForm(w http.ResponseWriter, r *http.Request) {
	repo, shown, user, valid := s.formUser(w, r)
	if !valid {
		return
	}
	s.mu.Lock()
	live := s.runs[pathInt(r, "run")]
	may := live != nil && live.repo == repo && s.may(actor{user: &user}, repo, "actions:write")
	s.mu.Unlock()
	if !may {
		http.Error(w, user.Login+" may not do that", http.StatusForbidden)
		return
	}
	var err error
	switch r.PathValue("verb") {
	case "cancel":
		err = s.cancelRun(live.ID, false)
	case "rerun":
		_, err = s.rerun(live.ID)
	default:
		s.noPage(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/%s/actions/runs/%d?as=%s", shown.FullName(), live.ID, url.QueryEscape(user.Login)), http.StatusSeeOther)
}

func (s *Server) commitPage(w http.ResponseWriter, r *http.Request) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	sha := s.git.commit(repo.dir, r.PathValue("sha"))
	ci, err := s.readCommit(repo.dir, sha)
	if sha == "" || err != nil {
		s.noPage(w, r)
		return
	}
	parent := "4b825dc642cb6eb9a060e54bf8d69288fbee4904" // the empty tree
	if len(ci.parents) > 0 {
		parent = ci.parents[0]
	}
	d, err := s.diff(repo.dir, parent, sha)
	if err != nil {
		s.noPage(w, r)
		return
	}
	title, _, _ := strings.Cut(ci.message, "\n")
	s.pages.show(w, http.StatusOK, "code", view{Title: title, Repo: shown, Tab: "code", Data: obj{"Message": ci.message, "SHA": sha,
		"Author": ci.author + " <" + ci.email + ">", "Date": ci.date, "Diff": shownFiles(d)}})
}

// refAndPath takes apart what is below /blob/ or /tree/: the longest beginning that
// is a ref, then a path.
func (s *Server) refAndPath(repo *repository, rest string) (sha, ref, path string) {
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	for n := len(parts); n > 0; n-- {
		ref = strings.Join(parts[:n], "/")
		if sha = s.git.commit(repo.dir, ref); sha != "" {
			return sha, ref, strings.Join(parts[n:], "/")
		}
	}
	return "", "", ""
}

func (s *Server) treePage(w http.ResponseWriter, r *http.Request) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	sha, ref, path := s.refAndPath(repo, r.PathValue("ref"))
	entries, err := s.listTree(repo.dir, sha, path)
	if sha == "" || err != nil {
		s.noPage(w, r)
		return
	}
	s.pages.show(w, http.StatusOK, "code", view{Title: path + " at " + ref, Repo: shown, Tab: "code",
		Data: obj{"Files": fileRows(entries), "Ref": ref, "Path": path, "SHA": sha}})
}

func (s *Server) blobPage(w http.ResponseWriter, r *http.Request) {
	repo, shown := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	sha, ref, path := s.refAndPath(repo, r.PathValue("rest"))
	content, found := "", false
	if sha != "" {
		content, found = s.readFile(repo, sha, path)
	}
	if !found {
		s.noPage(w, r)
		return
	}
	if r.URL.Query().Get("raw") != "" {
		raw(w, []byte(content))
		return
	}
	s.pages.show(w, http.StatusOK, "code", view{Title: path + " at " + ref, Repo: shown, Tab: "code",
		Data: obj{"Content": strings.ToValidUTF8(content, "\uFFFD"), "Ref": ref, "Path": path, "SHA": sha}})
}

func (s *Server) rawFile(w http.ResponseWriter, r *http.Request) {
	repo, _ := s.pageRepo(w, r)
	if repo == nil {
		return
	}
	sha, _, path := s.refAndPath(repo, r.PathValue("rest"))
	if sha != "" {
		if content, found := s.readFile(repo, sha, path); found {
			raw(w, []byte(content))
			return
		}
	}
	s.noPage(w, r)
}

// raw serves a file as what a browser may take it for: a picture, or text.
func raw(w http.ResponseWriter, b []byte) {
	if kind := http.DetectContentType(b); kind == "image/png" {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(b)
		return
	}
	plainText(w, b)
}
