package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// nothing is the arguments of tools that need none.
type nothing struct{}

// task is what get_task answers.
type task struct {
	Task        anvil.TaskID `json:"task"`
	Instruction string       `json:"instruction"`
	Requester   string       `json:"requester"`
	Repository  string       `json:"repository"`
	IssueNumber int          `json:"issue_number"`
	IssueTitle  string       `json:"issue_title"`
	IssueBody   string       `json:"issue_body"`
	BaseBranch  string       `json:"base_branch"`
	BaseCommit  string       `json:"base_commit"`
	Branch      string       `json:"branch"` // what the work becomes; the server pushes it
	PullRequest int          `json:"pull_request,omitempty"`
	Attempt     int          `json:"attempt"`
	Verify      []string     `json:"verify,omitempty"`
}

var getTask = define(Tool{
	Name: "get_task", Quota: 30, reads: true,
	Description: "The task as it was given: the instruction, the issue as it stood then, and where the work starts from.",
}, nil, func(ctx context.Context, c *caller, _ nothing) (any, error) {
	if _, _, err := c.begin(ctx, string(c.story.Task.ID), anvil.Use{}); err != nil {
		return nil, err
	}
	command, run := c.story.Task.Command, c.story.Run()
	verify, _ := run.Rules.Checks(command.Options)
	return task{
		Task: c.story.Task.ID, Instruction: command.Prompt.Instruction, Requester: command.Requester.Login,
		Repository: c.story.Session.Repository.FullName(), IssueNumber: c.story.Session.Number(),
		IssueTitle: command.Prompt.IssueTitle, IssueBody: command.Prompt.IssueBody,
		BaseBranch: run.BaseRef, BaseCommit: run.BaseCommit, Branch: c.story.Session.Branch, PullRequest: c.story.Session.PullRequest,
		Attempt: run.Attempt, Verify: verify,
	}, nil
})

// issue is what get_issue answers.
type issue struct {
	Number int      `json:"number"`
	Title  string   `json:"title"`
	Body   string   `json:"body"`
	Author string   `json:"author"`
	State  string   `json:"state"`
	Labels []string `json:"labels,omitempty"`
	URL    string   `json:"url"`
	Note   string   `json:"note"`
}

var getIssue = define(Tool{
	Name: "get_issue", Quota: 30, reads: true,
	Description: "The issue that the task is about: title and body as they stood when the task was given, state and labels as they are now.",
}, nil, func(ctx context.Context, c *caller, _ nothing) (any, error) {
	if _, _, err := c.begin(ctx, c.thread(), anvil.Use{}); err != nil {
		return nil, err
	}
	if c.story.Session.Number() == 0 {
		return nil, noIssue
	}
	now, err := c.GitHub.Issue(ctx, c.story.Session.Repository, c.story.Session.Issue)
	if err != nil {
		return nil, err
	}
	prompt := c.story.Task.Command.Prompt
	answer := issue{
		Number: now.Number, Title: prompt.IssueTitle, Body: prompt.IssueBody, Author: now.Author.Login, State: now.State, URL: now.URL,
		Note: "Title and body are those of the moment at which the task was given; later edits are not shown.",
	}
	for _, l := range now.Labels {
		answer.Labels = append(answer.Labels, c.clean("label", l, 100))
	}
	return answer, nil
})

// noIssue answers for a task that was asked for outside of GitHub and is tracked there by no
// issue.
var noIssue = deny("this task has no issue; get_task has what was asked.", "Go on without it.")

// thread is the issue as the audit trail names it.
func (c *caller) thread() string {
	if c.story.Session.Number() == 0 {
		return c.story.Session.Repository.FullName()
	}
	return fmt.Sprintf("%s#%d", c.story.Session.Repository.FullName(), c.story.Session.Issue)
}

// clean is text of people as an agent may read it: without what people cannot see and
// without what looks like a secret, at most so many bytes of it.
func (c *caller) clean(where, text string, most int) string {
	text, _ = sanitize.Prompt(where, text)
	text, _ = c.Mask(text)
	if len(text) > most {
		text = github.Fit(text, most/4, "") // a character has up to four bytes
	}
	return text
}

// result is one check run of get_check_results.
type result struct {
	Name       string `json:"name"`
	App        string `json:"app"`
	Status     string `json:"status"`
	Conclusion string `json:"conclusion,omitempty"`
	Title      string `json:"title,omitempty"`
	Summary    string `json:"summary,omitempty"`
	URL        string `json:"url,omitempty"`
}

// results is what get_check_results answers.
type results struct {
	PullRequest int      `json:"pull_request"`
	Commit      string   `json:"commit"`
	Checks      []result `json:"checks"`
}

var getCheckResults = define(Tool{
	Name: "get_check_results", Quota: 30, reads: true,
	Description: "The check runs on the newest published commit of this task's own pull request. Your present changes are not among them.",
}, nil, func(ctx context.Context, c *caller, _ nothing) (any, error) {
	number, repo := c.story.Session.PullRequest, c.story.Session.Repository
	if _, _, err := c.begin(ctx, fmt.Sprintf("%s#%d", repo.FullName(), number), anvil.Use{}); err != nil {
		return nil, err
	}
	if number == 0 {
		return "There is no pull request yet: it is made from what you leave when you end.", nil
	}
	pull, err := c.GitHub.PullRequest(ctx, repo, number)
	if err != nil {
		return nil, err
	}
	checks, err := c.GitHub.CheckResults(ctx, repo, pull.HeadSHA)
	if err != nil {
		return nil, err
	}
	answer := results{PullRequest: number, Commit: pull.HeadSHA, Checks: []result{}}
	for _, k := range checks {
		answer.Checks = append(answer.Checks, result{
			Name: c.clean("check", k.Name, 200), App: k.App, Status: k.Status, Conclusion: k.Conclusion,
			Title: c.clean("check", k.Title, 500), Summary: c.clean("check", k.Summary, 4<<10), URL: k.URL,
		})
	}
	slices.SortStableFunc(answer.Checks, func(a, b result) int { return cmp.Compare(a.Name, b.Name) })
	return answer, nil
})

// trigger is when the task was asked for: by GitHub's clock if the comment is at
// hand, else by ours when it arrived.
func (c *caller) trigger(ctx context.Context, comments []github.Said) (time.Time, error) {
	command := c.story.Task.Command
	for _, m := range comments {
		if m.ID == command.Comment && command.Comment != 0 {
			return m.CreatedAt, nil
		}
	}
	d, err := c.Store.Delivery(ctx, command.Delivery)
	return d.ReceivedAt, err
}
