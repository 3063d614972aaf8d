package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Tool is one thing that an agent may ask for.
type Tool struct {
	Name        string
	Description string
	Quota       int // calls in a run
	schema      any // of the arguments, as agents are shown it
	resolved    *jsonschema.Resolved
	reads       bool // it changes nothing anywhere
	do          func(ctx context.Context, c *caller, arguments json.RawMessage) (any, error)
}

// define makes a tool whose arguments are a T. What T's schema cannot say by itself is
// added by adjust.
func define[T any](t Tool, adjust func(*jsonschema.Schema), do func(ctx context.Context, c *caller, arguments T) (any, error)) *Tool {
	schema, err := jsonschema.For[T](nil)
	if err != nil {
		panic(fmt.Sprintf("tools: the arguments of %s: %v", t.Name, err)) // all are structs in this package
	}
	if adjust != nil {
		adjust(schema)
	}
	if t.resolved, err = schema.Resolve(nil); err != nil {
		panic(fmt.Sprintf("tools: the arguments of %s: %v", t.Name, err))
	}
	t.schema = schema
	t.do = func(ctx context.Context, c *caller, raw json.RawMessage) (any, error) {
		var arguments T
		if err := json.Unmarshal(raw, &arguments); err != nil {
			return nil, deny("the arguments cannot be read.", "Send what the schema asks for.")
		}
		return do(ctx, c, arguments)
	}
	return &t
}

// own are the server's own tools, in the order in which agents are shown them.
var own = []*Tool{
	getTask, getIssue, getComments, getCheckResults, reportPlan, askHuman, proposeIssue, requestScreenshot, createWorkspace,
}

// Names lists the server's own tools, for the configuration.
func Names() []string {
	var names []string
	for _, t := range own {
		names = append(names, t.Name)
	}
	return names
}

// offer lists what a run may use.
func (s *Server) offer(ctx context.Context) []*Tool {
	all := slices.Clone(own)
	for _, r := range s.Remotes {
		all = append(all, r.offer(ctx, s.Now, s.Log)...)
	}
	return slices.DeleteFunc(all, func(t *Tool) bool { return s.quota(t) == 0 })
}

func (s *Server) quota(t *Tool) int {
	if n, set := s.Quotas[t.Name]; set {
		return n
	}
	return t.Quota
}

func find(offered []*Tool, name string) *Tool {
	if i := slices.IndexFunc(offered, func(t *Tool) bool { return t.Name == name }); i >= 0 {
		return offered[i]
	}
	return nil
}

func (t *Tool) shown() *mcp.Tool {
	return &mcp.Tool{
		Name: t.Name, Description: t.Description, InputSchema: t.schema,
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: t.reads},
	}
}

// fits says what is wrong with arguments, or "". The words of the validator may
// quote what an agent sent: they go to the agent only.
func (t *Tool) fits(arguments json.RawMessage) string {
	if len(bytes.TrimSpace(arguments)) == 0 {
		arguments = json.RawMessage("{}")
	}
	var values map[string]any
	if err := json.Unmarshal(arguments, &values); err != nil {
		return "they are not a JSON object"
	}
	if t.resolved == nil {
		return "" // of a server of the operator's, which checks them itself
	}
	if err := t.resolved.Validate(values); err != nil {
		return err.Error()
	}
	return ""
}

// name is an unknown tool's name as it may stand in the audit trail.
func name(said string) string {
	if plainName.MatchString(said) {
		return said
	}
	return "of a name that no tool has"
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
