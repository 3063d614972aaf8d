package githubtest

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/cgi"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// gitPath is what git asks for over smart HTTP.
var gitPath = regexp.MustCompile(`^/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)$`)

func isGitPath(path string) bool { return gitPath.MatchString(path) }

// serveGit serves fetches and pushes with the git program's own http-backend.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	m := gitPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	push := m[3] == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
	repo, who, status, message := s.allowGit(r, m[1]+"/"+m[2], push)
	if status != http.StatusOK {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		}
		http.Error(w, message, status)
		return
	}
	workflows := "no"
	if who.install == nil || rank(who.permissions["workflows"]) >= rank("write") {
		workflows = "yes"
	}
	backend := &cgi.Handler{
		Path: s.git.backend, Dir: repo.dir,
		Env: append([]string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(repo.dir), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=" + who.name(),
			"ANVIL_SIM_MAY_WORKFLOWS=" + workflows, "GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"),
		}, s.git.env...),
		InheritEnv: []string{},
	}
	// What http-backend looks for below its root is the repository's place on disk.
	inner := r.Clone(r.Context())
	inner.URL.Path = "/" + filepath.Base(repo.dir) + "/" + m[3]
	inner.URL.RawPath = ""
	inner.Header.Del("Authorization")
	if inner.ContentLength < 0 { // git sends a large pack in chunks, which CGI has no word for
		spooled, err := s.spool(inner)
		if err != nil {
			http.Error(w, "reading the request", http.StatusBadRequest)
			return
		}
		defer spooled()
	}
	if m[3] != "git-receive-pack" {
		backend.ServeHTTP(w, inner)
		return
	}
	// A pack counts as pushed once it is here, whether or not the client hears of it;
	// and refs, pull requests and webhooks are up to date before it does.
	held := &simulated.Held{}
	if err := s.moveRefs(repo, who, func() error { backend.ServeHTTP(held, inner); return nil }); err != nil {
		s.log.Error("recording a push", "repository", repo.FullName(), "error", err)
	}
	held.Send(w)
}

// spool keeps a request's body in a file, so that its length is known. The
// returned function removes it.
func (s *Server) spool(r *http.Request) (func(), error) {
	f, err := os.CreateTemp(s.dir, "body-")
	if err != nil {
		return nil, err
	}
	remove := func() { _ = f.Close(); _ = os.Remove(f.Name()) }
	n, err := io.Copy(f, r.Body)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		remove()
		return nil, err
	}
	r.Body, r.ContentLength, r.TransferEncoding = f, n, nil
	return remove, nil
}

// allowGit says whether this may go on, and with which repository.
func (s *Server) allowGit(r *http.Request, name string, push bool) (*repository, actor, int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.repository(name)
	if err != nil { // a former name leads on, as for the web
		if id, known := s.names[strings.ToLower(name)]; known {
			repo = s.repos[id]
		}
	}
	shown := shownToken(r)
	if shown == "" {
		if repo != nil && !repo.Private && !push {
			return repo, actor{}, http.StatusOK, ""
		}
		return nil, actor{}, http.StatusUnauthorized, "No anonymous access"
	}
	who, err := s.resolveToken(shown)
	if err != nil {
		if errors.Is(err, errSuspended) {
			return nil, actor{}, http.StatusForbidden, "This installation has been suspended"
		}
		return nil, actor{}, http.StatusUnauthorized, "Invalid username or token. Password authentication is not supported for Git operations."
	}
	s.note(r, func(e *Entry) { e.Actor, e.Permissions = who.name(), maps.Clone(who.permissions) })
	if repo == nil || !s.reaches(who, repo) {
		return nil, who, http.StatusNotFound, "Repository not found."
	}
	need := "contents:read"
	if push {
		need = "contents:write"
	}
	if !s.may(who, repo, need) {
		return nil, who, http.StatusForbidden, "Permission to " + repo.FullName() + ".git denied to " + who.user.Login + "."
	}
	if push && repo.Archived {
		return nil, who, http.StatusForbidden, "This repository was archived so it is read-only."
	}
	return repo, who, http.StatusOK, ""
}
