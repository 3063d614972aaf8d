package modeltest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
)

// program returns the path of a real agent, from the directory in ANVIL_AGENTS.
func program(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("ANVIL_AGENTS")
	if dir == "" {
		t.Skip("needs real agents: set ANVIL_AGENTS to a directory with codex and claude")
	}
	path, err := exec.LookPath(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("needs %s: %v", name, err)
	}
	return path
}

// agent is a real agent at work in a tree, with a home that keeps its conversation.
type agent struct {
	command func(tree, home, url, prompt, resume string) (args, env []string)
	// read returns the conversation's name and the last words.
	read func(lines []map[string]any) (conversation, text string)
}

var agents = map[string]agent{
	"codex": {
		command: func(_, home, url, prompt, resume string) (args, env []string) {
			args = []string{"exec"}
			if resume != "" {
				args = append(args, "resume")
			}
			args = append(args, "--json", "--ignore-user-config", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox",
				"--disable", "plugins", "--disable", "unbounded_connection_retries", "-c", "analytics.enabled=false", "-m", "scripted",
				"-c", "model_provider=anvil", "-c", `model_providers.anvil={name="anvil",base_url="`+url+
					`/v1",wire_api="responses",env_key="KEY",request_max_retries=2,stream_max_retries=2}`)
			if resume != "" {
				args = append(args, resume)
			}
			return append(args, prompt), []string{"CODEX_HOME=" + home, "KEY=the key"}
		},
		read: func(lines []map[string]any) (conversation, text string) {
			for _, l := range lines {
				if id, ok := l["thread_id"].(string); ok {
					conversation = id
				}
				if item, ok := l["item"].(obj); ok && item["type"] == "agent_message" {
					text = item["text"].(string)
				}
			}
			return conversation, text
		},
	},
	"claude": {
		command: func(_, home, url, prompt, resume string) (args, env []string) {
			args = []string{"-p", prompt, "--output-format", "stream-json", "--verbose", "--model", "scripted", "--setting-sources", "user",
				"--strict-mcp-config", "--permission-mode", "acceptEdits", "--allowedTools", "Bash"}
			if resume != "" {
				args = append(args, "--resume", resume)
			}
			return args, []string{"CLAUDE_CONFIG_DIR=" + home, "ANTHROPIC_BASE_URL=" + url, "ANTHROPIC_AUTH_TOKEN=the key",
				"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "CLAUDE_CODE_MAX_RETRIES=2"}
		},
		read: func(lines []map[string]any) (conversation, text string) {
			last := lines[len(lines)-1]
			text, _ = last["result"].(string)
			conversation, _ = last["session_id"].(string)
			return conversation, text
		},
	},
}

// run gives an agent one prompt and returns its conversation's name and last words.
func (a agent) run(t *testing.T, program, tree, home, url, prompt, resume string) (conversation, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	args, env := a.command(tree, home, url, prompt, resume)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = tree
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+home, "GOCACHE="+goEnv(t, "GOCACHE"), "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local")
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, errors.String(), out)
	}
	var lines []map[string]any
	for line := range strings.Lines(string(out)) {
		var l map[string]any
		if json.Unmarshal([]byte(line), &l) == nil {
			lines = append(lines, l)
		}
	}
	return a.read(lines)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// The scripts that ship with the model are work that the real agents do.
func TestRealAgentsRepairTheSample(t *testing.T) {
	t.Parallel()
	for name, a := range agents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := program(t, name)
			s := start(t, modeltest.Options{Keys: []string{"the key"}})
			tree := t.TempDir()
			sample, err := txtar.ParseFile("../../demo/sample.txtar")
			if err != nil {
				t.Fatal(err)
			}
			files, err := txtar.FS(sample)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(tree, files); err != nil {
				t.Fatal(err)
			}
			_, text := a.run(t, path, tree, t.TempDir(), s.URL, "fix the failing test", "")
			if !strings.Contains(text, "The tests pass") {
				t.Errorf("it ended with %q", text)
			}
			source, err := os.ReadFile(filepath.Join(tree, "greeter.go"))
			if err != nil || !strings.Contains(string(source), "names[:last],") {
				t.Errorf("greeter.go: %v\n%s", err, source)
			}
		})
	}
}

// Three instructions in one conversation; before the third, everything is on another
// machine. A conversation that got lost shows in what the model says.
func TestRealAgentsResumeTheirConversation(t *testing.T) {
	t.Parallel()
	for name, a := range agents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := program(t, name)
			s := start(t, modeltest.Options{})
			// The same path for the tree, as a runner that restores one has it.
			tree, home := t.TempDir(), t.TempDir()
			conversation, text := a.run(t, path, tree, home, s.URL, "add JWT authentication", "")
			for i, prompt := range []string{"use Passport instead", "document it"} {
				if i == 1 {
					moved := t.TempDir()
					if err := os.CopyFS(moved, os.DirFS(home)); err != nil {
						t.Fatal(err)
					}
					home = moved
				}
				var again string
				again, text = a.run(t, path, tree, home, s.URL, prompt, conversation)
				if again != conversation {
					t.Errorf("conversation %s became %s", conversation, again)
				}
			}
			if want := "Earlier instructions that I can see: 2."; !strings.Contains(text, want) {
				t.Errorf("it ended with %q, want %q", text, want)
			}
			said, err := fs.ReadFile(os.DirFS(tree), "docs/auth.md")
			if want := "- add JWT authentication\n- use Passport instead\n- document it\n"; err != nil || !strings.HasSuffix(string(said), want) {
				t.Errorf("docs/auth.md: %v\n%s", err, said)
			}
			middleware, _ := fs.ReadFile(os.DirFS(tree), "src/auth.js")
			if !strings.HasPrefix(string(middleware), "const passport") {
				t.Errorf("src/auth.js: %s", middleware)
			}
			if key := s.Requests()[0].Key; key != "Bearer the key" {
				t.Errorf("the key was %q", key)
			}
		})
	}
}
