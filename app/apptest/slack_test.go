package apptest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/simulated"
	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
	"github.com/seed-bc0cc349/anvil/config"
)

// channel is a simulated Slack with one channel, #web, and the people in it.
type channel struct {
	*slacktest.Server
	people map[string]string // user ids
	id     string
	thread string // timestamp of the newest thread's first message
}

// slack [http] [REPOSITORIES]: starts a simulated Slack of which the server is an app, by
// Socket Mode or over HTTP. In #web there are mona, rita and otto, who are the same at
// GitHub; lena and mallory, who are linked to nobody; and mona-elsewhere, who is called mona too and is
// of another workspace. REPOSITORIES is the setting slack.repositories.
func openSlack(s *stage, args []string) error {
	mode := "socket"
	if len(args) > 0 && args[0] == "http" {
		mode, args = "http", args[1:]
	}
	server, err := slacktest.Start(slacktest.Options{
		Manifest: config.SlackManifest, Retries: []time.Duration{time.Second, time.Second, time.Second},
		Pace: slacktest.Pace{Every: 100 * time.Millisecond, Burst: 5},
	})
	if err != nil {
		return err
	}
	s.slack = &channel{Server: server, people: map[string]string{}}
	linked, ids := map[string]string{}, []string{}
	for _, name := range []string{"mona", "rita", "otto", "lena", "mallory"} {
		id := server.AddUser(slacktest.User{Name: name}).ID
		s.slack.people[name], ids = id, append(ids, id)
		if name != "lena" && name != "mallory" {
			linked[id] = name
		}
	}
	stranger := server.AddStranger("mona").ID
	s.slack.people["mona-elsewhere"], ids = stranger, append(ids, stranger)
	s.slack.id = server.AddChannel(slacktest.Channel{Name: "web"}, true, ids...).ID
	below := filepath.Join(s.Dir, ".world")
	for name, secret := range map[string]string{"slack-bot": server.App().BotToken, "slack-app": server.App().AppToken, "slack-signing": server.App().SigningSecret} {
		if err := os.WriteFile(filepath.Join(below, name), []byte(secret), 0o600); err != nil {
			return err
		}
	}
	if s.settings == nil {
		s.settings = Settings{}
	}
	s.settings["slack.mode"], s.settings["slack.api_url"] = mode, server.URL
	s.settings["slack.bot_token_file"] = filepath.Join(below, "slack-bot")
	s.settings["slack.app_token_file"], s.settings["slack.signing_secret_file"] = filepath.Join(below, "slack-app"), filepath.Join(below, "slack-signing")
	for id, login := range linked {
		s.settings["slack.people."+id] = login
	}
	if mode == "http" {
		server.Listen(s.Server.URL+"/api/slack", s.Server.URL+"/api/slack", s.Server.URL+"/api/slack")
	}
	if len(args) > 0 {
		s.settings["slack.repositories"] = strings.ReplaceAll(args[0], "#web", s.slack.id)
	}
	return nil
}

// commandSlack is what happens in Slack; see the README.
func commandSlack(s *stage, args []string) error {
	if len(args) == 0 || args[0] == "http" || strings.HasPrefix(args[0], "[") {
		return openSlack(s, args)
	}
	act := map[string]struct {
		least, most int
		do          func(*stage, []string) error
	}{
		"attach": {3, 3, slackAttach}, "say": {2, 2, slackSay}, "reply": {2, 2, slackReply}, "press": {2, 3, slackPress}, "command": {2, 2, slackCommand},
		"await": {1, 1, slackAwait}, "told": {2, 2, slackTold}, "show": {0, 0, slackShow}, "count": {2, 2, slackCount}, "settle": {0, 0, slackSettle},
		"fault": {2, 4, slackFault}, "heal": {0, 0, slackHeal}, "stop": {1, 1, slackStop}, "archive": {0, 0, slackArchive}, "revoke": {0, 0, slackRevoke},
	}[args[0]]
	if act.do == nil {
		return fmt.Errorf("nothing of that kind happens in Slack: %s", args[0])
	}
	if err := words(args[1:], act.least, act.most, "slack "+args[0]+" …; see the README"); err != nil {
		return err
	}
	return act.do(s, args[1:])
}

func slackSay(s *stage, args []string) error {
	m, err := s.slack.Say(slacktest.Said{User: s.slack.people[args[0]], Channel: s.slack.id, Text: args[1]})
	s.slack.thread = m.TS
	return s.taken(err)
}

// slackAttach is slack say with a file, and a picture.
func slackAttach(s *stage, args []string) error {
	m, err := s.slack.Say(slacktest.Said{
		User: s.slack.people[args[0]], Channel: s.slack.id, Text: args[1],
		Files: map[string][]byte{args[2]: []byte(s.ts.ReadFile(args[2])), "picture.png": {0x89, 0, 1}},
	})
	s.slack.thread = m.TS
	return s.taken(err)
}

func slackReply(s *stage, args []string) error {
	_, err := s.slack.Say(slacktest.Said{User: s.slack.people[args[0]], Channel: s.slack.id, Thread: s.slack.thread, Text: args[1]})
	return s.taken(err)
}

// taken waits until the server has taken what was said, and decided on it.
func (s *stage) taken(err error) error {
	if err != nil {
		return err
	}
	if err := s.slack.Settle(s.ctx); err != nil {
		return err
	}
	for _, d := range s.slack.Deliveries() {
		if d.Kind != "events_api" || d.Type == "message" {
			continue
		}
		if _, _, err := s.AwaitRuling(s.ctx, "slack:"+d.ID); err != nil {
			return err
		}
	}
	return nil
}

// slackPress presses a button of the newest message that has it.
func slackPress(s *stage, args []string) error {
	value := ""
	if len(args) == 3 {
		value = args[2]
	}
	for _, m := range slices.Backward(s.slack.Messages(s.slack.id, s.slack.thread)) {
		if err := s.slack.Press(s.slack.people[args[0]], s.slack.id, m.TS, "anvil_"+args[1], value); err == nil {
			return s.taken(nil)
		}
	}
	return fmt.Errorf("no message has a button %s", args[1])
}

func slackCommand(s *stage, args []string) error {
	return s.taken(s.slack.Command(s.slack.people[args[0]], s.slack.id, "/anvil", args[1]))
}

// bots lists what the app says in the newest thread.
func (s *stage) bots() (all []slacktest.Message) {
	for _, m := range s.slack.Messages(s.slack.id, s.slack.thread) {
		if m.BotID != "" {
			all = append(all, m)
		}
	}
	return all
}

// slackAwait waits for a message of the app's with a text.
func slackAwait(s *stage, args []string) error {
	return Await(s.ctx, func() error {
		all := s.bots()
		for _, m := range all {
			words := m.Text + string(m.Blocks)
			for _, f := range m.Files {
				words += f.Title
			}
			if strings.Contains(words, args[0]) {
				return nil
			}
		}
		if len(all) == 0 {
			return errors.New("the app says nothing")
		}
		return fmt.Errorf("the app says at last: %s %s", all[len(all)-1].Text, all[len(all)-1].Blocks)
	})
}

// slackTold waits for what one person only is told.
func slackTold(s *stage, args []string) error {
	return Await(s.ctx, func() error {
		var told []string
		for _, m := range s.slack.Messages(s.slack.id, "") {
			if m.EphemeralTo != "" && m.EphemeralTo == s.slack.people[args[0]] {
				told = append(told, m.Text)
				if strings.Contains(m.Text, args[1]) {
					return nil
				}
			}
		}
		return fmt.Errorf("%s was told %q", args[0], told)
	})
}

// slackShow prints the newest thread.
func slackShow(s *stage, args []string) error {
	for _, m := range s.slack.Messages(s.slack.id, s.slack.thread) {
		fmt.Fprintf(s.ts.Stdout(), "%s (edits %d, unfurls %v, streaming %v, to %q): %s %s\n", m.User, m.Edits, m.Unfurls, m.Streaming, m.EphemeralTo, m.Text, m.Blocks)
		for _, f := range m.Files {
			fmt.Fprintf(s.ts.Stdout(), "  file %s (%s, %d bytes): %s\n", f.Name, f.Type, len(f.Bytes), f.Title)
		}
	}
	return nil
}

// slackCount counts messages of the app in the newest thread, whispers to anybody, pings
// in its messages, unfurls, or calls of a method.
func slackCount(s *stage, args []string) error {
	n := 0
	for _, m := range s.slack.Messages(s.slack.id, "") {
		ours := m.BotID != ""
		switch {
		case args[0] == "messages" && ours && m.EphemeralTo == "" && len(m.Blocks) > 0,
			args[0] == "speeches" && ours && m.EphemeralTo == "" && len(m.Blocks) == 0 && len(m.Files) == 0,
			args[0] == "whispers" && ours && m.EphemeralTo != "",
			args[0] == "unfurls" && ours && m.Unfurls:
			n++
		case args[0] == "pings" && ours:
			n += len(m.Pings())
		}
	}
	if strings.Contains(args[0], ".") {
		n = len(s.slack.Calls(args[0]))
	}
	if strconv.Itoa(n) != args[1] {
		return fmt.Errorf("there are %d %s, not %s", n, args[0], args[1])
	}
	return nil
}

func slackSettle(s *stage, args []string) error { return s.taken(nil) }

// slackFault METHOD DO [times=N] [retry=SECONDS]
func slackFault(s *stage, args []string) error {
	f := slacktest.Fault{Path: "/" + args[0], Do: simulated.Do(args[1]), Status: 503}
	if args[0] == "all" {
		f.Path = "/**"
	}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(value)
		switch {
		case key == "error": // in Slack's own way
			f.Status, f.Body = 200, fmt.Sprintf(`{"ok":false,"error":%q}`, value)
		case err != nil:
			return err
		case key == "times":
			f.Times = n
		case key == "retry":
			f.Status, f.RetryAfter = 429, n
		default:
			return fmt.Errorf("a fault in Slack has no %s", arg)
		}
	}
	s.slack.SetFault(f)
	return nil
}

// slackStop presses the stop button that Slack itself shows while an agent is at work.
func slackStop(s *stage, args []string) error {
	if err := Await(s.ctx, func() error {
		return s.slack.StopAgent(s.slack.people[args[0]], s.slack.id, s.slack.thread)
	}); err != nil {
		return err
	}
	return s.taken(nil)
}

func slackHeal(s *stage, args []string) error {
	s.slack.ClearFaults()
	return nil
}

func slackArchive(s *stage, args []string) error {
	s.slack.Archive(s.slack.id, true)
	return nil
}

func slackRevoke(s *stage, args []string) error {
	s.slack.Revoke("token_revoked")
	return nil
}
