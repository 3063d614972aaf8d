package config

import "time"

// Gateway says which servers of models runs may call through this server, and on
// which terms. An agent never sees the key of a model: it calls this server with
// its run's token.
type Gateway struct {
	// Upstreams are the servers of models, in the order in which they are asked:
	// where one fails before it has begun to answer, does not accept the key (401, 402,
	// 403) or says that the model is not there (404), the next one that speaks the
	// protocol and has the model takes its place. One that fails five times on end is
	// left alone for 15 seconds; one that does not accept the key, where another can
	// take its place. Default: none, which means that nothing is relayed.
	Upstreams []Upstream `yaml:"upstreams"`

	// SmallModels are models that every run may use beside its engine's own.
	// Default: none. Claude Code calls a small model for its side work: name it
	// here, or it does without.
	SmallModels []string `yaml:"small_models"`

	// HostedTools names the kinds of tools that a provider may carry out itself,
	// such as web_search. Default: none; they are taken out of requests, because
	// through them an agent reaches what its own network does not. With web_fetch
	// pictures and files may be named by an address or an id, too.
	HostedTools []string `yaml:"hosted_tools"`

	// BodyBytes is the size of one request. Default: 33554432 (32 MiB).
	BodyBytes int64 `yaml:"body_bytes"`

	// OutputTokens is how much a model is expected to write at most where the
	// request does not say. Default: 64000. It is what is reserved of a budget
	// while the call is under way.
	OutputTokens int64 `yaml:"output_tokens"`

	// MaxCalls is how many calls one run may make. Default: 2000.
	MaxCalls int64 `yaml:"max_calls"`

	// ParallelCalls is how many calls one run may have under way. Default: 16.
	ParallelCalls int `yaml:"parallel_calls"`

	// AnswerWithin is how long an upstream may take to begin an answer, and be
	// silent in the middle of one. Default: 10m; models think for minutes.
	AnswerWithin time.Duration `yaml:"answer_within"`

	// CheaperModels names for a model the one that takes its place once four fifths of
	// a budget with on_limit: cheaper are used. Default: none. An upstream has to have it;
	// where a repository's rules do not permit it, the run goes on with its own. The
	// model itself has to be one that an engine may ask for, or to have a price.
	CheaperModels map[string]string `yaml:"cheaper_models"`

	// Prices come before the table that is built in (config/prices.yaml), whose
	// rows they are written like. Default: none.
	Prices []Price `yaml:"prices"`

	// StorePrompts keeps what runs send to models and what these answer, as files
	// in data_dir, for sessions.retention from each call on, also once this is taken
	// back. They are not encrypted. Default: false; nothing of it is kept.
	StorePrompts bool `yaml:"store_prompts"`
}

// Upstream is one server of models.
type Upstream struct {
	// Name is what it is called in logs, metrics and the database. Required.
	Name string `yaml:"name"`

	// Protocols are the interfaces that it speaks: responses and chat (OpenAI's),
	// messages (Anthropic's), generate (Google's generateContent). Required.
	Protocols []string `yaml:"protocols"`

	// BaseURL is what stands before /responses, /chat/completions, /messages or /models,
	// such as https://api.openai.com/v1, https://api.anthropic.com/v1 or
	// https://generativelanguage.googleapis.com/v1beta. Required.
	// It may have a query, such as ?api-version=preview. It must be https, except
	// for a loopback host or where no key is sent.
	BaseURL string `yaml:"base_url"`

	// KeyFile is a file whose one line is the key. Default: none, which means that
	// no key is sent. Not together with KeyEnv. Mode 0600.
	KeyFile string `yaml:"key_file"`

	// KeyEnv names the environment variable that holds the key.
	KeyEnv string `yaml:"key_env"`

	// Auth is how the key is sent: bearer (Authorization: Bearer KEY), x-api-key
	// (Anthropic), api-key (Azure) or x-goog-api-key (Google). Default: x-api-key if it
	// speaks messages only, x-goog-api-key if it speaks generate only, else bearer.
	Auth string `yaml:"auth"`

	// Models maps the names that runs use to the upstream's own, such as an Azure
	// deployment's. Default: none, which means that it is asked for every model, by
	// the name that runs use. If there are any, it is asked for no others: with a
	// model that an engine may ask for and no upstream has, the server does not start.
	Models map[string]string `yaml:"models"`
}

// Price is what a model takes, in US dollars per million tokens.
type Price struct {
	// Model is the model's name, or a pattern such as gpt-5*. The first that fits
	// counts. Required.
	Model string `yaml:"model"`

	// Input is the price of input that no cache takes part in. Default: 0.
	Input float64 `yaml:"input"`

	// Cached is the price of input that is read from the cache. Default: 0.
	Cached float64 `yaml:"cached"`

	// CacheWrite is the price of input that is written to the cache for five
	// minutes; for an hour it is 1.6 times as much. Default: 0.
	CacheWrite float64 `yaml:"cache_write"`

	// Output is the price of what the model writes, reasoning included. Default: 0.
	Output float64 `yaml:"output"`
}

// Budget bounds what each run, task, user, repository or organisation may use of
// models. What a call can cost at most is reserved before it, so a budget is
// overrun by one call at most. At four fifths people are told.
type Budget struct {
	// Scope is whose budget it is: run, task, user, repository or organisation.
	// Required. Each one has the whole budget to itself.
	Scope string `yaml:"scope"`

	// USD is the money, in US dollars. Default: 0, which means no bound; at least
	// one of USD and Tokens is required. Every model that may be used then needs a
	// price.
	USD float64 `yaml:"usd"`

	// Tokens is how many may go in and out together. Default: 0, which means no
	// bound.
	Tokens int64 `yaml:"tokens"`

	// Per is total or day (UTC). Default: total.
	Per string `yaml:"per"`

	// OnLimit is what happens when it is used up. Default: stop, which ends the run
	// with BUDGET_EXCEEDED. cheaper does so too, but from four fifths on calls go to
	// the model that gateway.cheaper_models names. queue, for a budget per day,
	// moreover keeps further runs waiting until the next day.
	OnLimit string `yaml:"on_limit"`
}
