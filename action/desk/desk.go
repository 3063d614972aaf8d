package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Codes of what keeps a run without a server from starting.
const (
	codeAssignment = "ALONE_ASSIGNMENT" // the assignment file cannot be used
	codeKey        = "ALONE_KEY"        // there is no key for models
	codeDirectory  = "ALONE_DIRECTORY"  // the directory cannot be made
)

// Desk is the stand-in for a server, for one run. [Open] makes it.
type Desk struct {
	alone   runapi.Alone
	dir     *os.Root
	token   string
	address string
	http    *http.Server
	models  *models

	mu       sync.Mutex
	next     int64 // number of the next event
	finished bool
}

// Open reads the assignment in file and stands ready to answer its runner. What is
// handed over goes into the directory dir, which must be empty or not exist.
func Open(file, dir string, secrets Secrets) (*Desk, error) {
	d := &Desk{token: "anvil_desk_" + rand.Text(), next: 1}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &d.alone)
	}
	if err == nil && (d.alone.Assignment.Run == "" || d.alone.Assignment.BaseCommit == "") {
		err = fmt.Errorf("it names no run or no commit")
	}
	if err != nil {
		return nil, &runapi.Error{Code: codeAssignment, What: fmt.Sprintf("The assignment file cannot be used: %v.", err), Next: "Let `anvil prepare` write it."}
	}
	if d.alone.Assignment.Model && secrets.ModelKey == "" {
		return nil, &runapi.Error{
			Code: codeKey, What: fmt.Sprintf("Engine %s asks models, and there is no key for them.", d.alone.Assignment.Engine.Name),
			Next: "Add the repository secret ANVIL_MODEL_KEY with a key of your model provider.",
		}
	}
	a := &d.alone.Assignment
	a.LeaseToken, a.ReadToken, a.Epoch = d.token, secrets.ReadToken, 1
	a.Tools, a.Resume, a.RenewEverySeconds = false, nil, 60
	if err := d.makeDir(dir, b); err != nil {
		return nil, &runapi.Error{Code: codeDirectory, What: fmt.Sprintf("The directory %s cannot be used: %v.", dir, err), Next: "Name a new one with --out."}
	}
	d.models = newModels(d.alone.Provider, secrets.ModelKey)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open desk: %w", err)
	}
	d.address = "http://" + l.Addr().String()
	d.http = &http.Server{Handler: d.routes(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = d.http.Serve(l) }()
	return d, nil
}

func (d *Desk) makeDir(dir string, assignment []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("it is not empty")
	}
	if err != nil {
		return err
	}
	if d.dir, err = os.OpenRoot(dir); err != nil {
		return err
	}
	return d.dir.WriteFile(runapi.FileAlone, assignment, 0o600)
}

// Environ is the job's environment as the runner needs it to find the desk.
func (d *Desk) Environ(job []string) []string {
	return append(slices.Clone(job), "ANVIL_SERVER="+d.address, "ANVIL_TASK="+d.alone.Assignment.Run, "ANVIL_NONCE="+d.token)
}

// Identity stands in for GitHub's identity token.
func (d *Desk) Identity(context.Context) (string, error) { return d.token, nil }

// Spent is what models were asked for so far.
func (d *Desk) Spent() runapi.Spent { return d.models.total() }

// Close ends the desk and writes down what models took.
func (d *Desk) Close() error {
	err := d.http.Close()
	b, jsonErr := json.Marshal(d.models.total())
	if jsonErr == nil {
		jsonErr = d.dir.WriteFile(runapi.FileSpent, b, 0o600)
	}
	if err == nil {
		err = jsonErr
	}
	if closeErr := d.dir.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (d *Desk) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+runapi.PathClaim, answer(d.claim))
	mux.HandleFunc("POST "+runapi.PathRenew, answer(d.renew))
	mux.HandleFunc("POST "+runapi.PathEvents, answer(d.events))
	mux.HandleFunc("PUT "+runapi.PathArtifact, answer(d.artifact))
	mux.HandleFunc("POST "+runapi.PathFinish, answer(d.finish))
	mux.Handle(runapi.PathModel, d.models)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(shown), []byte(d.token)) != 1 {
			http.Error(w, "not for you", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// answer serves what act returns, or its error.
func answer(act func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := act(r)
		status := http.StatusOK
		if err != nil {
			status, out = http.StatusBadRequest, &runapi.Error{Code: codeDirectory, What: err.Error() + "."}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(out)
	}
}

func (d *Desk) claim(*http.Request) (any, error) { return d.alone.Assignment, nil }

func (d *Desk) renew(*http.Request) (any, error) {
	return runapi.RenewAnswer{ExpiresAt: time.Now().Add(time.Hour)}, nil
}

// events adds those that are new to the file.
func (d *Desk) events(r *http.Request) (any, error) {
	var in runapi.EventsRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.dir.OpenFile(runapi.FileEvents, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, e := range in.Events {
		if e.Seq != d.next {
			continue
		}
		if err := json.NewEncoder(f).Encode(e); err != nil {
			return nil, err
		}
		d.next++
	}
	return runapi.EventsAnswer{Next: d.next}, nil
}

// artifacts are those that somebody reads. A checkpoint and a conversation are for a
// run that goes on, and none does without a server.
var artifacts = []string{runapi.ArtifactBundle, runapi.ArtifactLog, runapi.ArtifactVerification, runapi.ArtifactStream, runapi.ArtifactDebug}

func (d *Desk) artifact(r *http.Request) (any, error) {
	name := r.PathValue("name")
	var to io.Writer = io.Discard
	if slices.Contains(artifacts, name) || runapi.IsScreenshot(name) {
		f, err := d.dir.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		to = f
	}
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(to, sum), r.Body)
	if err != nil {
		return nil, err
	}
	return runapi.ArtifactAnswer{Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Size: size}, nil
}

func (d *Desk) finish(r *http.Request) (any, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.finished {
		if err := d.dir.WriteFile(runapi.FileFinish, b, 0o600); err != nil {
			return nil, err
		}
		d.finished = true
	}
	return runapi.FinishAnswer{State: "handed over in " + filepath.Base(d.dir.Name())}, nil
}
