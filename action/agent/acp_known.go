package agent

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// known are settings of agents that speak the protocol and are tried with it, by the
// name of their program. The protocol has no word for where the model is, nor for which
// settings count, so each is told in its own: by variables, and by files below its home.
var known = map[string]acquaintance{"opencode": {tell: opencode}, "gemini": {tell: gemini, ready: geminiAside, ownFiles: true, noTools: true}}

// acquaintance is what is known of an agent.
type acquaintance struct {
	// tell returns its settings.
	tell func(w Work) (env []string, files map[string]string)
	// ready readies what is there of an earlier conversation; nil: nothing has to be done.
	ready func(home *os.Root)
	// ownFiles says that it reads and writes the tree itself. Gemini CLI could ask the client
	// for it, and takes the answer that a file is not there for a failure.
	ownFiles bool
	// noTools says that it can't be given tools.
	noTools bool
}

// knownAs is what is known of an engine's agent.
func knownAs(e runapi.Engine) acquaintance {
	if len(e.Command) == 0 {
		return acquaintance{}
	}
	return known[filepath.Base(e.Command[0])]
}

// settings returns the variables by which the agent is told what the protocol can't, and
// writes its files.
func settings(w Work) ([]string, error) {
	agent := knownAs(w.Engine)
	if agent.tell == nil {
		return nil, nil
	}
	env, files := agent.tell(w)
	for name, text := range files {
		if err := settle(w, path.Dir(name), map[string]string{path.Base(name): text}); err != nil {
			return nil, err
		}
	}
	if home, err := os.OpenRoot(w.Home); err == nil && agent.ready != nil && w.Resume != "" {
		agent.ready(home)
		_ = home.Close()
	}
	return env, nil
}

// opencode takes its own settings from the environment alone: not the repository's, nor
// those that other agents have there, no plugins, and nothing fetched at its start. Its
// model is asked for by Chat Completions.
func opencode(w Work) (env []string, files map[string]string) {
	e, model := w.Engine, w.Model
	env = []string{
		"OPENCODE_DISABLE_PROJECT_CONFIG=1", "OPENCODE_DISABLE_CLAUDE_CODE=1", "OPENCODE_DISABLE_EXTERNAL_SKILLS=1", "OPENCODE_PURE=1",
		"OPENCODE_DISABLE_DEFAULT_PLUGINS=1", "OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_AUTOUPDATE=1", "OPENCODE_DISABLE_LSP_DOWNLOAD=1", "OPENCODE_DISABLE_SHARE=1",
	}
	own := map[string]any{"share": "disabled", "autoupdate": false}
	if model.URL != "" && e.Model != "" {
		own["provider"] = map[string]any{"anvil": map[string]any{
			"npm": "@ai-sdk/openai-compatible", "name": "Anvil", "models": map[string]any{e.Model: map[string]any{"name": e.Model}},
			"options": map[string]any{"baseURL": model.URL + "/v1", "apiKey": model.Token},
		}}
		own["model"], own["small_model"] = "anvil/"+e.Model, "anvil/"+e.Model
		own["enabled_providers"] = []string{"anvil"}
	}
	return append(env, "OPENCODE_CONFIG_CONTENT="+inJSON(own)), nil
}

// gemini has no word for leaving a repository's settings out but that its folder is not
// trusted: then it reads none of them, no .env, no hooks, skills and commands, and asks
// before each tool, which is allowed it. It connects to no MCP servers either, ours
// included. The token takes the place of a key, and the model's address that of Google's.
func gemini(w Work) (env []string, files map[string]string) {
	const file = ".gemini/settings.json"
	own := map[string]any{
		"security":  map[string]any{"folderTrust": map[string]any{"enabled": true}, "auth": map[string]any{"selectedType": "gemini-api-key"}},
		"general":   map[string]any{"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
		"privacy":   map[string]any{"usageStatisticsEnabled": false},
		"telemetry": map[string]any{"enabled": false},
		// What the repository tells agents comes before the prompt, from the base commit.
		"context": map[string]any{"fileName": []string{"none of the repository's"}},
	}
	if w.Model.URL != "" {
		env = append(env, "GOOGLE_GEMINI_BASE_URL="+w.Model.URL, "GEMINI_API_KEY="+w.Model.Token)
	}
	if w.Engine.Model != "" {
		env = append(env, "GEMINI_MODEL="+w.Engine.Model)
	}
	return env, map[string]string{file: inJSON(own)}
}

// geminiAside takes an earlier conversation out of the way. Gemini CLI names its file by
// the minute and the session, and begins with an empty one of that name before it reads
// the session: what was said in the same minute would be overwritten. Under any other name
// it is found, and gone on with. What can't be renamed is begun anew at worst.
func geminiAside(home *os.Root) {
	const aside = "session-earlier-"
	chats, _ := fs.Glob(home.FS(), ".gemini/tmp/*/chats/session-*.jsonl")
	for _, name := range chats {
		if base := path.Base(name); !strings.HasPrefix(base, aside) {
			_ = home.Rename(name, path.Join(path.Dir(name), aside+strings.TrimPrefix(base, "session-")))
		}
	}
}

func inJSON(settings map[string]any) string {
	text, err := json.Marshal(settings)
	if err != nil {
		panic(err) // of our own types
	}
	return string(text)
}
