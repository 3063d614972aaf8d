package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// proposal is the arguments of propose_issue.
type proposal struct {
	Title string `json:"title"`
	Body  string `json:"body" jsonschema:"Markdown: what is wrong or missing, where, and how you know"`
}

var proposeIssue = define(Tool{
	Name: "propose_issue", Quota: 2,
	Description: "Opens an issue for something that you found and that is not part of the task. It needs the repository's permission.",
}, func(s *jsonschema.Schema) {
	s.Properties["title"].MinLength, s.Properties["title"].MaxLength = jsonschema.Ptr(1), jsonschema.Ptr(200)
	s.Properties["body"].MinLength, s.Properties["body"].MaxLength = jsonschema.Ptr(1), jsonschema.Ptr(30_000)
}, func(ctx context.Context, c *caller, p proposal) (any, error) {
	if !c.ProposeIssue && !c.story.Run().Rules.MayProposeIssue() {
		return nil, deny("this repository does not let agents propose issues.", "Say it in your last words instead.")
	}
	return c.propose(ctx, p)
})

// propose opens the issue as an effect: written down before it is made, and looked for
// before it is made again. The same words are the same issue.
func (c *caller) propose(ctx context.Context, p proposal) (any, error) {
	repo, id := c.story.Session.Repository, c.story.Task.ID
	title, _ := c.Mask(sanitize.Line(p.Title, 200))
	body, _ := c.Mask(sanitize.Markdown(p.Body, ""))
	if strings.TrimSpace(title) == "" || strings.TrimSpace(body) == "" {
		return nil, deny("nothing is left of the text once it is safe to publish.", "Use plain words.")
	}
	key := fmt.Sprintf("issue/%s/%.16s", id, digest(json.RawMessage(title+"\x00"+body)))
	effect, fresh, err := c.begin(ctx, key, anvil.Use{Effect: key})
	if err != nil {
		return nil, err
	}
	if effect.State == anvil.Done {
		return proposed(effect), nil
	}
	marker := c.Marker(key)
	if !fresh {
		found, ok, err := c.GitHub.FindIssue(ctx, repo, marker, effect.ChangedAt)
		if err != nil {
			return nil, err
		}
		if ok {
			return c.opened(ctx, effect, found)
		}
	}
	command := c.story.Task.Command
	body = fmt.Sprintf("%s\n\n---\n<sub>Proposed by an agent at work on #%d, for which @%s asked. Nothing happens by itself.</sub>\n\n%s",
		body, c.story.Session.Issue, command.Requester.Login, marker)
	made, err := c.GitHub.CreateIssue(ctx, repo, github.NewIssue{Title: title, Body: body})
	if err != nil {
		return nil, err
	}
	return c.opened(ctx, effect, made)
}

// opened records that the issue is there.
func (c *caller) opened(ctx context.Context, e anvil.Effect, i github.Issue) (any, error) {
	e.State, e.ExternalID, e.URL = anvil.Done, strconv.Itoa(i.Number), i.URL
	return proposed(e), c.Store.Effected(ctx, e)
}

func proposed(e anvil.Effect) string { return "It is issue #" + e.ExternalID + ": " + e.URL }
