package tools

import (
	"context"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// screenshot is the arguments of request_screenshot.
type screenshot struct {
	Path string `json:"path" jsonschema:"what to show: a path below the application's address, such as /login"`
	Note string `json:"note,omitempty" jsonschema:"what people should look at"`
}

var requestScreenshot = define(Tool{
	Name: "request_screenshot", Quota: anvil.MaxScreenshots,
	Description: "Asks for a screenshot of the application as you leave it, for the pull request. It is taken when you have ended and the checks have run.",
}, func(s *jsonschema.Schema) {
	s.Properties["path"].Pattern = "^/[!-~]*$" // an address, in which nothing is hidden
	s.Properties["path"].MaxLength, s.Properties["note"].MaxLength = jsonschema.Ptr(500), jsonschema.Ptr(500)
}, func(ctx context.Context, c *caller, asked screenshot) (any, error) {
	var use anvil.Use
	takes := len(c.story.Run().Rules.Screenshots) > 0
	if takes {
		note, _ := c.Mask(sanitize.Line(asked.Note, 150))
		path, _ := c.Mask(asked.Path)
		view := anvil.View{Path: path, Note: note}
		use.Change = func(run *anvil.Run) {
			if !slices.Contains(run.Views, view) {
				run.Views = append(run.Views, view)
			}
		}
		use.Event = anvil.Event{Kind: "screenshot", Text: path}
	}
	if _, _, err := c.begin(ctx, c.thread(), use); err != nil {
		return nil, err
	}
	if !takes {
		return nil, notConfigured("this repository takes no screenshots: screenshots in its .github/anvil.yml names no command.")
	}
	return "It is taken after the checks.", nil
})
