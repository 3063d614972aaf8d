package slacktest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
)

// A person reads and types on the page what the app says and hears.
func TestThePageHasTheThreadToTypeIn(t *testing.T) {
	t.Parallel()
	w := start(t, slacktest.Options{})
	post := func(site string, form url.Values) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.URL+"/say", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if status := post("cross-site", url.Values{"user": {"mona"}, "text": {"hello"}}); status != http.StatusForbidden {
		t.Errorf("another page spoke here: %d", status)
	}
	if status := post("same-origin", url.Values{"user": {"mona"}, "text": {"@anvil <b>hello</b>"}}); status != http.StatusOK {
		t.Errorf("typed: %d", status)
	}
	root := w.Messages("web", "")[0]
	if len(w.Messages("web", "")) != 1 || !strings.Contains(root.Text, "<@"+w.App().BotUser+"> &lt;b&gt;hello") {
		t.Fatalf("said: %q", root.Text)
	}
	button := slack.NewButtonBlockElement("anvil_stop", "", slack.NewTextBlockObject("plain_text", "Stop", false, false))
	words := slack.NewTextBlockObject("mrkdwn", "*Working* on `x` &lt;i&gt; <https://github.example/a?b=1&amp;c=2|the pull request>", false, true)
	if err := w.post(t, slack.MsgOptionTS(root.TS), slack.MsgOptionBlocks(slack.NewSectionBlock(words, nil, nil), slack.NewActionBlock("", button))); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(w.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"@anvil &lt;b&gt;hello&lt;/b&gt;", "<b>Working</b> on <code>x</code> &lt;i&gt;",
		`<a href="https://github.example/a?b=1&amp;c=2">the pull request</a>`, "<button>Stop</button>",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page has no %s:\n%s", want, page)
		}
	}
	ts := w.Messages("web", root.TS)[1].TS
	if status := post("same-origin", url.Values{"user": {"mona"}, "ts": {ts}, "action": {"anvil_stop"}}); status != http.StatusOK {
		t.Errorf("pressed: %d", status)
	}
}
