package intake

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// o is a JSON object of a payload.
type o = map[string]any

func user(id int64, login string) o { return o{"id": id, "login": login, "type": "User"} }

var (
	mona     = user(1, "mona")
	hubot    = o{"id": 7, "login": "hubot[bot]", "type": "Bot"}
	own      = o{"id": 7700, "login": "anvil[bot]", "type": "Bot"}
	assigned = o{"action": "assigned", "assignee": own}
)

// delivery is a payload on issue 12 by mona, with changes laid over it: a key
// with dots reaches inside, and a nil value removes.
func delivery(event string, changes ...o) anvil.Delivery {
	p := o{
		"action":       "created",
		"sender":       mona,
		"installation": o{"id": 500},
		"repository": o{
			"id": 900, "name": "hello", "full_name": "octo/hello", "owner": user(9, "octo"),
			"default_branch": "main", "private": true, "archived": false,
		},
		"issue": o{"number": 12, "title": "Sum is wrong", "body": "1+1 gives 3", "state": "open", "locked": false, "user": mona},
	}
	if strings.HasSuffix(event, "comment") {
		p["comment"] = o{"id": 3300, "body": "/anvil fix it", "user": mona, "performed_via_github_app": nil}
	}
	for _, change := range changes {
		for path, value := range change {
			at := p
			keys := strings.Split(path, ".")
			for _, key := range keys[:len(keys)-1] {
				if at[key] == nil {
					at[key] = o{}
				}
				inner := o{} // a copy: the objects above are shared
				for k, v := range at[key].(o) {
					inner[k] = v
				}
				at[key] = inner
				at = inner
			}
			at[keys[len(keys)-1]] = value
		}
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return anvil.Delivery{ID: "guid-1", Event: event, Body: body}
}

func read(t *testing.T, d anvil.Delivery) Reading {
	t.Helper()
	reading, err := reader().Parse(d)
	if err != nil {
		t.Fatalf("the payload cannot be read: %v", err)
	}
	return reading
}

func TestACommentBecomesARequest(t *testing.T) {
	t.Parallel()
	reading := read(t, delivery("issue_comment", o{"comment.body": "Hm.\n\n/anvil base=next fix it\n\n```\npanic\n```"}))
	if reading.Decision != anvil.Pending || reading.Request == nil || reading.Request.Refusal != nil {
		t.Fatalf("got %+v", reading)
	}
	c := reading.Request.Command
	wantThread := anvil.Thread{
		Repository: anvil.Repository{ID: 900, Installation: 500, Owner: "octo", Name: "hello", DefaultBranch: "main", Private: true},
		Issue:      12, Title: "Sum is wrong",
	}
	if c.Thread != wantThread {
		t.Errorf("thread %+v, want %+v", c.Thread, wantThread)
	}
	if c.Requester != (anvil.Actor{ID: 1, Login: "mona"}) || c.Comment != 3300 || c.Delivery != "guid-1" || c.Verb != anvil.VerbDo || c.Options.Base != "next" {
		t.Errorf("command %+v", c)
	}
	p := c.Prompt
	if p.Instruction != "fix it\n\n```\npanic\n```" || p.IssueTitle != "Sum is wrong" || p.IssueBody != "1+1 gives 3" {
		t.Errorf("prompt %+v", p)
	}
	// The runner repeats the digest over what it is assigned.
	assigned := runapi.Prompt{Instruction: p.Instruction, IssueNumber: 12, IssueTitle: p.IssueTitle, IssueBody: p.IssueBody}
	if p.Digest == "" || p.Digest != assigned.ComputeDigest() {
		t.Errorf("digest %q, and the runner computes %q", p.Digest, assigned.ComputeDigest())
	}
	if again := read(t, delivery("issue_comment", o{"comment.body": "/anvil fix it", "issue.body": "edited"})); again.Request.Command.Prompt.Digest == p.Digest {
		t.Error("another text has the same digest")
	}
}

func TestWhatIsReadOutOfADelivery(t *testing.T) {
	t.Parallel()
	label := o{"action": "labeled", "label": o{"name": "Anvil"}}
	pr := o{"issue.pull_request": o{"url": "x"}}
	command := func(text string) o { return o{"comment.body": text} }
	edit := func(from, to string) o {
		return o{"action": "edited", "comment.body": to, "changes": o{"body": o{"from": from}}}
	}
	cases := []struct {
		name     string
		delivery anvil.Delivery
		ignored  string // the reason's beginning; empty: a request
		refusal  anvil.Code
		speaks   string
	}{
		{name: "label", delivery: delivery("issues", label)},
		{name: "assignment to the bot", delivery: delivery("issues", assigned)},
		{name: "label on another's issue", delivery: delivery("issues", label, o{"issue.user": hubot})},
		{name: "another label", delivery: delivery("issues", o{"action": "labeled", "label": o{"name": "bug"}}), ignored: "WH_UNHANDLED"},
		{name: "assignment to a person with the bot's login", delivery: delivery("issues", o{"action": "assigned", "assignee": user(5, "anvil[bot]")}), ignored: "WH_UNHANDLED"},
		{name: "issue opened", delivery: delivery("issues", o{"action": "opened"}), ignored: "WH_UNHANDLED"},
		{name: "issue opened with a command", delivery: delivery("issues", o{"action": "opened", "issue.body": "/anvil fix it"}), ignored: "NO_COMMAND", speaks: "comment it"},
		{name: "label by a bot", delivery: delivery("issues", label, o{"sender": hubot}), ignored: "BOT_SENDER"},
		{name: "label on a closed issue", delivery: delivery("issues", label, o{"issue.state": "closed"}), refusal: "TARGET_UNSUPPORTED"},

		{name: "no command", delivery: delivery("issue_comment", command("I like it")), ignored: "NO_COMMAND"},
		{name: "quoted command", delivery: delivery("issue_comment", command("> /anvil fix it")), ignored: "NO_COMMAND", speaks: "quote"},
		{name: "deleted comment", delivery: delivery("issue_comment", o{"action": "deleted"}), ignored: "WH_UNHANDLED"},
		{name: "bot", delivery: delivery("issue_comment", o{"sender": hubot, "comment.user": hubot}), ignored: "BOT_SENDER"},
		{name: "organisation", delivery: delivery("issue_comment", o{"sender.type": "Organization"}), ignored: "BOT_SENDER"},
		{name: "this App", delivery: delivery("issue_comment", o{"sender": own, "comment.user": own}), ignored: "BOT_SENDER", speaks: "own"},
		{name: "this App's account, called a user", delivery: delivery("issue_comment", o{"sender": user(7700, "x"), "comment.user": user(7700, "x")}), ignored: "BOT_SENDER", speaks: "own"},
		{name: "this App in a person's name", delivery: delivery("issue_comment", o{"comment.performed_via_github_app": o{"id": 77, "slug": "anvil"}}), ignored: "BOT_SENDER"},
		{name: "another App in a person's name", delivery: delivery("issue_comment", o{"comment.performed_via_github_app": o{"id": 8, "slug": "slacky"}}), ignored: "BOT_SENDER", speaks: "slacky"},
		{name: "person whose login looks like a bot's", delivery: delivery("issue_comment", o{"sender": user(3, "x[bot]"), "comment.user": user(3, "x[bot]")})},
		{name: "sender is not the author", delivery: delivery("issue_comment", o{"sender": user(2, "mona")}), ignored: "IDENTITY_MISMATCH"},
		{name: "no installation", delivery: delivery("issue_comment", o{"installation": nil}), ignored: "INST_GONE"},
		{name: "no sender", delivery: delivery("issue_comment", o{"sender": nil}), ignored: "WH_UNHANDLED"},

		{name: "author edits a command in", delivery: delivery("issue_comment", edit("hello", "/anvil fix it")), refusal: "EDITED", speaks: "new comment"},
		{name: "author edits a command out of a quote", delivery: delivery("issue_comment", edit("> /anvil fix it", "/anvil fix it")), refusal: "EDITED"},
		{name: "somebody else edits a command in", delivery: delivery("issue_comment", edit("hello", "/anvil fix it"), o{"sender": user(2, "eve")}), ignored: "EDITED", speaks: "somebody else"},
		{name: "bot edits a command in", delivery: delivery("issue_comment", edit("hello", "/anvil fix it"), o{"sender": hubot}), ignored: "BOT_SENDER"},
		{name: "author edits a command", delivery: delivery("issue_comment", edit("/anvil fix it", "/anvil fix that")), ignored: "EDITED", speaks: "as it was posted"},
		{name: "author edits a command away", delivery: delivery("issue_comment", edit("/anvil fix it", "never mind")), ignored: "EDITED"},
		{name: "author edits prose", delivery: delivery("issue_comment", edit("helo", "hello")), ignored: "EDITED"},
		{name: "edited and nothing changed", delivery: delivery("issue_comment", o{"action": "edited"}), ignored: "EDITED"},

		{name: "closed issue", delivery: delivery("issue_comment", o{"issue.state": "closed"}), refusal: "TARGET_UNSUPPORTED", speaks: "open issue"},
		{name: "locked issue", delivery: delivery("issue_comment", o{"issue.locked": true}), refusal: "TARGET_UNSUPPORTED"},
		{name: "pull request", delivery: delivery("issue_comment", pr)},
		{name: "closed pull request", delivery: delivery("issue_comment", pr, o{"issue.state": "closed"}), refusal: "TARGET_UNSUPPORTED", speaks: "a closed pull request"},
		{name: "an aside", delivery: delivery("issue_comment", command("/anvil aside: what do you think, trish?")), ignored: "NO_COMMAND"},
		{name: "stop on a closed issue", delivery: delivery("issue_comment", o{"issue.state": "closed"}, command("/anvil stop"))},
		{name: "retry on a closed issue", delivery: delivery("issue_comment", o{"issue.state": "closed"}, command("/anvil retry")), refusal: "TARGET_UNSUPPORTED"},
		{name: "status on a pull request", delivery: delivery("issue_comment", pr, command("/anvil status"))},
		{name: "retry on a pull request", delivery: delivery("issue_comment", pr, command("/anvil retry"))},
		{name: "retry on a merged pull request", delivery: delivery("issue_comment", pr, o{"issue.state": "closed"}, command("/anvil retry"))},
		{name: "archived repository", delivery: delivery("issue_comment", o{"repository.archived": true}), refusal: "REPO_ARCHIVED"},
		{name: "review comment", delivery: delivery("pull_request_review_comment", o{"pull_request": o{"number": 4, "title": "x", "state": "open"}})},
		{name: "review comment without a command", delivery: delivery("pull_request_review_comment", command("nice")), ignored: "NO_COMMAND"},
		{name: "commit", delivery: delivery("commit_comment"), ignored: "TARGET_UNSUPPORTED", speaks: "commit"},
		{name: "discussion", delivery: delivery("discussion_comment"), ignored: "TARGET_UNSUPPORTED", speaks: "discussion"},

		{name: "unknown option", delivery: delivery("issue_comment", command("/anvil bse=x fix it")), refusal: "CMD_UNKNOWN", speaks: "base"},
		{name: "empty", delivery: delivery("issue_comment", command("/anvil")), refusal: "CMD_USAGE"},
		{name: "nothing but what is hidden", delivery: delivery("issue_comment", command("/anvil \u200b")), refusal: "CMD_USAGE"},
		{name: "too long", delivery: delivery("issue_comment", o{"issue.body": strings.Repeat("x", 990)}), refusal: "PROMPT_TOO_LONG", speaks: "1008 bytes together, of 1000 allowed"},
		{name: "as long as it may be", delivery: delivery("issue_comment", o{"issue.body": strings.Repeat("x", 982)})},
		{name: "stop is never too long", delivery: delivery("issue_comment", o{"issue.body": strings.Repeat("x", 2000)}, command("/anvil stop"))},
		{name: "issue without a body", delivery: delivery("issue_comment", o{"issue.body": nil})},

		{name: "ping", delivery: anvil.Delivery{Event: "ping", Body: []byte(`{"zen":"x"}`)}, ignored: "WH_UNHANDLED"},
		{name: "unknown event", delivery: anvil.Delivery{Event: "push", Body: []byte(`{`)}, ignored: "WH_UNHANDLED"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := read(t, c.delivery)
			if c.ignored != "" {
				if got.Decision != anvil.Ignored || got.Request != nil || !strings.HasPrefix(got.Reason, c.ignored+": ") || !strings.Contains(got.Reason, c.speaks) {
					t.Fatalf("got %s %q, want it ignored for %s (%s)", got.Decision, got.Reason, c.ignored, c.speaks)
				}
				return
			}
			if got.Decision != anvil.Pending || got.Request == nil {
				t.Fatalf("got %s %q, want a request", got.Decision, got.Reason)
			}
			problem := got.Request.Refusal
			switch {
			case c.refusal == "" && problem != nil:
				t.Fatalf("refused: %v", problem)
			case c.refusal != "" && (problem == nil || problem.Code != c.refusal || !strings.Contains(problem.Error(), c.speaks)):
				t.Fatalf("refused with %v, want %s (%s)", problem, c.refusal, c.speaks)
			case c.refusal != "" && !strings.Contains(problem.Error(), "delivery guid-1"):
				t.Errorf("%v does not say by which id to find it", problem)
			}
		})
	}
}

func TestAPayloadThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	_, err := reader().Parse(anvil.Delivery{ID: "guid-1", Event: "issues", Body: []byte(`{"issue":`)})
	if p := anvil.AsProblem(err); p == nil || p.Code != CodePayload {
		t.Fatalf("got %v", err)
	}
}

func TestTheRequesterHearsOfWhatWasLeftOut(t *testing.T) {
	t.Parallel()
	reading := read(t, delivery("issue_comment", o{
		"comment.body": "/anvil fix\u200b it\n\n/anvil stop\n/anvil status", "issue.title": "Sum\u200b is\u200b wrong", "issue.body": "x\u200b",
	}))
	c := reading.Request.Command
	if c.Prompt.Instruction != "fix it" || c.Prompt.IssueTitle != "Sum is wrong" || c.Thread.Title != "Sum is wrong" || len(c.Prompt.Removed) != 3 {
		t.Errorf("prompt %+v", c.Prompt)
	}
	notices := fmt.Sprint(c.Notices)
	for _, want := range []string{"HIDDEN_TEXT_REMOVED: 4 hidden parts", "2 × zero-width character in the issue title", "CMD_MULTIPLE: the comment has 3 commands"} {
		if !strings.Contains(notices, want) {
			t.Errorf("notices %s do not say %q", notices, want)
		}
	}
}

// A secret is masked wherever a task keeps text, and the notice names the places and
// kinds, not the value.
func TestAPastedSecretIsKeptFromTheTask(t *testing.T) {
	t.Parallel()
	reading := read(t, delivery("issue_comment", o{
		"comment.body": "/anvil log in with hunter2", "issue.title": "hunter2 is refused", "issue.body": "why hunter2?",
	}))
	c := reading.Request.Command
	if text := fmt.Sprintf("%+v", c); strings.Contains(text, "hunter2") || strings.Count(text, "[secret removed]") != 4 {
		t.Errorf("the command is %s", text)
	}
	if p := read(t, delivery("issue_comment", o{"comment.body": "/anvil verify=\"test hunter2\" fix it"})).Request.Refusal; p == nil ||
		p.Code != CodeSecret || strings.Contains(p.Error(), "hunter2") {
		t.Errorf("in a verification command: %v", p)
	}
	want := "SECRET_IN_PROMPT: what looks like a secret was kept from the agent: a-password in the comment; a-password in the issue title; a-password in the issue body. Rotate it now"
	if notices := fmt.Sprint(c.Notices); !strings.Contains(notices, want) {
		t.Errorf("notices %s do not say %q", notices, want)
	}
}

func TestInstallationsChange(t *testing.T) {
	t.Parallel()
	repos := []o{{"id": 900, "full_name": "octo/hello"}}
	base := o{"installation": o{"id": 500, "app_id": 77, "account": o{"id": 9, "login": "octo", "type": "Organization"}}, "issue": nil, "repository": nil}
	for _, c := range []struct {
		event, action string
		more          o
		kind          ChangeKind
		here, gone    int
	}{
		{"installation", "created", o{"repositories": repos}, Installed, 1, 0},
		{"installation", "deleted", o{"repositories": repos}, Removed, 0, 1},
		{"installation", "suspend", nil, Suspended, 0, 0},
		{"installation", "unsuspend", nil, Resumed, 0, 0},
		{"installation", "new_permissions_accepted", nil, Permissions, 0, 0},
		{"installation_repositories", "added", o{"repositories_added": repos}, Selection, 1, 0},
		{"installation_repositories", "removed", o{"repositories_removed": repos}, Selection, 0, 1},
	} {
		t.Run(c.event+" "+c.action, func(t *testing.T) {
			t.Parallel()
			got := read(t, delivery(c.event, base, o{"action": c.action}, c.more))
			ch := got.Change
			if got.Decision != anvil.Accepted || ch == nil || ch.Kind != c.kind || ch.Installation != 500 || ch.Account.ID != 9 ||
				len(ch.Repositories) != c.here || len(ch.Gone) != c.gone {
				t.Fatalf("got %+v %+v", got, ch)
			}
			other := read(t, delivery(c.event, base, o{"action": c.action, "installation.app_id": 78}, c.more))
			if other.Decision != anvil.Ignored || other.Change != nil {
				t.Errorf("another App's installation is taken: %+v", other)
			}
		})
	}
}
