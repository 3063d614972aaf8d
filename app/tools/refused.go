package tools

import (
	"context"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// screenshot is the arguments of request_screenshot.
type screenshot struct {
	Path string `json:"path" jsonschema:"what to show: a path below the application's address, such as /login"`
	Note string `json:"note,omitempty" jsonschema:"what people should look at"`
}

var requestScreenshot = define(Tool{
	Name: "request_screenshot", Quota: 5,
	Description: "Asks for a screenshot of the application as you left it, for the pull request.",
}, func(s *jsonschema.Schema) {
	s.Properties["path"].Pattern = "^/"
	s.Properties["path"].MaxLength, s.Properties["note"].MaxLength = jsonschema.Ptr(500), jsonschema.Ptr(500)
}, func(ctx context.Context, c *caller, _ screenshot) (any, error) {
	if _, _, err := c.begin(ctx, c.thread(), anvil.Use{}); err != nil {
		return nil, err
	}
	return nil, notConfigured("this server takes no screenshots.")
})

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
