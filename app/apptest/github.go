package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/web"
)

// GitHub is a simulated GitHub in a process of its own, reached by its control
// API.
type GitHub struct {
	URL string
	App githubtest.App
	// Dir is where it keeps repositories and jobs.
	Dir string

	process *process
	http    *http.Client
}

// GitHubOptions say how to start a simulated GitHub.
type GitHubOptions struct {
	Runner string   // the command that carries out a job; none: jobs wait to be begun by hand
	Env    []string // of jobs, besides what a real one has
}

// webhookSecret is what the App's webhooks are signed with.
const webhookSecret = "canary-webhook-secret-0f1e2d3c4b5a69788796a5b4c3d2e1f0"

// StartGitHub starts a simulated GitHub below dir.
func StartGitHub(ctx context.Context, p Programs, dir string, o GitHubOptions) (*GitHub, error) {
	g := &GitHub{Dir: filepath.Join(dir, "github"), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}}
	argv := []string{p.Path("anvil-sim"), "--listen", "127.0.0.1:0", "--dir", g.Dir, "--validate"}
	if o.Runner != "" {
		argv = append(argv, "--runner", o.Runner)
	}
	for _, kv := range append(slices.Clone(p.goEnv), o.Env...) {
		argv = append(argv, "--runner-env", kv)
	}
	var err error
	if g.process, err = start(filepath.Join(dir, "github.log"), os.Environ(), argv...); err != nil {
		return nil, err
	}
	return g, Await(ctx, func() error {
		if g.process.gone() {
			return Hopeless("the simulated GitHub did not start:\n%s", g.process.tail())
		}
		b, err := os.ReadFile(g.process.output)
		if err != nil {
			return err
		}
		line, _, whole := bytes.Cut(b, []byte("\n"))
		var said struct {
			URL string `json:"url"`
		}
		if !whole || json.Unmarshal(line, &said) != nil || said.URL == "" {
			return fmt.Errorf("the simulated GitHub has not said where it is:\n%s", b)
		}
		g.URL = said.URL
		return nil
	})
}

// Violations lists what the server asked, or the simulator answered, against
// GitHub's own description of its API.
func (g *GitHub) Violations() ([]string, error) {
	var all []string
	err := g.Ask("GET", "violations", nil, &all)
	return all, err
}

// Close ends the simulated GitHub, with its jobs.
func (g *GitHub) Close() error {
	g.http.CloseIdleConnections()
	return g.process.stop(20 * time.Second)
}

// Ask calls the control API: path is below /_sim/, in is sent as JSON unless it is
// nil, and the answer is read into out unless that is nil.
func (g *GitHub) Ask(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, g.URL+"/_sim/"+path, body)
	if err != nil {
		return err
	}
	res, err := g.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, strings.TrimSpace(string(answer)))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// list reads one of a repository's lists.
func list[T any](g *GitHub, repo, name string) ([]T, error) {
	var all []T
	err := g.Ask("GET", "repositories/"+repo+"/"+name, nil, &all)
	return all, err
}

// Requests returns the ledger's entries of requests that were answered with
// success; see [githubtest.Fault] for the pattern.
func (g *GitHub) Requests(method, pattern string) ([]githubtest.Entry, error) {
	var all []githubtest.Entry
	err := g.Ask("GET", "ledger?"+url.Values{"method": {method}, "path": {pattern}}.Encode(), nil, &all)
	return all, err
}

// createApp registers the App whose webhooks go to the server at address.
func (g *GitHub) createApp(address string) error {
	return g.Ask("POST", "apps", githubtest.App{
		Slug: "anvil", WebhookURL: address + app.PathHook, WebhookSecret: webhookSecret,
		Permissions: app.Permissions, Events: app.Events, CallbackURLs: []string{address + web.PathCallback},
	}, &g.App)
}

// bot is the login of the App's own account.
const bot = "anvil[bot]"
