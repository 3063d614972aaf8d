package slacktest_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/seed-bc0cc349/anvil/app/simulated"
	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
)

// slack-go, which speaks to the real one, posts, changes, finds again and reacts.
func TestTheUsualClientSpeaksToIt(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	ctx := within(t)
	who, err := w.api.AuthTestContext(ctx)
	if err != nil || who.UserID != w.App().BotUser || who.TeamID == "" {
		t.Fatalf("%+v %v", who, err)
	}
	root := w.say(t, "@anvil fix the login")
	if root.Text != "<@"+w.App().BotUser+"> fix the login" {
		t.Errorf("typed: %q", root.Text)
	}
	_, ts, err := w.api.PostMessageContext(ctx, w.channel.ID, text("queued"), slack.MsgOptionTS(root.TS), slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionBlocks(slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", "*queued* for <@"+w.mona.ID+">", false, false), nil, nil)),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "anvil_task", EventPayload: map[string]any{"task": "t1"}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := w.api.UpdateMessageContext(ctx, w.channel.ID, ts, text("done")); err != nil {
		t.Fatal(err)
	}
	found, _, _, err := w.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: w.channel.ID, Timestamp: root.TS, IncludeAllMetadata: true})
	if err != nil || len(found) != 2 || found[1].Text != "done" || found[0].User != w.mona.ID {
		t.Fatalf("%+v %v", found, err)
	}
	ref := slack.NewRefToMessage(w.channel.ID, root.TS)
	if err := w.api.AddReactionContext(ctx, "eyes", ref); err != nil {
		t.Fatal(err)
	}
	if err := w.api.AddReactionContext(ctx, "eyes", ref); err == nil || err.Error() != "already_reacted" {
		t.Errorf("a second time: %v", err)
	}
	u, err := w.api.GetUserInfoContext(ctx, w.mona.ID)
	if err != nil || u.Name != "mona" || u.IsStranger {
		t.Errorf("%+v %v", u, err)
	}
	if posts := w.Calls("chat.postMessage"); len(posts) != 1 || posts[0].Form.Get("thread_ts") != root.TS || posts[0].Form.Has("token") || posts[0].Actor != "bot" {
		t.Errorf("the ledger: %+v", posts)
	}
	all := w.Messages("web", root.TS)
	if len(all) != 2 || all[1].Edits != 1 || len(all[0].Reactions["eyes"]) != 1 {
		t.Errorf("%+v", all)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	ctx := within(t)
	theirs := w.say(t, "hello")
	out := w.AddChannel(slacktest.Channel{Name: "elsewhere"}, false, w.mona.ID)
	long := slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", strings.Repeat("x", 3001), false, false), nil, nil)
	in := func(channel string) error {
		_, _, err := w.api.PostMessageContext(ctx, channel, text("x"))
		return err
	}
	_, _, _, update := w.api.UpdateMessageContext(ctx, w.channel.ID, theirs.TS, text("x"))
	_, upload := w.api.UploadFileContext(ctx, slack.UploadFileParameters{Filename: "a", FileSize: 1, Content: "a", Channel: w.channel.ID})
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"another channel":   {in(out.ID), "not_in_channel"},
		"no channel":        {in("C0"), "channel_not_found"},
		"no text":           {w.post(t), "no_text"},
		"a long section":    {w.post(t, slack.MsgOptionBlocks(long)), "invalid_blocks"},
		"an unknown thread": {w.post(t, text("x"), slack.MsgOptionTS("1.000001")), "thread_not_found"},
		"somebody else's":   {update, "cant_update_message"},
		"no reaction":       {w.api.RemoveReactionContext(ctx, "eyes", slack.NewRefToMessage(w.channel.ID, theirs.TS)), "no_reaction"},
		"no scope":          {upload, "missing_scope"},
	} {
		if c.err == nil || !strings.HasSuffix(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", what, c.err, c.want)
		}
	}
	w.Archive("web", true)
	if err := w.post(t, text("x")); err == nil || err.Error() != "is_archived" {
		t.Errorf("archived: %v", err)
	}
	w.Revoke("token_revoked")
	if _, err := w.api.AuthTestContext(ctx); err == nil || err.Error() != "token_revoked" {
		t.Errorf("revoked: %v", err)
	}
	if n := len(w.Messages("web", "")); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestAChannelHasItsPace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	w := start(t, slacktest.Options{Now: func() time.Time { return now }, Pace: slacktest.Pace{Every: 2 * time.Second, Burst: 2}})
	for range 2 {
		if err := w.post(t, text("x")); err != nil {
			t.Fatal(err)
		}
	}
	var limited *slack.RateLimitedError
	if err := w.post(t, text("x")); !errors.As(err, &limited) || limited.RetryAfter != 2*time.Second {
		t.Fatalf("%v", err)
	}
	now = now.Add(2 * time.Second)
	if err := w.post(t, text("x")); err != nil {
		t.Error(err)
	}
}

// A lost answer is a message all the same; a fault before it is none.
func TestFaults(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	w.SetFault(slacktest.Fault{Path: "/chat.postMessage", Do: simulated.DoAcceptDrop})
	if err := w.post(t, text("x")); err == nil || len(w.Messages("web", "")) != 1 {
		t.Errorf("%v, %d messages", err, len(w.Messages("web", "")))
	}
	w.SetFault(slacktest.Fault{Path: "/chat.*", Do: simulated.DoStatus, Status: 503})
	if err := w.post(t, text("x")); err == nil || len(w.Messages("web", "")) != 1 {
		t.Errorf("%v, %d messages", err, len(w.Messages("web", "")))
	}
	if err := w.post(t, text("x")); err != nil {
		t.Error(err)
	}
}

func TestFilesAreForTheToken(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	m, err := w.Say(slacktest.Said{User: "mona", Channel: "web", Text: "see", Files: map[string][]byte{"trace.txt": []byte("boom")}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := w.api.GetFileContext(within(t), m.Files[0].URL, &b); err != nil || b.String() != "boom" {
		t.Errorf("%q %v", b.String(), err)
	}
	res, err := http.Get(m.Files[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if page, _ := io.ReadAll(res.Body); strings.Contains(string(page), "boom") || res.StatusCode != http.StatusOK {
		t.Errorf("without a token: %s %q", res.Status, page)
	}
}

// A call by JSON means the same as one by form.
func TestJSONCalls(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	body := `{"channel":"` + w.channel.ID + `","text":"by JSON","blocks":[{"type":"divider"}]}`
	req, err := http.NewRequestWithContext(within(t), http.MethodPost, w.URL+"/api/chat.postMessage", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+w.App().BotToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if m := w.Messages("web", ""); len(m) != 1 || m[0].Text != "by JSON" || len(m[0].Blocks) == 0 {
		t.Errorf("%+v", m)
	}
	res, err = http.PostForm(w.URL+"/api/auth.test", url.Values{"token": {w.App().BotToken}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, _ := io.ReadAll(res.Body); !strings.Contains(string(answer), `"ok":true`) {
		t.Errorf("a token in the form: %s", answer)
	}
}

// A manifest that could not work on Slack is refused here too.
func TestManifest(t *testing.T) {
	t.Parallel()
	for _, m := range []string{"", "a: [", "display_information: {name: A}\nsettings: {event_subscriptions: {bot_events: [app_mention]}}"} {
		if s, err := slacktest.Start(slacktest.Options{Manifest: []byte(m)}); err == nil {
			s.Close()
			t.Errorf("%q was taken", m)
		}
	}
}
