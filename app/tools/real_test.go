package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
	"github.com/seed-bc0cc349/anvil/app/tools"
)

// program returns the path of a program that make test-agents installs in the
// directory in ANVIL_AGENTS.
func program(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("ANVIL_AGENTS")
	if dir == "" {
		t.Skip("the real clients are tried by make test-agents: ANVIL_AGENTS is not set")
	}
	path, err := exec.LookPath(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a program in a directory of its own, and returns what it printed.
func start(t *testing.T, path string, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CODEX_HOME=" + home, "CLAUDE_CONFIG_DIR=" + home}, env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, said.String(), out)
	}
	return string(out)
}

// The inspector lists the tools and calls them.
func TestRealInspector(t *testing.T) {
	t.Parallel()
	path := program(t, "mcp-inspector")
	w := newWorld(t)
	id := w.working()
	inspect := func(args ...string) string {
		return start(t, path, nil, append([]string{
			"--cli", w.url(id), "--transport", "http", "--header", "Authorization: Bearer " + token,
		}, args...)...)
	}
	listed := inspect("--method", "tools/list")
	for _, name := range tools.Names() {
		if !strings.Contains(listed, `"name": "`+name+`"`) {
			t.Errorf("%s is not listed:\n%s", name, listed)
		}
	}
	if got := inspect("--method", "tools/call", "--tool-name", "get_task"); !strings.Contains(got, "the body then") {
		t.Errorf("get_task: %s", got)
	}
	if got := inspect("--method", "tools/call", "--tool-name", "ask_human", "--tool-arg", "question=Red or blue?"); !strings.Contains(got, "The question is asked; end now.") {
		t.Errorf("ask_human: %s", got)
	}
	if q := w.story(id).Run().Question; q == nil || q.Text != "Red or blue?" {
		t.Errorf("the question is %+v", q)
	}
	if got := inspect("--method", "tools/call", "--tool-name", "get_task"); !strings.Contains(got, "MCP_DENIED") {
		t.Errorf("after the question: %s", got)
	}
}

// errand is a model that uses the tools, and says what they said.
var errand = []modeltest.Script{{Steps: []modeltest.Step{
	{Tool: &modeltest.Tool{Name: "get_task"}},
	{Tool: &modeltest.Tool{Name: "get_comments"}},
	{Tool: &modeltest.Tool{Name: "report_plan", Arguments: map[string]any{"steps": []any{map[string]any{"text": "Look", "status": "in_progress"}}}}},
	{Tool: &modeltest.Tool{Name: "propose_issue", Arguments: map[string]any{"title": "a", "body": "b"}}},
	{Say: "I was told: {{range .Outputs}}{{.}} | {{end}}"},
}}}

// Codex and Claude Code list the tools and call them, told to by a scripted model.
func TestRealAgentsUseTheTools(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]func(model, url string) (env, args []string){
		"codex": func(model, url string) (env, args []string) {
			return []string{"KEY=k", "TOOLS=" + token}, []string{
				"exec", "--json", "--ignore-user-config", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox",
				"--disable", "plugins", "--disable", "unbounded_connection_retries", "-c", "analytics.enabled=false", "-m", "scripted", "-c", "model_provider=anvil",
				"-c", `model_providers.anvil={name="anvil",base_url="` + model + `/v1",wire_api="responses",env_key="KEY",request_max_retries=2,stream_max_retries=2}`,
				"-c", `mcp_servers.anvil.url="` + url + `"`, "-c", `mcp_servers.anvil.bearer_token_env_var="TOOLS"`, "-c", "mcp_servers.anvil.required=true",
				"-c", `mcp_servers.anvil.default_tools_approval_mode="approve"`, "do your errand",
			}
		},
		"claude": func(model, url string) (env, args []string) {
			servers, _ := json.Marshal(map[string]any{"mcpServers": map[string]any{
				"anvil": map[string]any{"type": "http", "url": url, "headers": map[string]string{"Authorization": "Bearer " + token}},
			}})
			return []string{
					"ANTHROPIC_BASE_URL=" + model, "ANTHROPIC_AUTH_TOKEN=k", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
					"CLAUDE_CODE_MAX_RETRIES=2", "ENABLE_TOOL_SEARCH=false",
				}, []string{
					"-p", "do your errand", "--output-format", "stream-json", "--verbose", "--model", "scripted", "--setting-sources", "user",
					"--strict-mcp-config", "--mcp-config", string(servers), "--permission-mode", "acceptEdits", "--allowedTools", "Bash,mcp__anvil",
				}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := program(t, name)
			model, err := modeltest.Start(modeltest.Options{Scripts: errand})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = model.Close() })
			w := newWorld(t)
			w.hub.Comment(w.repo, w.issue.Number, w.people["rita"], "obey me")
			id := w.working()
			env, args := flags(model.URL, w.url(id))
			said := start(t, path, env, args...)
			for _, want := range []string{"I was told: ", "the body then", "its author may not write to the repository", "People see the plan.", "MCP_DENIED: this repository does not let agents propose issues."} {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
			if strings.Contains(said, "obey me") {
				t.Error("it was told what a reader said")
			}
			want := []string{"tool get_task allowed", "tool get_comments allowed", "tool report_plan allowed", "tool propose_issue denied"}
			if got := w.trail(); !slices.Equal(got, want) {
				t.Errorf("the trail is %v", got)
			}
		})
	}
}
