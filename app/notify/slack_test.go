package notify_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	api "github.com/slack-go/slack"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/notify"
	"github.com/seed-bc0cc349/anvil/app/slack"
	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
)

// slackText is a message as a file, block by block.
func slackText(m slack.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[notification] %s\n", m.Text)
	for _, block := range m.Blocks {
		switch v := block.(type) {
		case *api.SectionBlock:
			fmt.Fprintf(&b, "%s\n", v.Text.Text)
		case *api.ContextBlock:
			fmt.Fprintf(&b, "(%s)\n", v.ContextElements.Elements[0].(*api.TextBlockObject).Text)
		case *api.ActionBlock:
			for _, e := range v.Elements.ElementSet {
				if button, ok := e.(*api.ButtonBlockElement); ok {
					fmt.Fprintf(&b, "[ %s ] %s %s\n", button.Text.Text, button.ActionID, button.Value)
				}
			}
		}
		b.WriteString("---\n")
	}
	return b.String()
}

// Each state as a thread of Slack's shows it.
func TestGoldenInSlack(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]anvil.Story{
		"queued": story(anvil.Queued), "working": story(anvil.Working, planned(`[{"text":"Read the code","state":"done"},{"text":"Fix it","state":"doing"}]`)),
		"held": story(anvil.Held), "succeeded": story(anvil.Succeeded, merged, spent), "unchanged": story(anvil.Unchanged),
		"failed":    story(anvil.Failed, problem(anvil.Problemf("AGENT_FAILED", "Comment /anvil retry", "the agent ended with <an> error & no change"))),
		"cancelled": story(anvil.Cancelled), "asking": story(anvil.Waiting, asks), "planned": story(anvil.Waiting, asksApproval),
	} {
		d := notify.Of(s)
		got := slackText(notify.Slack(d))
		if d.Phase == notify.Asking || d.Phase == notify.Planned {
			got += "=== question\n" + slackText(notify.SlackQuestion(d, "U024BE7LH"))
		}
		golden(t, "slack-"+name, got)
	}
}

// What an attacker writes makes no link and pings nobody in Slack, in any of the texts,
// and never makes a message that Slack refuses.
func TestTextFromOutsideDoesNothingInSlack(t *testing.T) {
	t.Parallel()
	const payload = "<!channel> <!here> <@U024BE7LH> <!subteam^S1> <https://evil.example|github.com> &lt;!everyone&gt; <#C1> \u202e" + evil
	s := story(anvil.Succeeded, merged, hostile)
	s.Task.Command.Prompt.Instruction, s.Task.Command.Prompt.IssueTitle = payload, payload
	s.Runs[0].Report.Answer = strings.Repeat(payload, 200)
	s.Runs[0].Report.Verification.Checks[0].Name = payload
	s.Runs[0].Verdict.Files[0].Path = payload
	s.Runs[0].Engine.Model = payload
	s.Task.Command.Notices = []*anvil.Problem{anvil.Problemf("X", payload, "%s", payload)}
	failed := story(anvil.Failed, problem(anvil.Problemf("X", strings.Repeat(payload, 50), "%s", payload)))
	asking := story(anvil.Waiting, asks)
	asking.Runs[0].Question.Text, asking.Runs[0].Question.Choices = strings.Repeat(payload, 100), []string{payload}
	working := story(anvil.Working, planned(string(encoded(t, []map[string]string{{"text": payload, "state": "doing"}}))))
	held := story(anvil.Held)
	held.Runs[0].Verdict.Protected = []string{payload}
	server, err := slacktest.Start(slacktest.Options{Manifest: []byte("display_information: {name: Anvil}\noauth_config: {scopes: {bot: [chat:write]}}"), Pace: slacktest.Pace{Every: 1, Burst: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	ch := server.AddChannel(slacktest.Channel{Name: "web"}, true)
	client := api.New(server.App().BotToken, api.OptionAPIURL(server.URL+"/api/"))
	link := regexp.MustCompile(`<([^>|]*)`)
	for name, m := range map[string]slack.Message{
		"succeeded": notify.Slack(notify.Of(s)), "failed": notify.Slack(notify.Of(failed)), "asking": notify.Slack(notify.Of(asking)),
		"working": notify.Slack(notify.Of(working)), "held": notify.Slack(notify.Of(held)),
		"answer": notify.SlackAnswer(notify.Tell(anvil.Problemf("X", payload, "%s", payload)), []string{"acme/web"}),
		"status": notify.SlackAnswer(notify.Status(notify.Of(asking)), nil),
	} {
		if _, _, err := client.PostMessage(ch.ID, api.MsgOptionText(m.Text, false), api.MsgOptionBlocks(m.Blocks...)); err != nil {
			t.Errorf("%s: Slack refuses it: %v\n%s", name, err, slackText(m))
			continue
		}
		all := server.Messages(ch.ID, "")
		if pings := all[len(all)-1].Pings(); len(pings) > 0 {
			t.Errorf("%s pings %v", name, pings)
		}
		text := slackText(m)
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(found[1], "https://github.example/") {
				t.Errorf("%s: %q got through", name, found[0])
			}
		}
		if i := strings.IndexAny(text, "\u202e\u200b\x1b"); i >= 0 {
			t.Errorf("%s: a hidden character got through at %d", name, i)
		}
	}
	if pings := slackText(notify.SlackQuestion(notify.Of(asking), "U024BE7LH")); strings.Count(pings, "<@U024BE7LH>") != 2 || strings.Contains(pings, "<!") {
		t.Errorf("the question pings others than whom it asks:\n%s", pings)
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
