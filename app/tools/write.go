package tools

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Plan is the steps of the work, as the agent sees them: the data of an event of the
// kind [anvil.KindPlan].
type Plan struct {
	Steps []Step `json:"steps" jsonschema:"all steps in order, not only what changed"`
}

// Step is one step of a plan.
type Step struct {
	Text   string `json:"text"`
	Status string `json:"status,omitempty" jsonschema:"pending, in_progress or done"`
}

var statuses = []any{"pending", "in_progress", "done"}

var reportPlan = define(Tool{
	Name: "report_plan", Quota: 30,
	Description: "Shows people the plan of your work, in the task's comment. Report it again whenever it changes.",
}, func(s *jsonschema.Schema) {
	steps := s.Properties["steps"]
	steps.MinItems, steps.MaxItems = jsonschema.Ptr(1), jsonschema.Ptr(20)
	steps.Items.Properties["text"].MinLength, steps.Items.Properties["text"].MaxLength = jsonschema.Ptr(1), jsonschema.Ptr(500)
	steps.Items.Properties["status"].Enum = statuses
}, func(ctx context.Context, c *caller, plan Plan) (any, error) {
	var words []string
	for i, step := range plan.Steps {
		text, _ := c.Mask(sanitize.Line(step.Text, 200))
		plan.Steps[i].Text = text
		words = append(words, text)
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	_, _, err = c.begin(ctx, string(c.story.Task.ID), anvil.Use{
		Event: anvil.Event{Kind: anvil.KindPlan, Text: strings.Join(words, "; "), Data: data}, Tell: true,
	})
	return "People see the plan.", err
})

// question is the arguments of ask_human.
type question struct {
	Question string   `json:"question" jsonschema:"one question that a person can answer without reading more"`
	Choices  []string `json:"choices,omitempty" jsonschema:"answers to choose from, if there are such"`
}

var askHuman = define(Tool{
	Name: "ask_human", Quota: 1,
	Description: "Asks the people on the issue. The run ends with the question, and goes on from here when somebody has answered; so end at once afterwards. " +
		"Ask only what you cannot find out or decide yourself.",
}, func(s *jsonschema.Schema) {
	s.Properties["question"].MinLength, s.Properties["question"].MaxLength = jsonschema.Ptr(1), jsonschema.Ptr(4000)
	s.Properties["choices"].MaxItems = jsonschema.Ptr(10)
	s.Properties["choices"].Items.MaxLength = jsonschema.Ptr(200)
}, func(ctx context.Context, c *caller, q question) (any, error) {
	text, _ := c.Mask(q.Question)
	asked := anvil.Question{Text: text, AskedAt: c.Now()}
	for _, choice := range q.Choices {
		choice, _ = c.Mask(choice)
		asked.Choices = append(asked.Choices, choice)
	}
	_, _, err := c.begin(ctx, c.thread(), anvil.Use{
		Change: func(run *anvil.Run) { run.Question = &asked },
		Event:  anvil.Event{Kind: "question", Text: text}, Tell: true,
	})
	return "The question is asked; end now.", err
})
