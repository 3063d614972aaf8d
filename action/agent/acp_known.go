package agent

import (
	"encoding/json"
	"path/filepath"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// known are settings of agents that speak the protocol and are tried with it, by the
// name of their program. The protocol has no word for where the model is, nor for which
// settings count, so each is told in its own.
var known = map[string]func(e runapi.Engine, model Access) []string{"opencode": opencode}

// settings are the variables by which the agent is told what the protocol can't.
func settings(e runapi.Engine, model Access) []string {
	if len(e.Command) == 0 {
		return nil
	}
	if tell := known[filepath.Base(e.Command[0])]; tell != nil {
		return tell(e, model)
	}
	return nil
}

// opencode takes its own settings from the environment alone: not the repository's, nor
// those that other agents have there, no plugins, and nothing fetched at its start. Its
// model is asked for by Chat Completions.
func opencode(e runapi.Engine, model Access) []string {
	env := []string{
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
	text, err := json.Marshal(own)
	if err != nil {
		panic(err) // of our own types
	}
	return append(env, "OPENCODE_CONFIG_CONTENT="+string(text))
}
