// Package config is what an operator tells the server. The [Config] struct is
// the manual: each field says what it means, its unit, its default, what it
// conflicts with and why it is there.
//
// A configuration is one YAML file. It is read strictly: a key that is not in
// the struct, a key given twice and a value of another kind are errors with
// their line, because a setting that was misspelt and silently ignored is found
// months later. What the file leaves out has its documented default.
// [Load] reads the file, fills in the defaults, derives what follows from other
// settings, and refuses what cannot work: every [Problem] at once, each with
// the exact change to make. A server never starts half configured.
//
// Secrets are not part of a Config. It holds the names of the files or
// environment variables that carry them; [Config.PrivateKey] and
// [Config.WebhookSecret] read them when they are needed. So a Config may be
// printed and logged.
package config

import (
	"time"

	"github.com/seed-bc0cc349/anvil/config/hostlist"
)

// Config is the whole configuration of a server.
//
// Lengths of time are written as Go writes them: 90s, 15m, 168h. Paths are
// relative to the directory of the configuration file.
type Config struct {
	// Listen is the address to serve on, HOST:PORT.
	//
	// Default: 127.0.0.1:8080, which only this machine reaches: put a reverse
	// proxy that ends TLS in front. Port 0 takes any free port; the log says which.
	Listen string `yaml:"listen"`

	// MetricsListen is the address, HOST:PORT, on which /metrics is served for
	// Prometheus, apart from everything else. Default: empty, which means nowhere:
	// it tells what is spent to whoever reaches it.
	MetricsListen string `yaml:"metrics_listen"`

	// PublicURL is the address by which people's browsers, GitHub's webhooks and
	// runners reach this server, such as https://anvil.example.com. Required.
	//
	// It must be https, because runners send tokens to it; http is accepted for
	// a loopback host only. It has no path, query or user. It is also the
	// audience that runners ask their OIDC tokens for, so changing it refuses
	// runs that were dispatched before.
	PublicURL string `yaml:"public_url"`

	// DataDir holds the database, stored artifacts and the quarantine in which
	// proposals are inspected. It is created with mode 0700.
	//
	// Default: data, beside the configuration file. It must be a local disk: the
	// database's locks do not hold on network file systems.
	DataDir string `yaml:"data_dir"`

	// LogFormat is text (for people) or json (for machines). Default: text.
	LogFormat string `yaml:"log_format"`

	// LogLevel is debug, info, warn or error. Default: info. At debug the log
	// also says why comments were ignored.
	LogLevel string `yaml:"log_level"`

	// GitHub says which GitHub this server is an App of.
	GitHub GitHub `yaml:"github"`

	// Dispatch says which workflow is started for a run.
	Dispatch Dispatch `yaml:"dispatch"`

	// Engines are the coding agents that a task may ask for, by the name that
	// people write in engine=NAME. At least one is required.
	Engines map[string]Engine `yaml:"engines"`

	// DefaultEngine is the engine of tasks that name none, in the command or in
	// the repository's rules. Default: the engine, if there is only one;
	// required otherwise, because a map has no order to take a first one from.
	DefaultEngine string `yaml:"default_engine"`

	// Capacity bounds how many runs have a runner at a time.
	Capacity Capacity `yaml:"capacity"`

	// Limits bound each single task and run.
	Limits Limits `yaml:"limits"`

	// Containment says what the agent and the checks run in, and whom they reach.
	Containment Containment `yaml:"containment"`

	// Gateway says which models runs may call through this server.
	Gateway Gateway `yaml:"gateway"`

	// Budgets bound what is spent on models. Default: none; gateway.max_calls and
	// limits.work still bound each run.
	Budgets []Budget `yaml:"budgets"`

	// Sessions says how long the unfinished work and the engines' conversations of
	// a thread are kept, and with which key.
	Sessions Sessions `yaml:"sessions"`

	// Tools says what agents may ask of this server while they work.
	Tools Tools `yaml:"tools"`

	// Environment is about what a run works in.
	Environment Environment `yaml:"environment"`

	// Linear makes this server an agent of a Linear workspace. Default: it is none.
	Linear Linear `yaml:"linear"`

	// Slack makes this server an app of a Slack workspace. Default: it is none.
	Slack Slack `yaml:"slack"`
}

// GitHub is the connection to one GitHub, as one App.
type GitHub struct {
	// URL is the address of GitHub's web pages and of git.
	//
	// Default: https://github.com. For an Enterprise Server it is that server's
	// address. It must be https, except for a loopback host.
	URL string `yaml:"url"`

	// APIURL is the address of the REST API.
	//
	// Default: https://api.github.com when URL is https://github.com, else
	// URL/api/v3, which is where an Enterprise Server has it.
	APIURL string `yaml:"api_url"`

	// OIDCIssuer is who signs the tokens with which jobs prove themselves. It is
	// compared as text, so it has no final slash.
	//
	// Default: https://token.actions.githubusercontent.com when URL is
	// https://github.com, else URL/_services/token. Set it if your enterprise
	// has an issuer of its own.
	OIDCIssuer string `yaml:"oidc_issuer"`

	// AppID is the number of the App, from its settings page. Required.
	AppID int64 `yaml:"app_id"`

	// PrivateKeyFile is the PEM file that the App's settings page gave you.
	// Required, unless PrivateKeyEnv is given; not both.
	//
	// Nobody but the server's user may read it (mode 0600): with this key one
	// can write to every repository of the App.
	PrivateKeyFile string `yaml:"private_key_file"`

	// PrivateKeyEnv names the environment variable that holds the PEM text, for
	// platforms that hand secrets over in the environment.
	PrivateKeyEnv string `yaml:"private_key_env"`

	// WebhookSecretFile is a file whose one line is the App's webhook secret.
	// Required, unless WebhookSecretEnv is given; not both. Mode 0600.
	//
	// An empty secret is refused: anyone could sign with it.
	WebhookSecretFile string `yaml:"webhook_secret_file"`

	// WebhookSecretEnv names the environment variable that holds the secret.
	WebhookSecretEnv string `yaml:"webhook_secret_env"`

	// ClientID is the App's client id, from its settings page. With it people of Slack say
	// who they are at GitHub by signing in there; the App's settings must have
	// PublicURL/link/callback among the callback URLs. Default: empty, which means that
	// nobody can sign in, and only the operator says who somebody is.
	ClientID string `yaml:"client_id"`

	// ClientSecretFile is a file whose one line is a client secret of the App. Required
	// with ClientID, unless ClientSecretEnv is given; not both. Mode 0600.
	ClientSecretFile string `yaml:"client_secret_file"`

	// ClientSecretEnv names the environment variable that holds the client secret.
	ClientSecretEnv string `yaml:"client_secret_env"`
}

// Dispatch says how a run reaches GitHub Actions.
type Dispatch struct {
	// Workflow is the file name of the workflow in .github/workflows.
	// Default: anvil.yml.
	Workflow string `yaml:"workflow"`

	// Repository is OWNER/NAME of one central repository whose workflow serves
	// every task. Default: empty, which means the repository that a task is for.
	// A central repository keeps runners and workflow in one place; the App must
	// be installed there with actions: write.
	Repository string `yaml:"repository"`

	// Ref is the branch or tag whose workflow file is run. Default: empty, which
	// means the repository's default branch. A runner that claims from another
	// ref is refused.
	Ref string `yaml:"ref"`

	// RunnerEnvironments are the kinds of runner that may claim a run:
	// github-hosted, self-hosted or both. Default: empty, which means any.
	// [github-hosted] keeps tasks off machines that live longer than a job.
	RunnerEnvironments []string `yaml:"runner_environments"`

	// LastingRunners are public repositories, as OWNER/NAME, whose runs a self-hosted
	// runner may claim that stays after its job. Default: none; such a claim ends the run.
	LastingRunners []string `yaml:"lasting_runners"`
}

// Engine is one coding agent and how it is started on the runner.
type Engine struct {
	// Kind is the adapter that speaks to it:
	//
	//	codex    the Codex CLI (npm: @openai/codex)
	//	claude   Claude Code (npm: @anthropic-ai/claude-code)
	//	acp      an agent that speaks the Agent Client Protocol over its standard
	//	         input and output. Its model it must ask by Responses, Chat Completions
	//	         or Messages, at OPENAI_BASE_URL or ANTHROPIC_BASE_URL, and its command
	//	         must switch the repository's settings for agents off. OpenCode
	//	         ([opencode, acp]) and Gemini CLI ([gemini, --acp], by generateContent) are
	//	         tried, and told so
	//	command  any program that gets the prompt on its standard input and changes
	//	         files in its working directory
	//
	// Default: command.
	Kind string `yaml:"kind"`

	// Command is the program and its arguments, no shell, as it is found on the
	// runner. Required for the kinds command and acp; for codex and claude it stands
	// in the place of the program of that name on the PATH. It is shown to whoever
	// can read a run: put no secret in it.
	Command []string `yaml:"command"`

	// Version is the version that the program on the runner must have; with another
	// one a run ends before any model is asked. Default: the version that the
	// adapter was tried with, 0.169.0 for codex and 2.1.330 for claude; any for the
	// other kinds. The word any turns the comparison off: what these programs print
	// and accept changes often, so expect surprises. The version found is kept with
	// each run from when its agent begins to work, either way. A program of the kind command
	// is not asked for its version: any is the only word there.
	Version string `yaml:"version"`

	// Models are the models that model=NAME may ask for. The first is used when
	// nobody asks. Default: empty, which means that the engine has no choice of
	// model and model= is refused.
	Models []string `yaml:"models"`

	// PassEnv names variables of the job that the engine may see, besides PATH,
	// HOME and the like. Default: none. What is named here can be read by the
	// agent and by every program that it starts. Variables with which a job
	// proves itself (ACTIONS_*, GITHUB_TOKEN, ANVIL_*) are refused. GOPROXY,
	// npm_config_registry and the like are seen without the user and password in
	// their addresses unless they are named here.
	PassEnv []string `yaml:"pass_env"`
}

// Capacity bounds the runs that hold a runner at the same time. Those above it
// wait in order, and are told their position.
type Capacity struct {
	// Total is for the whole server. Default: 4.
	Total int `yaml:"total"`

	// PerRepository keeps one busy repository from taking every slot.
	// Default: 2, or Total if that is less. Not more than Total.
	PerRepository int `yaml:"per_repository"`
}

// Limits bound what one task may take and what one run may hand back. A task
// above a limit ends with a problem that names the limit.
type Limits struct {
	// PromptBytes is the size of a task's text: instruction, title and body of
	// the issue together. Default: 61440 (60 KiB).
	PromptBytes int `yaml:"prompt_bytes"`

	// Attempts is how many runs a task may have when runners are lost. Default: 2.
	// A run that failed for a reason of its own is never tried again by itself.
	Attempts int `yaml:"attempts"`

	// Work is the engine's time. Default: 30m.
	Work time.Duration `yaml:"work"`

	// Verify is the time for all verification commands together. Default: 15m.
	Verify time.Duration `yaml:"verify"`

	// StartWithin is how long a dispatched run may wait for a runner. Default: 10m.
	// Then the run is lost: the queue of a runner group that nobody serves is
	// long, and people should hear of it.
	StartWithin time.Duration `yaml:"start_within"`

	// Lease is how long a runner may be silent before its run is lost. Default:
	// 60s. At least three times RenewEvery, so that two lost packets are not an
	// end.
	Lease time.Duration `yaml:"lease"`

	// RenewEvery is how often a runner renews its lease. Default: 15s. A person's
	// stop reaches a runner within this time.
	RenewEvery time.Duration `yaml:"renew_every"`

	// HoldFor is how long a held proposal waits for a person. Default: 168h,
	// seven days. Then the task fails.
	HoldFor time.Duration `yaml:"hold_for"`

	// AnswerWithin is how long a question of the agent's waits for a person.
	// Default: 168h, seven days. Then the task fails. No runner is held meanwhile.
	AnswerWithin time.Duration `yaml:"answer_within"`

	// EditEvery is the shortest time between two writes of one comment, and of one check
	// run while its task is under way. Default: 10s. 0 writes at every change, which
	// GitHub's limits allow for a few tasks at a time.
	EditEvery time.Duration `yaml:"edit_every"`

	// RepairRounds is how often an engine is told of failed checks and may go on
	// within a run. Default: 2. 0: never.
	RepairRounds int `yaml:"repair_rounds"`

	// CheckpointEvery is how often a runner saves unfinished work while the engine
	// is at it. Default: 3m. 0 saves it at the end only, so that a runner that dies
	// loses it.
	CheckpointEvery time.Duration `yaml:"checkpoint_every"`

	// CompareWithin is how long a verification may take for the same checks to be run on
	// the base commit too, so that people see what a change made of them. Default: 30s. 0:
	// they never are.
	CompareWithin time.Duration `yaml:"compare_within"`

	// BundleBytes is the size of the git bundle of a proposal, and of a checkpoint.
	// Default: 52428800 (50 MiB).
	BundleBytes int64 `yaml:"bundle_bytes"`

	// ConversationBytes is the size of the files from which an engine goes on.
	// Default: 209715200 (200 MiB). What is larger is not kept, and the thread's
	// next run begins a new conversation.
	ConversationBytes int64 `yaml:"conversation_bytes"`

	// LogBytes is the size of a run's log; the rest is cut with a mark. Default:
	// 10485760 (10 MiB).
	LogBytes int64 `yaml:"log_bytes"`

	// Files is how many files a proposal may change. Default: 300.
	Files int `yaml:"files"`

	// FileBytes is the size of one changed file. Default: 5242880 (5 MiB).
	FileBytes int64 `yaml:"file_bytes"`

	// DiffBytes is the size of all changed files together. Default: 20971520
	// (20 MiB).
	DiffBytes int64 `yaml:"diff_bytes"`
}

// Containment is about untrusted programs on a runner: the agent, and the checks
// that run its code.
type Containment struct {
	// Mode is what they run in: docker, podman, bubblewrap, none, or auto, which takes
	// the first of docker, podman and bubblewrap that works on the runner. Default:
	// auto. Where nothing works the run is refused. With none they run as the
	// runner's own user and see its files and its network: name it only for machines
	// that are thrown away after each job and hold nothing.
	Mode string `yaml:"mode"`

	// Image is the image of docker or podman containers. Default: empty: an empty
	// image, on which the runner's own system and tools are mounted read-only.
	// Nothing but the engine, which is mounted too, is taken from the machine if
	// there is an image: it must have the tools that your checks need. Mode auto then
	// leaves bubblewrap out, so a run whose image can't be had is refused.
	Image string `yaml:"image"`

	// MemoryBytes is how much memory one container may use. Default: 4294967296
	// (4 GiB). Like the next two it holds where the runner can make cgroups; the
	// run's first event says which limits hold.
	MemoryBytes int64 `yaml:"memory_bytes"`

	// CPUs is how many processors one container may use, such as 1.5. Default: 0: all
	// that the machine has.
	CPUs float64 `yaml:"cpus"`

	// PIDs is how many processes one container may have. Default: 1024, which a big
	// build stays below and a fork bomb does not.
	PIDs int64 `yaml:"pids"`

	// DiskBytes is what the agent, or the checks, may write in all. Default:
	// 10737418240 (10 GiB). It is watched, not reserved: a fast writer is ended some
	// seconds after it went over.
	DiskBytes int64 `yaml:"disk_bytes"`

	// Network is proxy or none. Default: proxy: the runner's egress proxy is the
	// only way out, to package registries (to read) and to the hosts in Allow. With
	// none there is no way out at all; model calls and tools, which the runner
	// passes on itself, work with either.
	Network string `yaml:"network"`

	// Allow lists hosts that every task may speak to, by HTTPS: example.com is that
	// host, .example.com also all below it. Default: empty. Whatever is allowed can
	// be told what the agent knows: your code, and the task.
	Allow []string `yaml:"allow"`

	// RepositoriesMayAllow lists the hosts that a repository may allow for itself, by
	// network.allow in .github/anvil.yml on its default branch, in the same form. "*"
	// stands for every host. Default: ["*"], because who may change the default
	// branch can send its code anywhere already. An empty list leaves the decision to
	// Allow alone.
	RepositoriesMayAllow []string `yaml:"repositories_may_allow"`
}

// Default returns the documented defaults. What follows from other settings
// (the API's address, the default engine) is empty in it.
func Default() *Config {
	return &Config{
		Listen:    "127.0.0.1:8080",
		DataDir:   "data",
		LogFormat: "text",
		LogLevel:  "info",
		GitHub:    GitHub{URL: "https://github.com"},
		Dispatch:  Dispatch{Workflow: "anvil.yml"},
		Capacity:  Capacity{Total: 4},
		Limits: Limits{
			PromptBytes:       60 << 10,
			Attempts:          2,
			Work:              30 * time.Minute,
			Verify:            15 * time.Minute,
			StartWithin:       10 * time.Minute,
			Lease:             time.Minute,
			RenewEvery:        15 * time.Second,
			HoldFor:           7 * 24 * time.Hour,
			AnswerWithin:      7 * 24 * time.Hour,
			EditEvery:         10 * time.Second,
			RepairRounds:      2,
			CheckpointEvery:   3 * time.Minute,
			CompareWithin:     30 * time.Second,
			BundleBytes:       50 << 20,
			ConversationBytes: 200 << 20,
			LogBytes:          10 << 20,
			Files:             300,
			FileBytes:         5 << 20,
			DiffBytes:         20 << 20,
		},
		Containment: Containment{Mode: "auto", MemoryBytes: 4 << 30, PIDs: 1024, DiskBytes: 10 << 30, Network: "proxy", RepositoriesMayAllow: []string{hostlist.Any}},
		Gateway:     Gateway{BodyBytes: 32 << 20, OutputTokens: 64_000, MaxCalls: 2000, ParallelCalls: 16, AnswerWithin: 10 * time.Minute},
		Sessions:    Sessions{Retention: 30 * 24 * time.Hour},
		Tools:       Tools{Enabled: true},
		Linear:      Linear{APIURL: "https://api.linear.app"},
		Slack:       Slack{APIURL: "https://slack.com"},
		Environment: Environment{BuildWithin: 20 * time.Minute, Cache: EnvironmentCache{
			Backend: "registry", Registry: "ghcr.io", Repository: "anvil-env", Credential: RegistryCredential{Lives: time.Hour},
			LookupWithin: 15 * time.Second, PullWithin: 10 * time.Minute, PushWithin: 20 * time.Minute, WaitWithin: time.Minute,
			MaxBytes: 4 << 30, Keep: 14 * 24 * time.Hour,
		}},
	}
}
