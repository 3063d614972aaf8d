package agent

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Engine drives one kind of coding agent.
type Engine interface {
	// Start starts the agent on w. When ctx ends, the turn is stopped as by Stop.
	Start(ctx context.Context, w Work) (Turn, error)
	// Conversation names the files below the agent's home that it resumes from, as
	// slash-separated patterns in which ** is any number of directories. None of them
	// may ever match a file with credentials.
	Conversation() []string
	// Find finds the engine's program on the runner, as one with environment env
	// would. The error is a [*runapi.Error].
	Find(e runapi.Engine, env []string) (Program, error)
}

// Turn is an agent at work on one prompt.
type Turn interface {
	// Events streams what the agent does. It is closed when the agent has ended,
	// and must be read until then.
	Events() <-chan Event
	// Stop asks the agent to end in time: it may save its conversation first. It
	// returns at once and may be called repeatedly.
	Stop()
	// Wait returns how it ended, once Events is closed and nothing of the agent
	// runs any more. The answer counts even beside an error. The error is a
	// [*runapi.Error] that a person can act on.
	Wait() (Answer, error)
}

// Program is an engine's program as it was found on the runner.
type Program struct {
	// Argv is how it is started, without the arguments of a turn. It begins with an
	// absolute path of the runner, unless the program is a part of the operating
	// system, which every environment has its own of.
	Argv []string
	// Needs are the absolute files and directories of the runner that must be
	// visible where the program runs. It writes to none of them.
	Needs []string
}

// Work is what an agent is to do, and where.
type Work struct {
	Engine  runapi.Engine
	Program Program  // as Find has found it
	Prompt  string   // in its envelope
	Tree    string   // to change; the agent's working directory
	Home    string   // the agent's own, outside the tree; what it keeps there can be resumed from
	Env     []string // all of its environment, as it is where the agent runs
	// Model is where the engine sends model calls; the zero value: it has a way of
	// its own, or needs none. URL has no path: engines add /v1/responses and the like.
	Model Access
	// Tools is the MCP server that the agent may use; the zero value: none.
	Tools Access
	// Instructions is what the base commit's AGENTS.md or CLAUDE.md says, as data.
	Instructions string
	// Resume is the reference of an earlier answer to go on from; empty to begin.
	Resume string
	// Confine is what the agent, and all that it starts, runs in.
	Confine confine.Confinement
	// Raw gets the agent's own output as it comes.
	Raw io.Writer
	// Grace is the time an agent has to end when it is stopped.
	Grace time.Duration
}

// Access is a service of the runner as an agent reaches it. Token is made for this
// run and opens nothing but the runner's own local endpoint.
type Access struct {
	URL   string
	Token string
}

// KindReference is the kind of an event that only says, in its text, with which
// reference the conversation can go on. An engine that knows it early says so
// early: then a run that dies can be gone on with too.
const KindReference = "reference"

// KindVersion is the kind of an event that only says, in its text, which version the
// engine is, before it works: a run that dies has told it too. Empty: it does not say.
const KindVersion = "version"

// Event is one thing that an agent did or said.
type Event struct {
	Kind string // one of runapi's engine kinds, runapi.KindError, KindReference or KindVersion
	Text string
	Data json.RawMessage
}

// Answer is how a turn ended.
type Answer struct {
	Text    string
	Version string // of the engine
	Resume  string // reference with which the conversation can go on
}

// Engines returns the engines by the kind that an assignment names.
func Engines() map[string]Engine {
	return map[string]Engine{
		"command": Command{},
		"codex":   Codex{},
		"claude":  Claude{},
		"acp":     ACP{},
	}
}

// Codes of the problems that engines have.
const (
	CodeUnknown = "ENGINE_UNKNOWN" // no engine of that kind in this runner
	CodeMissing = "ENGINE_MISSING" // its program is not on the runner, or can't run there
	CodeVersion = "ENGINE_VERSION" // its program is another version than is asked for
	CodeFailed  = "ENGINE_FAILED"  // it ended badly
	CodeTimeout = "ENGINE_TIMEOUT" // it took longer than the limit
)
