package images

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// CodeLogin says that there is no login to be had.
const CodeLogin = "IMAGE_LOGIN"

// credential gives the run a login.
func (s *Server) credential(w http.ResponseWriter, r *http.Request, story anvil.Story) error {
	if s.Credentials == nil {
		return &runapi.Error{Code: CodeLogin, What: "this server has no registry login to give.", Next: "Set environment.cache.credential.", Status: http.StatusNotFound}
	}
	run := story.Run()
	row := anvil.Audit{
		Task: run.Task, Run: run.ID, Actor: "server", Action: "registry login", Target: story.Session.Repository.FullName(), Outcome: anvil.AuditAllowed,
		Note: fmt.Sprintf("for the lease of epoch %d", run.Lease.Epoch),
	}
	if err := s.Store.Audit(r.Context(), row); err != nil {
		return err
	}
	c, err := s.Credentials.Get(r.Context())
	if err != nil {
		row.Outcome, row.Note = anvil.AuditFailed, err.Error()
		if err := s.Store.Audit(context.WithoutCancel(r.Context()), row); err != nil {
			s.Log.Warn("a failed registry login is not in the audit trail", "run", run.ID, "error", err)
		}
		s.Log.Error("there is no registry login to give", "run", run.ID, "error", err)
		return &runapi.Error{Code: CodeLogin, What: "the server could get no registry login.", Next: "Look at the server's log.", Status: http.StatusBadGateway}
	}
	return answer(w, c)
}

// Static is a login of the operator's that does not change. Every run gets the same,
// so it should be able to do nothing but push and pull such images.
type Static struct {
	Host, User string
	// Password reads the secret each time, so that it may be replaced.
	Password func() (string, error)
}

// Get returns the login.
func (s Static) Get(context.Context) (runapi.RegistryCredential, error) {
	password, err := s.Password()
	return runapi.RegistryCredential{Host: s.Host, User: s.User, Password: password}, err
}

// Helper is a program that speaks Docker's credential helper protocol: it is called
// with the word get, reads the registry's name, and prints a JSON object. It makes a
// new login each time, as long-lived as it sees fit.
type Helper struct {
	Program string // docker-credential-NAME, or a path
	Host    string
	Lives   time.Duration // how long a login may be used; the protocol does not say
	Now     func() time.Time
}

// helperLimit is how long a helper may take, and how much it may say.
const (
	helperLimit = 20 * time.Second
	helperMost  = 64 << 10
)

// Get asks the helper. What it says in an error is not repeated: it may hold secrets.
func (h Helper) Get(ctx context.Context) (runapi.RegistryCredential, error) {
	ctx, cancel := context.WithTimeout(ctx, helperLimit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, h.Program, "get")
	cmd.Stdin, cmd.Stdout, cmd.WaitDelay = strings.NewReader(h.Host+"\n"), &out, time.Second
	if err := cmd.Run(); err != nil {
		return runapi.RegistryCredential{}, fmt.Errorf("credential helper %s: %w", h.Program, err)
	}
	var said struct{ Username, Secret string }
	if out.Len() > helperMost || json.Unmarshal(out.Bytes(), &said) != nil || said.Secret == "" {
		return runapi.RegistryCredential{}, fmt.Errorf("credential helper %s: its answer is no login", h.Program)
	}
	if said.Username == "<token>" {
		return runapi.RegistryCredential{}, fmt.Errorf("credential helper %s: it gives an identity token, which is for more than one run", h.Program)
	}
	return runapi.RegistryCredential{Host: h.Host, User: said.Username, Password: said.Secret, ExpiresAt: h.Now().Add(h.Lives)}, nil
}
