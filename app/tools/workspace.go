package tools

import (
	"context"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// workspace is the arguments of create_superset_workspace.
type workspace struct {
	Reason string `json:"reason" jsonschema:"why the work needs a person's own machine"`
	Note   string `json:"note,omitempty" jsonschema:"what is to be done there"`
}

var createWorkspace = define(Tool{
	Name: "create_superset_workspace", Quota: 2,
	Description: "Hands the work over to a Superset workspace on a person's machine: because a person requested it, because it needs a Mac, " +
		"because it needs a graphical interface, or because it is too large for a runner.",
}, func(s *jsonschema.Schema) {
	s.Properties["reason"].Enum = []any{"requested", "mac_only", "gui_handoff", "exceeds_limits"}
	s.Properties["note"].MaxLength = jsonschema.Ptr(2000)
}, func(ctx context.Context, c *caller, _ workspace) (any, error) {
	if _, _, err := c.begin(ctx, c.thread(), anvil.Use{}); err != nil {
		return nil, err
	}
	return nil, notConfigured("this server has no Superset to make a workspace in.")
})
