package slacktest_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
)

// Slack's own client for Node understands the simulated Slack: this is no private dialect.
func TestRealSlackSDK(t *testing.T) {
	t.Parallel()
	bin := os.Getenv("ANVIL_AGENTS")
	if bin == "" {
		t.Skip("Slack's own client is tried by make test-agents: ANVIL_AGENTS is not set")
	}
	w := start(t, slacktest.Options{})
	root := w.say(t, "hello")
	script, err := filepath.Abs("testdata/sdk.cjs")
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(within(t), "node", script, filepath.Join(bin, "..", "@slack", "web-api"), w.URL, w.App().BotToken, w.channel.ID, root.TS)
	node.Stderr = os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		User, Text, Key, Link string
		Errors                []string
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if said.User != w.App().BotUser || said.Text != "hello again" || said.Key != "k-1" || !strings.HasPrefix(said.Link, w.URL+"/archives/") {
		t.Errorf("it was told %s", out)
	}
	if want := []string{"channel_not_found", "invalid_blocks", "rate limited, 1"}; !slices.Equal(said.Errors, want) {
		t.Errorf("it was refused with %q, not %q", said.Errors, want)
	}
	thread := w.Messages(w.channel.ID, root.TS)
	if len(thread) != 2 || thread[1].Edits != 1 || thread[1].Unfurls || !slices.Equal(thread[0].Reactions["thumbsup"], []string{w.App().BotUser}) {
		t.Errorf("it left %+v", thread)
	}
}
