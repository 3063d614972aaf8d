package apptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// World is one simulated GitHub with its people, and one server.
type World struct {
	Programs Programs
	Dir      string // of the story; agents know it as $STORY
	GitHub   *GitHub
	Server   *Server
	Record   Record
	// Repository is OWNER/NAME of the repository that was made first.
	Repository string
	Installed  githubtest.Installation
}

// NewWorld starts a simulated GitHub, with the App registered and these people:
// mona may write, trish may triage, rita may read, otto is nobody in particular;
// ada owns the organisation acme. jobEnv is added to the environment of jobs, as
// KEY=VALUE.
func NewWorld(ctx context.Context, p Programs, dir string, jobEnv ...string) (*World, error) {
	w := &World{Programs: p, Dir: dir}
	below := filepath.Join(dir, ".world")
	if err := os.MkdirAll(below, 0o700); err != nil {
		return nil, err
	}
	var err error
	if w.Server, err = newServer(p, below); err != nil {
		return nil, err
	}
	w.Record = Record{dataDir: w.Server.DataDir}
	if w.GitHub, err = StartGitHub(ctx, p, below, GitHubOptions{Runner: p.Path("anvil-runner") + " run", Env: append([]string{"STORY=" + dir}, jobEnv...)}); err != nil {
		return w, err
	}
	if err := w.GitHub.createApp(w.Server.URL); err != nil {
		return w, err
	}
	for login, kind := range map[string]string{
		"acme": githubtest.Organization, "ada": githubtest.User, "mona": githubtest.User, "trish": githubtest.User,
		"rita": githubtest.User, "otto": githubtest.User, "robot[bot]": githubtest.Bot,
	} {
		if err := w.GitHub.Ask("POST", "users", map[string]string{"login": login, "type": kind}, nil); err != nil {
			return w, err
		}
	}
	return w, nil
}

// Close ends what was started, and reports what broke GitHub's rules, or the audit
// trail: however often the server was killed, the trail is whole.
func (w *World) Close() error {
	w.Server.Kill()
	return errors.Join(w.auditTrail(), w.closeGitHub())
}

func (w *World) auditTrail() error {
	if _, err := os.Stat(filepath.Join(w.Server.DataDir, "anvil.db")); errors.Is(err, fs.ErrNotExist) {
		return nil // no server was started, or the story took it away
	}
	_, _, err := store.VerifyAudit(context.Background(), w.Server.DataDir, "")
	return err
}

func (w *World) closeGitHub() error {
	if w.GitHub == nil || w.GitHub.process == nil {
		return nil
	}
	violations, err := w.GitHub.Violations()
	if len(violations) > 0 {
		err = fmt.Errorf("against GitHub's own description of its API:\n%s", strings.Join(violations, "\n"))
	}
	return errors.Join(err, w.GitHub.Close())
}

// CreateRepository makes acme's repository from the files of a directory, gives
// everybody their roles, and installs the App on it. Unless bare, the caller
// workflow is among the files, as the manual says.
func (w *World) CreateRepository(name, dir string, bare bool) error {
	owner, short, ok := strings.Cut(name, "/")
	if !ok {
		return fmt.Errorf("%q is not OWNER/NAME", name)
	}
	if !bare {
		path := filepath.Join(dir, ".github", "workflows", "anvil.yml")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, config.CallerWorkflow, 0o644); err != nil {
			return err
		}
	}
	if err := w.GitHub.Ask("POST", "repositories", map[string]any{"owner": owner, "name": short, "dir": dir}, nil); err != nil {
		return err
	}
	for login, role := range map[string]string{"ada": "admin", "mona": "write", "trish": "triage", "rita": "read"} {
		if err := w.GitHub.Ask("PUT", "repositories/"+name+"/roles/"+login, map[string]string{"role": role}, nil); err != nil {
			return err
		}
	}
	if w.Repository == "" {
		w.Repository = name
		return w.GitHub.Ask("POST", "installations", map[string]any{"app": w.GitHub.App.ID, "account": owner}, &w.Installed)
	}
	return nil
}

// StartServer configures the server with agent as its one engine, and starts it.
func (w *World) StartServer(ctx context.Context, agent []string, settings Settings) error {
	if err := w.Server.configure(w.GitHub, agent, settings); err != nil {
		return err
	}
	return w.Server.Start(ctx)
}

// Comment posts a comment and returns once its webhook was answered, or given up.
func (w *World) Comment(login string, issue int, text string) (githubtest.Comment, githubtest.Delivery, error) {
	var c githubtest.Comment
	d, err := w.Caused(login, func() error {
		return w.GitHub.Ask("POST", fmt.Sprintf("repositories/%s/issues/%d/comments", w.Repository, issue), map[string]string{"user": login, "body": text}, &c)
	})
	return c, d, err
}

// Caused returns the delivery of what login does in act, once it was carried out.
func (w *World) Caused(login string, act func() error) (githubtest.Delivery, error) {
	all, err := w.Causing(act)
	for _, d := range all {
		if senderOf(d) == login {
			return d, err
		}
	}
	return githubtest.Delivery{}, err // an act of which the App is not told
}

// Causing returns the deliveries of what is done in act, once they were carried out:
// without those of before that the server has asked for meanwhile.
func (w *World) Causing(act func() error) (all []githubtest.Delivery, err error) {
	var before []githubtest.Delivery
	if err := w.GitHub.Ask("GET", "deliveries", nil, &before); err != nil {
		return nil, err
	}
	if err := act(); err != nil {
		return nil, err
	}
	if err := w.GitHub.Ask("GET", "deliveries?wait=30s", nil, &all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all[len(before):], func(d githubtest.Delivery) bool { return d.Redelivery }), nil
}

// Task returns the nth task, from 1.
func (w *World) Task(ctx context.Context, n int) (Task, error) {
	all, err := w.Record.Tasks(ctx)
	if err == nil && len(all) < n {
		err = fmt.Errorf("there are %d tasks, and no task %d", len(all), n)
	}
	if err != nil {
		return Task{}, err
	}
	return all[n-1], nil
}

// AwaitTask waits until the nth task is in a state, and people have been told so
// if it is one in which it stays. It gives up at once if the task ended otherwise.
func (w *World) AwaitTask(ctx context.Context, n int, state anvil.State) error {
	return Await(ctx, func() error {
		t, err := w.Task(ctx, n)
		if err != nil {
			return err
		}
		if t.State != state {
			err := fmt.Errorf("task %d is %s (attempt %d), not %s%s", n, t.State, t.Attempt, state, because(t.Problem))
			if t.State.Ended() && t.State != anvil.Lost {
				return Hopeless("%w", err)
			}
			return err
		}
		if (state.Ended() || state == anvil.Held) && !t.Told {
			return fmt.Errorf("task %d is %s, and nobody has been told", n, state)
		}
		return nil
	})
}

func because(p *anvil.Problem) string {
	if p == nil {
		return ""
	}
	return ": " + p.Error()
}

// AwaitRuling waits until a delivery was decided.
func (w *World) AwaitRuling(ctx context.Context, guid string) (decision anvil.Decision, reason string, err error) {
	err = Await(ctx, func() error {
		decision, reason, err = w.Record.Ruling(ctx, guid)
		if err == nil && decision == anvil.Pending {
			err = fmt.Errorf("delivery %s is undecided", guid)
		}
		return err
	})
	return decision, reason, err
}

// Comments returns all comments in the repository, in the order of their issues
// and of time.
func (w *World) Comments() ([]githubtest.Comment, error) {
	var all []githubtest.Comment
	issues, err := list[githubtest.Issue](w.GitHub, w.Repository, "issues")
	for _, i := range issues {
		below, err := list[githubtest.Comment](w.GitHub, w.Repository, fmt.Sprintf("comments?issue=%d", i.Number))
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, err
}

// BotComments returns what the App has said.
func (w *World) BotComments() ([]githubtest.Comment, error) {
	all, err := w.Comments()
	return slices.DeleteFunc(all, func(c githubtest.Comment) bool { return c.Author.Login != bot }), err
}

// Describe tells where a world is, for whoever reads of a failure.
func (w *World) Describe(ctx context.Context) string {
	var b strings.Builder
	tasks, err := w.Record.Tasks(ctx)
	for i, t := range tasks {
		fmt.Fprintf(&b, "task %d: %s of issue %d is %s, attempt %d, told %v%s\n", i+1, t.ID, t.Issue, t.State, t.Attempt, t.Told, because(t.Problem))
	}
	comments, listErr := w.BotComments()
	for _, c := range comments {
		fmt.Fprintf(&b, "comment %d on issue %d, edited %d times:\n%s\n", c.ID, c.Issue, c.Edits, c.Body)
	}
	if err := errors.Join(err, listErr); err != nil {
		fmt.Fprintf(&b, "(%v)\n", err)
	}
	if runs, err := list[githubtest.WorkflowRun](w.GitHub, w.Repository, "runs"); err == nil {
		for _, r := range runs {
			fmt.Fprintf(&b, "workflow run %d: %s %s\n%s\n", r.ID, r.Status, r.Conclusion, w.JobLog(r.ID))
		}
	}
	fmt.Fprintf(&b, "the server's log:\n%s", w.Server.Log())
	return b.String()
}

// JobLog returns what the job of a workflow run has printed.
func (w *World) JobLog(run int64) string {
	var said struct {
		Log []string `json:"log"`
	}
	if err := w.GitHub.Ask("GET", fmt.Sprintf("runs/%d/log", run), nil, &said); err != nil {
		return err.Error()
	}
	return strings.Join(said.Log, "\n")
}

// senderOf is the login of whoever caused a delivery.
func senderOf(d githubtest.Delivery) string {
	var p struct {
		Sender struct {
			Login string `json:"login"`
		} `json:"sender"`
	}
	if json.Unmarshal(d.Payload, &p) != nil {
		return ""
	}
	return p.Sender.Login
}
