package notify

import (
	"fmt"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// Slack is a task's one message in a thread of Slack's.
func Slack(d Document) slack.Message {
	m := slack.Message{Text: d.Mark + " " + sanitize.SlackEscape(d.Title)}
	m.Blocks = append(m.Blocks, slackSection(fmt.Sprintf("%s *%s*", d.Mark, sanitize.SlackEscape(d.Title))))
	m.Blocks = append(m.Blocks, slackSmall(slackLinks(d)))
	for _, text := range slackBody(d) {
		if strings.TrimSpace(text) != "" {
			m.Blocks = append(m.Blocks, slackSection(text))
		}
	}
	if buttons := slackButtons(d); len(buttons) > 0 {
		m.Blocks = append(m.Blocks, api.NewActionBlock("", buttons...))
	}
	m.Blocks = append(m.Blocks, slackSmall(slackFooter(d)))
	return m
}

// slackBody is what stands between the links and the buttons.
func slackBody(d Document) (all []string) {
	switch d.Phase {
	case Asking, Planned:
		return append(all, slackPending(d))
	case Open:
		all = append(all, slackSteps(d.Steps))
		if len(d.Plan) > 0 {
			all = append(all, "The agent's plan:\n"+slackSteps(d.Plan))
		}
	default:
		if d.Problem != nil {
			all = append(all, fmt.Sprintf("`%s` %s %s", d.Problem.Code, stop(d.Problem.What.Slack(900)), stop(d.Problem.Next.Slack(600))))
		}
		if d.Over != nil {
			all = append(all, fmt.Sprintf("⚠️ `%s` %s", d.Over.Code, stopped(d.Over.What.Slack(300), d.Over.Next.Slack(300))))
		}
		if len(d.Held) > 0 {
			all = append(all, slackHeld(d))
		}
		answer := d.Answer
		if d.Phase == Done { // the rest is in the pull request
			answer = d.Report.Summary
		}
		if !answer.Empty() {
			all = append(all, slackQuote(answer.Head(20).Slack(1500)))
		}
		all = append(all, slackVerification(d.Verification), slackChange(d))
	}
	for _, w := range d.Warnings {
		all = append(all, "⚠️ "+slackLine(w))
	}
	if !d.Wait.Empty() {
		all = append(all, "⏳ It waits: "+stop(d.Wait.Slack(300)))
	}
	for _, n := range d.Notices {
		all = append(all, fmt.Sprintf("⚠️ `%s` %s %s", n.Code, stop(n.What.Slack(600)), stop(n.Next.Slack(400))))
	}
	return all
}

// slackLinks are the places to look at, on one line.
func slackLinks(d Document) string {
	var all []string
	link := func(address, words string) {
		if address != "" {
			all = append(all, "<"+sanitize.SlackEscape(address)+"|"+sanitize.SlackEscape(words)+">")
		}
	}
	if d.PullURL != "" {
		link(d.PullURL, fmt.Sprintf("pull request #%d", d.PullRequest))
	} else if d.PullRequest != 0 {
		all = append(all, fmt.Sprintf("pull request #%d", d.PullRequest))
	}
	link(d.Comment, fmt.Sprintf("%s#%d", d.Repository, d.Issue))
	link(d.Run, "workflow run")
	if len(all) == 0 {
		return sanitize.SlackEscape(d.Repository)
	}
	return strings.Join(all, " · ")
}

func slackSteps(all []Step) string {
	var b strings.Builder
	for _, st := range all {
		mark, text := "▫️", slackLine(st.Text)
		switch {
		case st.Done:
			mark = "✅"
		case st.Now:
			mark, text = "▶️", "*"+text+"* …"
		}
		fmt.Fprintf(&b, "%s %s\n", mark, text)
	}
	return b.String()
}

// slackPending is what a run waits to know, and how to answer.
func slackPending(d Document) string {
	q := d.Question
	if q == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(slackQuote(q.Text.Head(40).Slack(2000)) + "\n")
	for i, c := range q.Choices {
		fmt.Fprintf(&b, "%d. %s\n", i+1, c.Slack(200))
	}
	how := "\nTo answer, reply here in the thread."
	if q.Plan != "" {
		how = "\nPress Approve to have exactly this plan carried out, or reply with what is wrong with it."
	}
	b.WriteString(how)
	if !q.Deadline.IsZero() {
		fmt.Fprintf(&b, " It is given up at %s.", q.Deadline.UTC().Format("2 January, 15:04 UTC"))
	}
	b.WriteString(" No runner is held meanwhile.")
	return b.String()
}

func slackHeld(d Document) string {
	var b strings.Builder
	b.WriteString("The change touches files that decide what runs with secrets, who must review, or how agents behave:\n")
	for i, path := range d.Held {
		if i == 10 {
			fmt.Fprintf(&b, "and %d more\n", len(d.Held)-i)
			break
		}
		fmt.Fprintf(&b, "• `%s`\n", strings.ReplaceAll(path.Slack(150), "`", "'"))
	}
	b.WriteString("The task's comment shows how. Release lets exactly this change go.")
	return b.String()
}

func slackVerification(v *Verification) string {
	if v == nil {
		return ""
	}
	if v.Status == Unverified {
		reason := v.Reason.Slack(300)
		if reason == "" {
			reason = "no reason was given"
		}
		return "⚪ Could not verify: " + stop(reason)
	}
	var b strings.Builder
	b.WriteString("*Verification*\n")
	for i, c := range v.Checks {
		if i == 10 {
			fmt.Fprintf(&b, "and %d more\n", len(v.Checks)-i)
			break
		}
		fmt.Fprintf(&b, "%s `%s` %s\n", statusMark[c.Status], strings.ReplaceAll(c.Name.Slack(100), "`", "'"), duration(c.Took))
	}
	return b.String()
}

func slackChange(d Document) string {
	if d.Phase != Done || d.Change == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%s, +%d −%d*\n", count(len(d.Change.Files), "file"), d.Change.Additions, d.Change.Deletions)
	for i, f := range d.Change.Files {
		if i == 10 {
			fmt.Fprintf(&b, "and %d more\n", len(d.Change.Files)-i)
			break
		}
		fmt.Fprintf(&b, "• `%s` +%d −%d\n", strings.ReplaceAll(f.Path.Slack(150), "`", "'"), f.Additions, f.Deletions)
	}
	return b.String()
}

// slackButtons are those of the actions that need no words.
func slackButtons(d Document) (all []api.BlockElement) {
	for _, a := range d.Actions {
		verb, about, _ := strings.Cut(a.Verb, " ")
		if !a.Button && about == "" {
			continue
		}
		b := api.NewButtonBlockElement(slack.ActionVerb+verb, about, api.NewTextBlockObject(api.PlainTextType, a.Label, false, false))
		switch verb {
		case "approve", "release":
			b = b.WithStyle(api.StylePrimary)
		case "stop":
			b = b.WithStyle(api.StyleDanger)
		}
		all = append(all, b)
	}
	return all
}

func slackFooter(d Document) string {
	parts := []string{"asked by " + sanitize.SlackEscape(d.Requester.Login), "task `" + d.Task + "`"}
	if d.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", d.Attempt))
	}
	if !d.Engine.Empty() {
		parts = append(parts, "engine "+d.Engine.Slack(80))
	}
	if d.Cost != "" {
		parts = append(parts, sanitize.SlackEscape(d.Cost))
	}
	return strings.Join(parts, " · ")
}

// SlackQuestion asks a person, by their id, what the agent wants to know. It is a message
// of its own, because Slack tells nobody of one that was edited.
func SlackQuestion(d Document, person string) slack.Message {
	words := "the agent has a question before it goes on:"
	if d.Phase == Planned {
		words = "here is the plan:"
	}
	return slack.Message{
		Text:   "<@" + person + ">, " + words,
		Blocks: []api.Block{slackSection("<@" + person + ">, " + words), slackSection(slackPending(d))},
	}
}

// SlackAnswer is the answer to what was said in Slack and opened no task. The text is
// Markdown, as it would stand in a comment; choices are repositories.
func SlackAnswer(text string, choices []string) slack.Message {
	m := slack.Message{Text: sanitize.From(text).Slack(1000), Blocks: []api.Block{api.NewMarkdownBlock("", cutText(text, 11_000))}}
	if len(choices) == 0 {
		return m
	}
	var options []*api.OptionBlockObject
	for _, c := range choices[:min(len(choices), 100)] {
		if len(c) <= 75 { // as much as Slack shows
			options = append(options, api.NewOptionBlockObject(c, api.NewTextBlockObject(api.PlainTextType, c, false, false), nil))
		}
	}
	menu := api.NewOptionsSelectBlockElement(api.OptTypeStatic, api.NewTextBlockObject(api.PlainTextType, "Repository", false, false), slack.ActionRepository, options...)
	m.Blocks = append(m.Blocks, api.NewActionBlock("", menu))
	return m
}

// slackSection is a block of text, which Slack makes nothing of but what is marked in it.
func slackSection(text string) api.Block {
	return api.NewSectionBlock(api.NewTextBlockObject(api.MarkdownType, cutText(strings.TrimSpace(text), 3000), false, true), nil, nil)
}

func slackSmall(text string) api.Block {
	return api.NewContextBlock("", api.NewTextBlockObject(api.MarkdownType, cutText(text, 2000), false, true))
}

// cutText cuts a text that is too long for a block. What is cut into may end in a broken
// mark, and in no other way.
func cutText(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	text = string(runes[:limit-1])
	if i := strings.LastIndexAny(text, "&<"); i >= 0 && !strings.ContainsAny(text[i:], ";>") {
		text = text[:i]
	}
	return text + "…"
}

// slackLine is a line of ours that was made for Markdown.
func slackLine(text string) string {
	return sanitize.SlackEscape(strings.ReplaceAll(text, "**", "*"))
}

func slackQuote(text string) string { return "> " + strings.ReplaceAll(text, "\n", "\n> ") }
