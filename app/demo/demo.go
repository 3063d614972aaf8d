// Package demo shows the whole product on one machine: a simulated GitHub with a
// small repository, the real server, and a real runner. A person with write
// access comments `/anvil fix the failing test` on an issue, and some seconds
// later there is a pull request.
//
// No step is faked. The webhook is signed and delivered over HTTP, the workflow is
// dispatched over the API, the runner is a process that proves itself with an OIDC
// token, the bundle is uploaded, inspected and pushed over git's smart HTTP. What
// is simulated is GitHub. The agent is a sample of ours that needs no model, or the
// real Codex CLI or Claude Code; without a key these work with a scripted model. What
// is simulated, sample or scripted is said to be so.
package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	_ "embed"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
	"github.com/seed-bc0cc349/anvil/app/web"
	"github.com/seed-bc0cc349/anvil/config"
)

//go:embed sample.txtar
var sample []byte

// Options say how to show the demo.
type Options struct {
	Once bool // end after the first task
	// Engine is sample, codex or claude; default sample.
	Engine string
	Model  string // that a real agent with a key asks for; default: one that the demo knows
	Slack  bool   // the request is made in a simulated Slack
	JSON   bool   // print the result as one JSON object on Out
	Out    io.Writer
	Err    io.Writer // progress, with JSON
	// Listen is where the simulated GitHub listens; default 127.0.0.1:0.
	Listen string
	Log    *slog.Logger // of server and simulator
}

// Result is what one task of the demo led to.
type Result struct {
	Task         string       `json:"task"`
	Outcome      string       `json:"outcome"`
	PullRequest  *PullRequest `json:"pull_request"`
	CheckRun     *CheckRun    `json:"check_run"`
	CommentURL   string       `json:"comment_url"`
	Verification []Check      `json:"verification"`
	Hops         []Hop        `json:"hops"`
	Problem      string       `json:"problem,omitempty"`

	commentID string
	// Slack is the task's message there, with Options.Slack.
	Slack *SlackMessage `json:"slack,omitempty"`
}

// PullRequest is the pull request as the simulated GitHub has it.
type PullRequest struct {
	Number int    `json:"number"`
	URL    string `json:"url"`
	Head   string `json:"head"`
	Base   string `json:"base"`
	Draft  bool   `json:"draft"`
}

// CheckRun is the check run as the simulated GitHub has it.
type CheckRun struct {
	Name       string `json:"name"`
	Conclusion string `json:"conclusion"`
	DetailsURL string `json:"details_url"`
}

// Check is one verification command and how it ended.
type Check struct {
	Name       string `json:"name"`
	Status     string `json:"status"`
	DurationMS int64  `json:"duration_ms"`
}

// ErrNoPullRequest says that the task ended without one.
var ErrNoPullRequest = errors.New("the task ended without a pull request")

// stage is what the demo plays on.
type stage struct {
	options Options
	hub     *githubtest.Server
	server  *app.App
	repo    githubtest.Repository
	person  githubtest.Account
	engine  engine
	slack   *slacktest.Server // nil without Options.Slack
	issue   githubtest.Issue
	say     func(format string, args ...any)
	// contained says that this machine can contain an agent.
	contained bool
}

// Run shows the demo until it is over, or with Once unset until ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	progress := o.Out
	if o.JSON {
		progress = o.Err
	}
	s := &stage{options: o, say: func(format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) }}
	dir, err := os.MkdirTemp("", "anvil-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	if err := need("git", "go"); err != nil {
		return err
	}
	programs, err := find(ctx, dir, s.say)
	if err != nil {
		return err
	}
	if s.engine, err = engage(ctx, o, programs.agent); err != nil {
		return err
	}
	defer s.engine.close()
	container, contained := containment(ctx, programs.runner)
	s.contained = contained
	if s.engine.paid {
		s.say("Anvil demo: everything on this machine, but for the calls of the model.")
	} else {
		s.say("Anvil demo: everything on this machine, nothing sent elsewhere.")
	}
	if err := s.raise(ctx, dir, programs); err != nil {
		return err
	}
	defer s.hub.Close()
	if err := s.openSlack(); err != nil {
		return err
	}
	defer s.closeSlack()

	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	listener, err := s.serve(serving, dir, served)
	if err != nil {
		stop()
		return err
	}
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	s.say("  simulated GitHub  %s", s.hub.URL)
	if s.slack != nil {
		s.say("  simulated Slack   %s", s.slack.URL)
	}
	s.say("  Anvil server      http://%s", listener)
	s.say("  agent             %s", s.engine.agent)
	s.say("  containment       %s", container)
	if s.engine.model != "" {
		s.say("  model             %s", s.engine.model)
	} else {
		s.say("  real agents       make demo ENGINE=codex or ENGINE=claude; with `anvil serve` they are named under engines: in its configuration")
	}
	s.say("")

	since := time.Now().Add(-time.Millisecond)
	if err := s.ask(); err != nil {
		return err
	}
	result, err := s.follow(ctx, &since)
	if err != nil {
		return err
	}
	if err := s.tell(result); err != nil {
		return err
	}
	if o.Once {
		if result.PullRequest == nil || s.slack != nil && result.Slack == nil {
			return ErrNoPullRequest
		}
		return nil
	}
	s.say("\nOpen the issue in a browser, comment another /anvil …, and watch:")
	if s.slack != nil {
		s.say("  the thread    %s", s.slack.URL)
	}
	if at, _, told := strings.Cut(result.CommentURL, "#"); told { // from Slack it is an issue of its own
		s.say("  issue         %s", at)
	}
	if result.PullRequest != nil {
		s.say("  pull request  %s", result.PullRequest.URL)
	}
	if s.engine.gateway == nil {
		s.say("The sample agent also knows: /anvil note: TEXT  and  /anvil write PATH: TEXT")
	}
	s.say("Ctrl-C ends the demo.")
	for {
		result, err := s.follow(ctx, &since)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.tell(result); err != nil {
			return err
		}
	}
}

// raise starts the simulated GitHub with its people, repository and issue.
func (s *stage) raise(ctx context.Context, dir string, p programs) error {
	hub, err := githubtest.Start(githubtest.Options{
		Listen: s.options.Listen, Dir: filepath.Join(dir, "github"), Log: s.options.Log,
		Runner: githubtest.Runner{Command: []string{p.runner, "run"}, Env: append(goEnvironment(ctx), s.engine.jobPath()...)},
	})
	if err != nil {
		return err
	}
	s.hub = hub
	owner := hub.CreateAccount("acme", githubtest.Organization)
	s.person = hub.CreateUser("mona")
	hub.CreateUser("olaf") // an outsider, to try what happens
	archive := txtar.Parse(sample)
	archive.Files = append(archive.Files, txtar.File{Name: ".github/workflows/anvil.yml", Data: config.CallerWorkflow})
	files, err := txtar.FS(archive)
	if err != nil {
		return err
	}
	if s.repo, err = hub.CreateRepository(owner, "greeter", githubtest.From{FS: files}, githubtest.RepositoryOptions{}); err != nil {
		return err
	}
	hub.SetRole(s.repo, s.person, "write")
	s.issue = hub.CreateIssue(s.repo, s.person, "Greet leaves people out",
		"`go test ./...` fails: with two or more names, somebody is missing from the greeting.\n\nEverybody in the list should be greeted.")
	return nil
}

// serve registers the App and starts the real server on it.
func (s *stage) serve(ctx context.Context, dir string, served chan<- error) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address = listener.Addr().String()
	const secret = "the demo's webhook secret, known to nobody else on this machine"
	gh := s.hub.CreateApp(githubtest.App{
		Slug: "anvil", WebhookURL: "http://" + address + app.PathHook, WebhookSecret: secret,
		Permissions: app.Permissions, Events: app.Events, CallbackURLs: []string{"http://" + address + web.PathCallback},
	})
	s.hub.Install(gh.ID, s.repo.Owner.ID, s.repo.ID)
	files := map[string]string{"app.pem": gh.PrivateKeyPEM, "webhook-secret": secret, "client-secret": gh.ClientSecret}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	settings := map[string]any{
		"listen": address, "public_url": "http://" + address, "data_dir": filepath.Join(dir, "data"),
		"github": map[string]any{
			"url": s.hub.URL, "app_id": gh.ID,
			"private_key_file": filepath.Join(dir, "app.pem"), "webhook_secret_file": filepath.Join(dir, "webhook-secret"),
			"client_id": gh.ClientID, "client_secret_file": filepath.Join(dir, "client-secret"),
		},
		// Nobody counts requests here, and whoever watches wants to see each step.
		"limits":  map[string]any{"edit_every": "1s"},
		"engines": map[string]any{cmp.Or(s.options.Engine, "sample"): s.engine.settings},
	}
	if !s.contained {
		settings["containment"] = map[string]any{"mode": "none"}
	}
	if s.engine.gateway != nil {
		settings["gateway"] = s.engine.gateway
	}
	if settings["slack"], err = s.slackSettings(dir); err != nil {
		return "", err
	}
	text, err := json.Marshal(settings) // JSON is YAML
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "anvil.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return "", err
	}
	if s.server, err = app.New(ctx, cfg, s.options.Log); err != nil {
		return "", err
	}
	go func() { served <- s.server.Run(ctx, listener) }()
	return address, nil
}
