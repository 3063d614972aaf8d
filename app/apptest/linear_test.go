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

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/linear/lineartest"
	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// workspace is a simulated Linear with its people, by name.
type workspace struct {
	*lineartest.Server
	people map[string]string // user ids; robot is an app, nobody is an integration
	teams  map[string]string // by key
}

// linear [REPOSITORIES]: starts a simulated Linear of which the server is an agent. There
// are mona, rita and otto, who are the same at GitHub; gwen, a guest who is mona at GitHub;
// lena, who has not connected GitHub; robot, an app; and nobody, an integration. The teams
// are WEB and OPS. REPOSITORIES is the setting linear.repositories.
func openLinear(s *stage, args []string) error {
	s.linear = &workspace{people: map[string]string{"nobody": ""}, teams: map[string]string{}}
	var err error
	if s.linear.Server, err = lineartest.Start(lineartest.Options{
		WebhookURL: s.Server.URL + "/api/linear/hook", Retries: []time.Duration{time.Second, time.Second, time.Second},
	}); err != nil {
		return err
	}
	for name, u := range map[string]lineartest.User{
		"mona": {GitHubUserID: "mona"}, "rita": {GitHubUserID: "rita"}, "otto": {GitHubUserID: "otto"}, "gwen": {GitHubUserID: "mona", Guest: true},
		"lena": {}, "robot": {GitHubUserID: "mona", App: true},
	} {
		if login := u.GitHubUserID; login != "" {
			var a githubtest.Account
			if err := s.GitHub.Ask("POST", "users", map[string]string{"login": login, "type": githubtest.User}, &a); err != nil {
				return err
			}
			u.GitHubUserID = strconv.FormatInt(a.ID, 10)
		}
		u.Name = name
		s.linear.people[name] = s.linear.AddUser(u).ID
	}
	for _, key := range []string{"WEB", "OPS"} {
		s.linear.teams[key] = s.linear.AddTeam(lineartest.Team{Key: key, Name: key}).ID
	}
	a, below := s.linear.Agent(), filepath.Join(s.Dir, ".world")
	for name, secret := range map[string]string{"linear-client": a.ClientSecret, "linear-webhook": a.WebhookSecret} {
		if err := os.WriteFile(filepath.Join(below, name), []byte(secret), 0o600); err != nil {
			return err
		}
	}
	repositories := `[{"repository": "acme/web", "teams": ["WEB"]}]`
	if len(args) > 0 {
		repositories = args[0]
	}
	s.ts.Setenv("LENA", s.linear.people["lena"])
	s.settings = Settings{
		"linear.client_id": a.ClientID, "linear.client_secret_file": filepath.Join(below, "linear-client"),
		"linear.webhook_secret_file": filepath.Join(below, "linear-webhook"), "linear.api_url": s.linear.URL, "linear.repositories": repositories,
	}
	return nil
}

// commandLinear is what happens in Linear; see the README.
func commandLinear(s *stage, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "[") {
		return openLinear(s, args)
	}
	act := map[string]struct {
		least, most int
		do          func(*stage, []string) error
	}{
		"issue": {2, 3, linearIssue}, "delegate": {2, 2, linearDelegate}, "mention": {3, 3, linearMention}, "say": {2, 2, linearSay}, "stop": {1, 1, linearStop},
		"await": {1, 2, linearAwait}, "show": {0, 0, linearShow}, "count": {2, 2, linearCount}, "fault": {2, 4, linearFault}, "heal": {0, 0, linearHeal}, "once": {0, 0, linearOnce},
		"issue-edited": {3, 3, linearEdit},
	}[args[0]]
	if act.do == nil {
		return fmt.Errorf("nothing of that kind happens in Linear: %s", args[0])
	}
	if err := words(args[1:], act.least, act.most, "linear "+args[0]+" …; see the README"); err != nil {
		return err
	}
	return act.do(s, args[1:])
}

// heard waits until the server has taken what was done.
func (s *stage) heard(err error) error {
	if err != nil {
		return err
	}
	return s.linear.Settle(s.ctx)
}

func linearIssue(s *stage, args []string) error {
	i := lineartest.Issue{Team: s.linear.teams[args[0]], Title: args[1], Creator: s.linear.people["mona"]}
	if len(args) == 3 {
		i.Description = text(s, args[2])
	}
	s.linear.AddIssue(i)
	return nil
}

func linearEdit(s *stage, args []string) error {
	return s.heard(s.linear.Edit(s.linear.people[args[0]], args[1], "Edited", args[2]))
}

func linearDelegate(s *stage, args []string) error {
	_, err := s.linear.Delegate(s.linear.people[args[0]], args[1])
	return s.heard(err)
}

func linearMention(s *stage, args []string) error {
	_, err := s.linear.Mention(s.linear.people[args[0]], args[1], text(s, args[2]))
	return s.heard(err)
}

// session is the one that began last.
func (s *stage) session() (lineartest.AgentSession, error) {
	all := s.linear.Sessions()
	if len(all) == 0 {
		return lineartest.AgentSession{}, errors.New("no session has begun")
	}
	return all[len(all)-1], nil
}

func linearSay(s *stage, args []string) error {
	session, err := s.session()
	if err != nil {
		return err
	}
	return s.heard(s.linear.Prompt(s.linear.people[args[0]], session.ID, text(s, args[1])))
}

func linearStop(s *stage, args []string) error {
	session, err := s.session()
	if err != nil {
		return err
	}
	return s.heard(s.linear.Stop(s.linear.people[args[0]], session.ID))
}

// linearAwait waits for the newest session's status, and for words of its last activity.
func linearAwait(s *stage, args []string) error {
	return Await(s.ctx, func() error {
		session, err := s.session()
		if err != nil {
			return err
		}
		last := ""
		if n := len(session.Activities); n > 0 {
			last = session.Activities[n-1].Body + session.Activities[n-1].Action
		}
		if session.Status != args[0] || len(args) == 2 && !strings.Contains(last, args[1]) {
			return fmt.Errorf("the session is %s: %q", session.Status, last)
		}
		return nil
	})
}

// linearShow prints the newest session, with the state of its issue.
func linearShow(s *stage, args []string) error {
	session, err := s.session()
	if err != nil {
		return err
	}
	out := s.ts.Stdout()
	for _, a := range session.Activities {
		fmt.Fprintf(out, "%s: %s%s %s %s\n", a.Type, a.Body, a.Action, a.Parameter, a.SignalMetadata)
	}
	for _, u := range session.ExternalURLs {
		fmt.Fprintf(out, "link: %s %s\n", u.Label, u.URL)
	}
	fmt.Fprintf(out, "plan: %s\nissue: %s\n", session.Plan, s.linear.StateOf(session.Issue).Name)
	return nil
}

// linearCount counts activities of the newest session by their type.
func linearCount(s *stage, args []string) error {
	session, err := s.session()
	if err != nil {
		return err
	}
	n := 0
	for _, a := range session.Activities {
		if a.Type == args[0] {
			n++
		}
	}
	if strconv.Itoa(n) != args[1] {
		return fmt.Errorf("%d activities are a %s: %+v", n, args[0], session.Activities)
	}
	return nil
}

// linearOnce checks that nothing stands twice in the newest session.
func linearOnce(s *stage, args []string) error {
	session, err := s.session()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, a := range session.Activities {
		said := a.Type + ": " + a.Body + a.Action
		if seen[said] && a.Type != "prompt" {
			return fmt.Errorf("it was said twice: %s", said)
		}
		seen[said] = true
	}
	return nil
}

// linearFault FIELD DO [times=N] [status=N]
func linearFault(s *stage, args []string) error {
	f := lineartest.Fault{Path: "/graphql/" + args[0], Do: simulated.Do(args[1]), Status: 503}
	if args[0] == "all" {
		f.Path = "/**"
	}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(value)
		if err != nil || !slices.Contains([]string{"times", "status"}, key) {
			return fmt.Errorf("a fault in Linear has no %s", arg)
		}
		if key == "times" {
			f.Times = n
		} else {
			f.Status = n
		}
	}
	s.linear.SetFault(f)
	return nil
}

func linearHeal(s *stage, args []string) error {
	s.linear.ClearFaults()
	return nil
}
