package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/acp-go-sdk"
)

// TestMain makes of this test's own program an agent that speaks the Agent Client
// Protocol, when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "acp-agent" {
		a := &protocolAgent{mode: os.Args[2]}
		a.conn = acp.NewAgentSideConnection(a, os.Stdout, os.Stdin)
		if a.mode == "mute" {
			fmt.Fprintln(os.Stderr, "no model is set up")
			os.Exit(9)
		}
		<-a.conn.Done()
		return
	}
	os.Exit(m.Run())
}

// protocolAgent is a small agent. It tells what it was told, and does what its mode says.
type protocolAgent struct {
	mode string
	conn *acp.AgentSideConnection
	cwd  string
}

const protocolVersion = "3.2.1"

func (a *protocolAgent) Initialize(_ context.Context, r acp.InitializeRequest) (acp.InitializeResponse, error) {
	return acp.InitializeResponse{
		ProtocolVersion: r.ProtocolVersion, AuthMethods: []acp.AuthMethod{},
		AgentInfo:         &acp.Implementation{Name: "test", Version: protocolVersion},
		AgentCapabilities: acp.AgentCapabilities{LoadSession: true, McpCapabilities: acp.McpCapabilities{Http: true}},
	}, nil
}

func (a *protocolAgent) NewSession(_ context.Context, r acp.NewSessionRequest) (acp.NewSessionResponse, error) {
	if a.mode == "login" {
		return acp.NewSessionResponse{}, acp.NewAuthRequired("say who you are")
	}
	a.cwd = r.Cwd
	return acp.NewSessionResponse{SessionId: "session-1"}, a.remember(r.McpServers)
}

// remember keeps what a session was begun with as its conversation.
func (a *protocolAgent) remember(servers []acp.McpServer) error {
	b, err := json.Marshal(servers)
	if err != nil {
		return err
	}
	dir := filepath.Join(os.Getenv("HOME"), "conversation")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "session-1"), b, 0o600)
}

func (a *protocolAgent) LoadSession(ctx context.Context, r acp.LoadSessionRequest) (acp.LoadSessionResponse, error) {
	if _, err := os.Stat(filepath.Join(os.Getenv("HOME"), "conversation", string(r.SessionId))); err != nil {
		return acp.LoadSessionResponse{}, acp.NewInvalidParams("there is no such session")
	}
	a.cwd = r.Cwd
	return acp.LoadSessionResponse{}, a.tell(ctx, r.SessionId, acp.UpdateAgentMessageText("what was said long ago"))
}

func (a *protocolAgent) tell(ctx context.Context, id acp.SessionId, updates ...acp.SessionUpdate) error {
	for _, u := range updates {
		if err := a.conn.SessionUpdate(ctx, acp.SessionNotification{SessionId: id, Update: u}); err != nil {
			return err
		}
	}
	return nil
}

func (a *protocolAgent) Prompt(ctx context.Context, r acp.PromptRequest) (acp.PromptResponse, error) {
	switch a.mode {
	case "hang":
		_ = a.tell(ctx, r.SessionId, acp.UpdateAgentThoughtText("this takes long"), acp.UpdateAgentMessageText("I begin."))
		<-ctx.Done()
		return acp.PromptResponse{StopReason: acp.StopReasonCancelled}, nil
	case "deaf":
		_ = a.tell(ctx, r.SessionId, acp.UpdateAgentThoughtText("I hear nothing"), acp.UpdateAgentMessageText("I begin."))
		select {}
	case "refused":
		return acp.PromptResponse{}, acp.NewInternalError(map[string]any{"details": "400 GW_BUDGET: the budget is used up. Ask for less."})
	case "crash":
		fmt.Fprintln(os.Stderr, "out of memory")
		os.Exit(3)
	}
	var text []string
	for _, b := range r.Prompt {
		if b.Text != nil {
			text = append(text, b.Text.Text)
		}
	}
	if err := a.tell(ctx, r.SessionId,
		acp.UpdateAgentThoughtText("first "), acp.UpdateAgentThoughtText("look"),
		acp.UpdatePlan(acp.PlanEntry{Content: "look", Status: acp.PlanEntryStatusCompleted}, acp.PlanEntry{Content: "repair", Status: acp.PlanEntryStatusPending}),
		acp.UpdateAgentMessageText("I was told: "), acp.UpdateAgentMessageText(strings.Join(text, " + ")),
		acp.StartToolCall("run", "go test", acp.WithStartKind(acp.ToolKindExecute), acp.WithStartRawInput(map[string]any{"command": "go test ./..."})),
		acp.UpdateToolCall("run", acp.WithUpdateContent([]acp.ToolCallContent{acp.ToolContent(acp.TextBlock("FAIL"))})),
		acp.UpdateToolCall("run", acp.WithUpdateStatus(acp.ToolCallStatusFailed), acp.WithUpdateRawOutput(map[string]any{"exit_code": 1})),
		acp.StartToolCall("fetch", "anvil.get_task", acp.WithStartKind(acp.ToolKindOther), acp.WithStartStatus(acp.ToolCallStatusCompleted)),
	); err != nil {
		return acp.PromptResponse{}, err
	}
	may, err := a.conn.RequestPermission(ctx, acp.RequestPermissionRequest{
		SessionId: r.SessionId, ToolCall: acp.ToolCallUpdate{ToolCallId: "edit"},
		Options: []acp.PermissionOption{
			{Kind: acp.PermissionOptionKindRejectOnce, OptionId: "no", Name: "No"},
			{Kind: acp.PermissionOptionKindAllowOnce, OptionId: "once", Name: "Once"},
			{Kind: acp.PermissionOptionKindAllowAlways, OptionId: "always", Name: "Always"},
		},
	})
	if err != nil || may.Outcome.Selected == nil || may.Outcome.Selected.OptionId != "once" {
		return acp.PromptResponse{}, fmt.Errorf("permission: %+v, %v", may.Outcome, err)
	}
	if err := a.files(ctx, r.SessionId); err != nil {
		return acp.PromptResponse{}, err
	}
	return acp.PromptResponse{StopReason: acp.StopReasonEndTurn}, a.tell(ctx, r.SessionId,
		acp.StartEditToolCall("edit", "write", filepath.Join(a.cwd, "new/file.txt"), "x", acp.WithStartStatus(acp.ToolCallStatusCompleted)),
		acp.UpdateAgentMessageText("All is done."))
}

// files reads and writes through the client what it may and what it may not.
func (a *protocolAgent) files(ctx context.Context, id acp.SessionId) error {
	read := func(path string, line, limit *int) (string, error) {
		r, err := a.conn.ReadTextFile(ctx, acp.ReadTextFileRequest{SessionId: id, Path: path, Line: line, Limit: limit})
		return r.Content, err
	}
	write := func(path string) error {
		_, err := a.conn.WriteTextFile(ctx, acp.WriteTextFileRequest{SessionId: id, Path: path, Content: "one\ntwo\nthree\n"})
		return err
	}
	if err := write(filepath.Join(a.cwd, "new", "file.txt")); err != nil {
		return err
	}
	two, one := 2, 1
	if text, err := read(filepath.Join(a.cwd, "new", "file.txt"), &two, &one); err != nil || text != "two\n" {
		return fmt.Errorf("read %q: %v", text, err)
	}
	for _, path := range []string{"/etc/passwd", filepath.Join(a.cwd, "..", "out.txt"), filepath.Join(a.cwd, "link"), filepath.Join(a.cwd, "pipe"), "new/file.txt", a.cwd, a.cwd + strings.Repeat("/a", 1<<20)} {
		if _, err := read(path, nil, nil); err == nil {
			return fmt.Errorf("%.200s could be read", path)
		}
		if err := write(path); err == nil {
			return fmt.Errorf("%.200s could be written", path)
		}
	}
	return nil
}

func (a *protocolAgent) Authenticate(context.Context, acp.AuthenticateRequest) (acp.AuthenticateResponse, error) {
	return acp.AuthenticateResponse{}, nil
}
func (a *protocolAgent) Cancel(context.Context, acp.CancelNotification) error { return nil }
func (a *protocolAgent) CloseSession(context.Context, acp.CloseSessionRequest) (acp.CloseSessionResponse, error) {
	return acp.CloseSessionResponse{}, nil
}
func (a *protocolAgent) ListSessions(context.Context, acp.ListSessionsRequest) (acp.ListSessionsResponse, error) {
	return acp.ListSessionsResponse{}, nil
}
func (a *protocolAgent) ResumeSession(context.Context, acp.ResumeSessionRequest) (acp.ResumeSessionResponse, error) {
	return acp.ResumeSessionResponse{}, nil
}
func (a *protocolAgent) SetSessionConfigOption(context.Context, acp.SetSessionConfigOptionRequest) (acp.SetSessionConfigOptionResponse, error) {
	return acp.SetSessionConfigOptionResponse{}, nil
}
func (a *protocolAgent) SetSessionMode(context.Context, acp.SetSessionModeRequest) (acp.SetSessionModeResponse, error) {
	return acp.SetSessionModeResponse{}, nil
}
