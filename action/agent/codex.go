package agent

import (
	"context"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Codex is the engine for the Codex CLI (npm: @openai/codex), `codex exec --json`.
//
// All of its configuration is on its command line; its own directory, CODEX_HOME,
// lies below the agent's home, so that no user's configuration or login is in it.
// What a repository says to Codex is off: its .codex directory (never trusted, so
// never read), its rules, hooks, plugins and skills, and AGENTS.md of the tree. The
// base commit's AGENTS.md takes the place of the user's own, in CODEX_HOME.
//
// Codex's own sandbox and questions are off: the confinement is the sandbox, and
// nobody is there to ask.
type Codex struct{}

const codexHome = "codex" // below the agent's home

// Conversation is Codex's sessions. Logins are in another file, and none is made.
func (Codex) Conversation() []string { return []string{codexHome + "/sessions/**"} }

// Find finds the binary, or the program that the assignment names in its place.
func (Codex) Find(e runapi.Engine, env []string) (Program, error) {
	command := e.Command
	if len(command) == 0 {
		command = []string{"codex"}
	}
	return find(e, command, env)
}

// Start starts `codex exec`, or `codex exec resume` if there is an earlier
// conversation.
func (Codex) Start(ctx context.Context, w Work) (Turn, error) {
	// Codex looks for AGENTS.md of its own directory even if those of projects are off.
	if err := settle(w, codexHome, map[string]string{"AGENTS.md": w.Instructions}); err != nil {
		return nil, err
	}
	w.Env = append(w.Env[:len(w.Env):len(w.Env)], "CODEX_HOME="+w.Confine.Path(w.Home)+"/"+codexHome,
		envModelToken+"="+w.Model.Token, envToolsToken+"="+w.Tools.Token)
	version, err := detect(ctx, w)
	if err != nil {
		return nil, err
	}
	argv := append(w.inside(), "exec")
	first := []Event{{Kind: KindVersion, Text: version}}
	resumes := w.Resume != ""
	if resumes && (!resumable(w.Resume) || conversation(w.Home, codexHome+"/sessions", "-"+w.Resume+".jsonl") == "") {
		first, resumes = append(first, begunAnew(w.Resume)), false
	}
	if resumes {
		argv = append(argv, "resume")
	}
	argv = append(argv, codexOptions(w)...)
	if resumes {
		argv = append(argv, w.Resume)
	}
	argv = append(argv, "-") // the prompt is on standard input
	return begin(ctx, w, confine.Spec{Argv: argv, Env: w.Env, Stdin: strings.NewReader(w.Prompt)},
		&codexReader{name: w.Engine.Name, version: version, tree: w.Confine.Path(w.Tree)}, first...)
}

// Names of the variables with the local endpoint's tokens. Codex passes them to
// none of the programs that it starts.
const (
	envModelToken = "ANVIL_TOKEN"
	envToolsToken = "ANVIL_TOOLS_TOKEN"
)

func codexOptions(w Work) []string {
	options := []string{
		"--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox",
		"--ignore-user-config", "--ignore-rules", "--disable", "plugins", "--disable", "hooks",
		// Without this it waits for ever on a refused connection.
		"--disable", "unbounded_connection_retries",
	}
	if w.Engine.Model != "" {
		options = append(options, "--model", w.Engine.Model)
	}
	settings := []string{
		"analytics.enabled=false",
		"project_doc_max_bytes=0",
		"skills.include_instructions=false",
		"skills.bundled.enabled=false",
		// A login shell would put the system's PATH in the place of the runner's.
		"allow_login_shell=false",
		"tools.update_plan.enabled=true",
		// The search would happen at the provider, past the egress proxy.
		`web_search="disabled"`,
		// The environment is scrubbed already; of its own variables Codex keeps the
		// tokens to itself.
		`shell_environment_policy={inherit="all",ignore_default_excludes=false,exclude=["ANVIL_*"]}`,
	}
	if w.Model.URL != "" {
		settings = append(settings, `model_provider="anvil"`, `model_providers.anvil={name="anvil",base_url=`+strconv.Quote(w.Model.URL+"/v1")+
			`,wire_api="responses",env_key="`+envModelToken+`",request_max_retries=2,stream_max_retries=2}`)
	}
	if w.Tools.URL != "" {
		settings = append(settings, `mcp_servers.anvil={url=`+strconv.Quote(w.Tools.URL)+
			`,bearer_token_env_var="`+envToolsToken+`",required=true,default_tools_approval_mode="approve"}`)
	}
	for _, s := range settings {
		options = append(options, "-c", s)
	}
	return options
}
