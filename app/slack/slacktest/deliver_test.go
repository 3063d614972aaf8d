package slacktest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
)

// Over HTTP an event is signed as slack-go checks it, and sent again until it is
// acknowledged.
func TestEventsAreSignedAndRetried(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	type got struct{ id, retry, reason string }
	var mu sync.Mutex
	seen := map[string][]got{}
	door := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v, err := slack.NewSecretsVerifier(r.Header, w.App().SigningSecret)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = v.Write(body)
		if err := v.Ensure(); err != nil {
			t.Error(err)
		}
		var outer struct {
			ID string `json:"event_id"`
		}
		_ = json.Unmarshal(body, &outer)
		e, err := slackevents.ParseEvent(body, slackevents.OptionNoVerifyToken())
		if err != nil {
			t.Error(err)
			return
		}
		kind := e.InnerEvent.Type
		mu.Lock()
		defer mu.Unlock()
		seen[kind] = append(seen[kind], got{outer.ID, r.Header.Get("X-Slack-Retry-Num"), r.Header.Get("X-Slack-Retry-Reason")})
		if kind == "app_mention" && len(seen[kind]) == 1 {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer door.Close()
	w.Listen(door.URL, door.URL, door.URL)
	w.say(t, "@anvil fix it")
	if err := w.Settle(within(t)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	m, all := seen["app_mention"], seen["message"]
	if len(m) != 2 || m[0].id != m[1].id || m[1].retry != "1" || m[1].reason != "http_error" || len(all) != 1 || all[0].id == m[0].id {
		t.Errorf("%+v", seen)
	}
}

// A door that is shut is tried four times in all, and then no more.
func TestEventsAreGivenUp(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	w.Listen("http://127.0.0.1:1", "", "")
	w.say(t, "hello")
	if err := w.Settle(within(t)); err != nil {
		t.Fatal(err)
	}
	d := w.Deliveries()
	if len(d) != 1 || len(d[0].Attempts) != 4 || d[0].Attempts[3].Why != "connection_failed" {
		t.Errorf("%+v", d)
	}
}

// By Socket Mode slack-go gets events, buttons and commands, and acknowledges each.
func TestSocketMode(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	ctx := within(t)
	client := socketmode.New(w.api)
	got := make(chan string, 10)
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for {
			select {
			case e := <-client.Events:
				if e.Request != nil && e.Request.EnvelopeID != "" {
					got <- string(e.Type)
					_ = client.Ack(*e.Request)
				}
			case <-running.Done():
				return
			}
		}
	}()
	done := make(chan struct{})
	go func() { defer close(done); _ = client.RunContext(running) }()
	if err := w.Connected(ctx, 1); err != nil {
		t.Fatal(err)
	}
	root := w.say(t, "hello")
	_, ts, err := w.api.PostMessageContext(ctx, w.channel.ID, text("stop?"), slack.MsgOptionTS(root.TS), slack.MsgOptionBlocks(
		slack.NewActionBlock("", slack.NewButtonBlockElement("stop", "task1", slack.NewTextBlockObject("plain_text", "Stop", false, false)))))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Press("mona", "web", ts, "stop", ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Press("mona", "web", ts, "nothing", ""); err == nil {
		t.Error("a button that is not there was pressed")
	}
	if err := w.Command("mona", "web", "/anvil", "link"); err != nil {
		t.Fatal(err)
	}
	if err := w.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for range 3 {
		counts[<-got]++
	}
	for _, kind := range []string{"events_api", "interactive", "slash_commands"} {
		if counts[kind] != 1 {
			t.Errorf("%s: %d times", kind, counts[kind])
		}
	}
	for _, d := range w.Deliveries() {
		if n := len(d.Attempts); n != 1 || !d.Attempts[0].Acked {
			t.Errorf("%s: %+v", d.Type, d.Attempts)
		}
	}
	w.Disconnect("refresh_requested")
	// The second ticket is the one with which it came back.
	for len(w.Calls("apps.connections.open")) < 2 {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come back")
		case <-w.SocketsChanged():
		}
	}
	stop()
	<-done
}

func TestTheAgentsStopButton(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	root := w.say(t, "@anvil fix it")
	if err := w.StopAgent("mona", "web", root.TS); err == nil {
		t.Error("there was nothing to stop")
	}
	if _, err := w.api.SetAgentSessionStatusContext(within(t), slack.AgentSessionSetStatusParameters{
		Status: "processing", ChannelID: w.channel.ID, ThreadTS: root.TS, Title: "Fix it",
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.StopAgent("mona", "web", root.TS); err != nil {
		t.Fatal(err)
	}
	s, ok := w.AgentSession(w.channel.ID, root.TS)
	if d := w.Deliveries(); !ok || s.Status != "processing" || s.Title != "Fix it" || d[len(d)-1].Type != "agent_session_stopped" {
		t.Errorf("%+v, %v, the last delivery %+v", s, ok, d[len(d)-1])
	}
}

// What notifies people is counted, however it is dressed.
func TestPings(t *testing.T) {
	t.Parallel()
	section := func(kind, text string) json.RawMessage {
		b, _ := json.Marshal([]any{map[string]any{"type": "section", "text": map[string]any{"type": kind, "text": text}}})
		return b
	}
	for _, c := range []struct {
		m    slacktest.Message
		want string
	}{
		{slacktest.Message{Text: "<!channel> and <@U0SIM00002> and <@U0SIM00002>"}, "channel U0SIM00002"},
		{slacktest.Message{Text: "&lt;!channel&gt; @here"}, ""},
		{slacktest.Message{Text: "<!here>", Blocks: section("plain_text", "<!here>")}, ""},
		{slacktest.Message{Text: "x", Blocks: section("mrkdwn", "<!subteam^S1|team>")}, "subteam^S1"},
	} {
		if got := strings.Join(c.m.Pings(), " "); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.m.Text, c.m.Blocks, got, c.want)
		}
	}
}
