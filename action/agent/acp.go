package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/coder/acp-go-sdk"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// ACP is the engine for agents that speak the Agent Client Protocol on their standard
// input and output, such as `opencode acp` and `gemini --acp`, which are tried. The runner
// is the client: it starts or loads a session in the tree, gives it the prompt, and
// ends it.
//
// Permissions that the agent asks for are given: the confinement is the sandbox, and
// nobody is there to ask. Files that it reads and writes through the client are
// those of the tree, and no others.
//
// The model's address and token are in the variables that OpenAI's and Anthropic's
// libraries read. The base commit's instructions stand before the prompt.
//
// Known gap: the protocol has no word for an agent's own settings, so those of the
// repository are off only if its command line says so. OpenCode and Gemini CLI are told
// (acp_known.go).
type ACP struct{}

// Conversation is what agents that are known keep of their sessions, and the directory
// "conversation" for others. Their logins are elsewhere.
func (ACP) Conversation() []string {
	return []string{"conversation/**", ".local/share/opencode/opencode.db*", ".gemini/tmp/*/chats/**"}
}

// Find finds the program that the assignment names.
func (ACP) Find(e runapi.Engine, env []string) (Program, error) { return Command{}.Find(e, env) }

// Start starts the program and a session in it.
func (ACP) Start(ctx context.Context, w Work) (Turn, error) {
	if w.Model.URL != "" {
		w.Env = append(w.Env[:len(w.Env):len(w.Env)],
			"OPENAI_BASE_URL="+w.Model.URL+"/v1", "OPENAI_API_KEY="+w.Model.Token,
			"ANTHROPIC_BASE_URL="+w.Model.URL, "ANTHROPIC_API_KEY="+w.Model.Token)
	}
	own, err := settings(w)
	if err != nil {
		return nil, err
	}
	w.Env = append(w.Env[:len(w.Env):len(w.Env)], own...)
	t := &acpTurn{
		work: w, events: make(chan Event, 64), tail: joblog.NewClipped(tailBytes),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	t.tree = w.Confine.Path(w.Tree)
	// A pipe of the system's: it breaks when the program is gone.
	input, toAgent, err := os.Pipe()
	if err != nil {
		return nil, notStarted(w.Engine, w.Program.Argv, err)
	}
	defer input.Close()
	fromAgent, output := io.Pipe()
	raw := &locked{w: w.Raw}
	p, err := w.Confine.Start(context.WithoutCancel(ctx), confine.Spec{ // a stop says so to the session first
		Argv: w.inside(), Dir: t.tree, Env: w.Env, Stdin: input,
		Stdout: io.MultiWriter(raw, output), Stderr: io.MultiWriter(raw, &locked{w: t.tail}),
		Grace: w.Grace / 2,
	})
	if err != nil {
		_ = toAgent.Close()
		return nil, notStarted(w.Engine, w.Program.Argv, err)
	}
	t.process = p
	t.conn = acp.NewClientSideConnection(t, toAgent, fromAgent)
	t.conn.SetLogger(slog.New(slog.DiscardHandler)) // what an agent sends is in the raw stream
	go func() {
		<-t.conn.Done()
		_, _ = io.Copy(io.Discard, fromAgent) // so that a program that still talks can end
	}()
	go t.run(ctx, toAgent, output)
	return t, nil
}

// acpTurn is a session at work on a prompt. It is also the protocol's client.
type acpTurn struct {
	work    Work
	tree    string // as the agent names it
	process confine.Process
	conn    *acp.ClientSideConnection
	events  chan Event
	tail    *joblog.Clipped

	stopOnce sync.Once
	stop     chan struct{}
	ended    chan struct{}

	mu     sync.Mutex
	heard  acpHearing
	id     acp.SessionId
	silent bool // a loaded session tells its past, which is no news

	// Written by run; read by others once ended is closed.
	answer Answer
	err    error
	cut    bool // the program fell silent in the middle
}

func (t *acpTurn) Events() <-chan Event { return t.events }

func (t *acpTurn) Stop() { t.stopOnce.Do(func() { close(t.stop) }) }

func (t *acpTurn) Wait() (Answer, error) {
	<-t.ended
	return t.answer, t.err
}

// run leads the session, then ends the program.
func (t *acpTurn) run(ctx context.Context, toAgent *os.File, output *io.PipeWriter) {
	talk, hangUp := context.WithCancel(ctx)
	gone := make(chan struct{})
	var exit confine.Exit
	var waitErr error
	go func() {
		exit, waitErr = t.process.Wait()
		_ = output.Close()
		close(gone)
		hangUp() // nobody answers any more
	}()
	go t.stopper(ctx, gone)
	why := t.session(talk)
	_ = toAgent.Close()
	t.endWithin(gone, t.work.Grace/2)
	hangUp()
	t.finish()
	switch {
	case why == nil:
	case waitErr != nil:
		why = &runapi.Error{Code: CodeFailed, What: fmt.Sprintf("The engine could not be run: %v.", waitErr)}
	case exit.Code != 0 && (t.cut || !exit.Stopped): // the pipe's end says less than the program did
		why = badExit(t.work.Engine.Command[0], exit, strings.TrimSpace(joblog.Clean(string(t.tail.Bytes()))))
	}
	t.err = why
	close(t.events)
	close(t.ended)
}

// session is the conversation from the first word to the answer.
func (t *acpTurn) session(ctx context.Context) error {
	files := !knownAs(t.work.Engine).ownFiles
	init, err := t.conn.Initialize(ctx, acp.InitializeRequest{
		ProtocolVersion:    acp.ProtocolVersionNumber,
		ClientInfo:         &acp.Implementation{Name: "anvil", Version: runapi.Version},
		ClientCapabilities: acp.ClientCapabilities{Fs: acp.FileSystemCapabilities{ReadTextFile: files, WriteTextFile: files}},
	})
	if err != nil {
		return t.failed("It did not begin to speak the Agent Client Protocol", err)
	}
	if init.AgentInfo != nil {
		t.answer.Version = init.AgentInfo.Version
	}
	if err := otherVersion(t.work.Engine, t.answer.Version); err != nil {
		return err
	}
	t.tell(Event{Kind: KindVersion, Text: t.answer.Version})
	id, err := t.open(ctx, init.AgentCapabilities)
	if err != nil {
		return err
	}
	t.answer.Resume = string(id)
	t.mu.Lock()
	t.id = id
	t.mu.Unlock()
	t.tell(Event{Kind: KindReference, Text: string(id)})
	if m := t.work.Engine.Model; m != "" {
		if _, err := t.conn.UnstableSetSessionModel(ctx, acp.UnstableSetSessionModelRequest{SessionId: id, ModelId: acp.UnstableModelId(m)}); err != nil {
			t.tell(Event{Kind: runapi.KindWarning, Text: "The agent can't be told its model; it uses the one that it is set to."})
		}
	}
	var prompt []acp.ContentBlock
	if t.work.Instructions != "" {
		prompt = append(prompt, acp.TextBlock("What the repository tells agents, as of the base commit:\n\n"+t.work.Instructions))
	}
	t.setSilent(false) // what comes from here on is news
	said, err := t.conn.Prompt(ctx, acp.PromptRequest{SessionId: id, Prompt: append(prompt, acp.TextBlock(t.work.Prompt))})
	if err != nil {
		return t.failed("", err)
	}
	switch said.StopReason {
	case acp.StopReasonEndTurn:
		return nil
	case acp.StopReasonCancelled:
		return failed(t.work.Engine.Name, "it was cancelled")
	case acp.StopReasonRefusal:
		return failed(t.work.Engine.Name, "it refused to go on")
	}
	return failed(t.work.Engine.Name, "it stopped before it was done: "+strings.ReplaceAll(string(said.StopReason), "_", " "))
}

// open loads the session to go on with, or begins a new one.
func (t *acpTurn) open(ctx context.Context, can acp.AgentCapabilities) (acp.SessionId, error) {
	servers := []acp.McpServer{}
	switch tools := t.work.Tools; {
	case tools.URL == "":
	case knownAs(t.work.Engine).noTools:
		t.tell(Event{Kind: runapi.KindWarning, Text: "The agent connects to no tools where it may not use the repository's settings; it works without those of Anvil."})
	case can.McpCapabilities.Http:
		servers = append(servers, acp.McpServer{Http: &acp.McpServerHttpInline{
			Type: "http", Name: "anvil", Url: tools.URL,
			Headers: []acp.HttpHeader{{Name: "Authorization", Value: "Bearer " + tools.Token}},
		}})
	default:
		t.tell(Event{Kind: runapi.KindWarning, Text: "The agent can't use tools over HTTP; it works without those of Anvil."})
	}
	if ref := t.work.Resume; ref != "" {
		if can.LoadSession {
			t.setSilent(true) // until it is prompted: some tell their past after they have loaded it
			_, err := t.conn.LoadSession(ctx, acp.LoadSessionRequest{SessionId: acp.SessionId(ref), Cwd: t.tree, McpServers: servers})
			if err == nil {
				return acp.SessionId(ref), nil
			}
			t.setSilent(false)
		}
		t.tell(begunAnew(ref))
	}
	s, err := t.conn.NewSession(ctx, acp.NewSessionRequest{Cwd: t.tree, McpServers: servers})
	if err != nil {
		return "", t.failed("It did not begin a session", err)
	}
	return s.SessionId, nil
}
