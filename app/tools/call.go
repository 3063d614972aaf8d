package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// Codes of what an agent is answered.
const (
	CodeDenied        = "MCP_DENIED"
	CodeNotConfigured = "TOOL_NOT_CONFIGURED"
	CodeFailed        = "TOOL_FAILED"
)

// refusal is a typed answer that is an error: what happened and what to do. Agents
// get it as text and as JSON.
type refusal struct {
	Code string `json:"code"`
	What string `json:"what"`
	Next string `json:"next,omitempty"`
}

func (r *refusal) Error() string {
	if r.Next == "" {
		return r.Code + ": " + r.What
	}
	return r.Code + ": " + r.What + " " + r.Next
}

func deny(what, next string) error { return &refusal{CodeDenied, what, next} }

func notConfigured(what string) error {
	return &refusal{CodeNotConfigured, what, "Go on without it, and say so in your last words."}
}

// caller is one run, as it calls tools.
type caller struct {
	*Server
	story anvil.Story
	token string
}

// call carries out one call. It always has an answer for the agent.
func (c *caller) call(ctx context.Context, t *Tool, arguments json.RawMessage) *mcp.CallToolResult {
	action := "tool " + t.Name
	if wrong := t.fits(arguments); wrong != "" {
		r := deny("the arguments do not fit: "+wrong+".", "Send what the schema asks for.")
		return c.denied(ctx, action, arguments, r)
	}
	if len(arguments) == 0 {
		arguments = json.RawMessage("{}")
	}
	answer, err := t.do(context.WithValue(ctx, useKey{}, use{t, arguments}), c, arguments)
	var r *refusal
	switch {
	case err == nil:
		return answered(answer)
	case errors.As(err, &r):
		return c.denied(ctx, action, arguments, r)
	}
	c.Log.Warn("tool failed", "run", c.story.Run().ID, "tool", t.Name, "cause", err)
	c.record(ctx, anvil.Audit{Action: action, Digest: digest(arguments), Outcome: anvil.AuditFailed})
	return denial(&refusal{CodeFailed, "it could not be done now: " + cause(err) + ".", "Try again later, or go on without it."})
}

// cause is an error of a service in words that hold nothing of ours.
func cause(err error) string {
	if p := github.Problem(err); github.AsError(err) != nil && p != nil {
		return p.What
	}
	return "the server has more in its log"
}

// use is the call at hand, for begin.
type use struct {
	tool      *Tool
	arguments json.RawMessage
}

type useKey struct{}

// begin writes the call at hand into the audit trail, with what u changes, if the run
// may make it. Every tool calls it once, before it does anything.
func (c *caller) begin(ctx context.Context, target string, u anvil.Use) (anvil.Effect, bool, error) {
	at := ctx.Value(useKey{}).(use)
	quota := int64(c.quota(at.tool))
	u.Run, u.Action, u.Target, u.Digest = c.story.Run().ID, "tool "+at.tool.Name, target, digest(at.arguments)
	return c.Store.Use(ctx, u, func(run anvil.Run, used int64) error {
		switch {
		case !holds(c.token, run):
			return deny("the run goes on without this lease.", "Stop.")
		case run.State != anvil.Working:
			return deny("the run is "+string(run.State)+".", "End now.")
		case run.Question != nil && run.Question.Answer == "":
			return deny("a question to a person is open.", "End now; the work goes on when there is an answer.")
		case used >= quota:
			return deny(fmt.Sprintf("this tool may be used %d times in a run, and was.", quota), "Go on without it.")
		}
		return nil
	})
}

// denied answers a refusal, and writes it into the trail. Where that cannot be done
// the agent is refused all the same.
func (c *caller) denied(ctx context.Context, action string, arguments json.RawMessage, err error) *mcp.CallToolResult {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{Code: CodeFailed, What: "it could not be done now."}
	}
	note := r.Code
	if r.Code == CodeDenied && action != "" && len(r.What) < 120 {
		note += ": " + r.What
	}
	c.record(ctx, anvil.Audit{Action: action, Digest: digest(arguments), Note: note, Outcome: anvil.AuditDenied})
	return denial(r)
}

func (c *caller) record(ctx context.Context, a anvil.Audit) {
	a.Task, a.Run, a.Actor = c.story.Task.ID, c.story.Run().ID, "agent"
	if err := c.Store.Audit(context.WithoutCancel(ctx), a); err != nil {
		c.Log.Error("the audit trail could not be written", "run", a.Run, "action", a.Action, "outcome", a.Outcome, "error", err)
	}
}

func denial(r *refusal) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: r.Error()}}, StructuredContent: r}
}

// answered is an answer as agents get it: a text as it is, anything else as JSON.
func answered(answer any) *mcp.CallToolResult {
	switch answer := answer.(type) {
	case *mcp.CallToolResult:
		return answer
	case string:
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: answer}}}
	}
	text, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		panic(err) // answers are structs of this package
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}, StructuredContent: answer}
}

func digest(arguments json.RawMessage) string {
	sum := sha256.Sum256(arguments)
	return hex.EncodeToString(sum[:])
}
