package agent

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Claude is the engine for Claude Code (npm: @anthropic-ai/claude-code), `claude -p
// --output-format stream-json`.
//
// Its own directory, CLAUDE_CONFIG_DIR, lies below the agent's home, so that no
// user's settings or login are in it. What a repository says to it is off: the
// settings below .claude (hooks, environment, permissions), .mcp.json, and with
// them CLAUDE.md. The base commit's instructions are added to the system prompt.
//
// Its questions are off: the confinement is the sandbox, and nobody is there to
// ask. Tools that act past the confinement or beyond the end of the turn are off
// too.
type Claude struct{}

const claudeHome = "claude" // below the agent's home

// claudeWithout lists the tools that it does not get: those that search and fetch
// at the provider, and those that leave the tree or the turn.
const claudeWithout = "WebSearch,WebFetch,EnterWorktree,ExitWorktree,CronCreate,CronDelete,CronList,ScheduleWakeup,SendMessage,ListAgents,Monitor,Workflow"

// Conversation is Claude Code's transcripts. Logins are in another file, and none
// is made.
func (Claude) Conversation() []string { return []string{claudeHome + "/projects/**"} }

// Find finds the binary, or the program that the assignment names in its place.
func (Claude) Find(e runapi.Engine, env []string) (Program, error) {
	command := e.Command
	if len(command) == 0 {
		command = []string{"claude"}
	}
	return find(e, command, env)
}

// Start starts `claude -p`, with --resume if there is an earlier conversation.
func (Claude) Start(ctx context.Context, w Work) (Turn, error) {
	if err := settle(w, claudeHome, map[string]string{"mcp.json": claudeServers(w.Tools), "instructions.md": w.Instructions}); err != nil {
		return nil, err
	}
	w.Env = append(w.Env[:len(w.Env):len(w.Env)], claudeEnv(w)...)
	version, err := detect(ctx, w)
	if err != nil {
		return nil, err
	}
	argv := append(w.inside(), claudeOptions(w)...)
	first := []Event{{Kind: KindVersion, Text: version}}
	if w.Resume != "" {
		if resumable(w.Resume) && claudeMove(w) {
			argv = append(argv, "--resume", w.Resume)
		} else {
			first = append(first, begunAnew(w.Resume))
		}
	}
	return begin(ctx, w, confine.Spec{Argv: argv, Env: w.Env, Stdin: strings.NewReader(w.Prompt)},
		&claudeReader{name: w.Engine.Name, version: version, tree: w.Confine.Path(w.Tree), calls: map[string]claudeContent{}}, first...)
}

func claudeEnv(w Work) []string {
	env := []string{
		"CLAUDE_CONFIG_DIR=" + w.Confine.Path(w.Home) + "/" + claudeHome,
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
		"CLAUDE_CODE_MAX_RETRIES=2",
		"ENABLE_TOOL_SEARCH=false",
		"DISABLE_AUTOUPDATER=1",
		"IS_SANDBOX=1", // without it root may not work unasked
		envToolsToken + "=" + w.Tools.Token,
	}
	if w.Model.URL != "" {
		env = append(env, "ANTHROPIC_BASE_URL="+w.Model.URL, "ANTHROPIC_AUTH_TOKEN="+w.Model.Token)
	}
	if m := w.Engine.Model; m != "" {
		// One model for all it does: others may not be on the run's list.
		for _, name := range []string{"ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL"} {
			env = append(env, name+"="+m)
		}
	}
	return env
}

func claudeOptions(w Work) []string {
	home := w.Confine.Path(w.Home) + "/" + claudeHome
	options := []string{
		"-p", "--output-format", "stream-json", "--verbose",
		"--setting-sources", "user", "--strict-mcp-config", "--mcp-config", home + "/mcp.json",
		"--permission-mode", "bypassPermissions", "--disallowedTools", claudeWithout,
		// The system prompt of an earlier run is an agent's to change, and may be of
		// another base commit.
		"--system-prompt-snapshot", "off",
	}
	if w.Instructions != "" {
		options = append(options, "--append-system-prompt-file", home+"/instructions.md")
	}
	if w.Engine.Model != "" {
		options = append(options, "--model", w.Engine.Model)
	}
	return options
}

// claudeServers is the list of MCP servers. It names the token's variable and not
// the token.
func claudeServers(tools Access) string {
	servers := map[string]any{}
	if tools.URL != "" {
		servers["anvil"] = map[string]any{
			"type": "http", "url": tools.URL,
			"headers": map[string]string{"Authorization": "Bearer ${" + envToolsToken + "}"},
		}
	}
	return string(mustJSON(map[string]any{"mcpServers": servers}))
}

// claudeMove reports whether the conversation to resume is there, and renames the
// directory that it is in for the present working directory: it is looked up by
// that.
func claudeMove(w Work) bool {
	file := conversation(w.Home, claudeHome+"/projects", w.Resume+".jsonl")
	if file == "" {
		return false
	}
	root, err := os.OpenRoot(w.Home)
	if err != nil {
		return false
	}
	defer root.Close()
	was, is := path.Dir(file), path.Join(claudeHome, "projects", claudeProject(w.Confine.Path(w.Tree)))
	if was != is {
		if _, err := root.Lstat(is); err != nil {
			return root.Rename(was, is) == nil
		}
	}
	return true
}

// claudeProject is the name by which Claude Code keeps the conversations of a
// working directory.
func claudeProject(dir string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, filepath.Clean(dir))
}
