package intake

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/linear"
)

func linearRead(t *testing.T, text string) linearEvent {
	t.Helper()
	var e linearEvent
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// The agent's name and /anvil before what is said are no part of it.
func TestLinearWords(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"@anvil fix it": "fix it",
		"[@anvil](https://linear.app/x/profiles/a) fix it": "fix it",
		"@anvil: fix it\n\nand test it":                    "fix it\n\nand test it",
		"/anvil fix it":                                    "fix it",
		"@anvil /anvil fix it":                             "fix it",
		"fix @mona's bug":                                  "fix @mona's bug",
		"/anvilish":                                        "/anvilish",
		"@anvil":                                           "",
	} {
		body, _ := json.Marshal(said)
		e := linearRead(t, fmt.Sprintf(`{"action":"created","agentSession":{"id":"s","creator":{"id":"u"},"comment":{"id":"c","body":%s,"userId":"u"},"issue":{"title":"T","description":"D"}}}`, body))
		asked := e.asked()
		if asked.Words != want || asked.Title != "T" || asked.Text != "D" {
			t.Errorf("%q is heard as %q", said, asked.Words)
		}
		if o := e.origin(); (o.Message == "") != (want == "") || o.Person != "u" || o.Thread != "s" {
			t.Errorf("%q has the origin %+v", said, o)
		}
	}
}

// Whose words they are, and who made them count, is one person.
func TestLinearPerson(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"action":"created","agentSession":{"creator":{"id":"u"}}}`:                                                       "u",
		`{"action":"created","agentSession":{"creator":null}}`:                                                             "",
		`{"action":"created","agentSession":{"creator":{"id":"u"},"comment":{"id":"c","userId":"u"}}}`:                     "u",
		`{"action":"created","agentSession":{"creator":{"id":"u"},"comment":{"id":"c","userId":"v"}}}`:                     "",
		`{"action":"created","agentSession":{"creator":{"id":"u"},"comment":{"id":"c","userId":null}}}`:                    "",
		`{"action":"prompted","agentSession":{"creator":{"id":"u"}},"agentActivity":{"userId":"v"}}`:                       "v",
		`{"action":"prompted","agentSession":{"creator":{"id":"u"},"comment":{"id":"c","userId":"u"}},"agentActivity":{}}`: "",
	} {
		if got := linearRead(t, text).person(); got != want {
			t.Errorf("%s is by %q, not %q", text, got, want)
		}
	}
}

func TestLinearRepository(t *testing.T) {
	t.Parallel()
	l := &Linear{Repositories: []LinearRepository{
		{Name: "acme/web", Projects: []string{"Site"}, Teams: []string{"WEB"}}, {Name: "acme/api", Teams: []string{"API", "WEB"}}, {Name: "acme/docs", Projects: []string{"Site"}},
	}}
	for name, c := range map[string]struct {
		issue linear.Issue
		want  []string
		sure  bool
	}{
		"by team":                  {linear.Issue{Team: linear.Team{Key: "API"}}, []string{"acme/api"}, true},
		"two of a team":            {linear.Issue{Team: linear.Team{Key: "WEB"}}, []string{"acme/web", "acme/api"}, false},
		"project before team":      {linear.Issue{Project: "Site", Team: linear.Team{Key: "API"}}, []string{"acme/web", "acme/docs"}, false},
		"a project without a rule": {linear.Issue{Project: "Other", Team: linear.Team{Key: "API"}}, []string{"acme/api"}, true},
		"nothing fits":             {linear.Issue{Team: linear.Team{Key: "OPS"}}, []string{"acme/web", "acme/api", "acme/docs"}, false},
	} {
		if got, sure := l.fitting(c.issue); !slices.Equal(got, c.want) || sure != c.sure {
			t.Errorf("%s: %v, %v", name, got, sure)
		}
	}
	one := &Linear{Repositories: []LinearRepository{{Name: "acme/web"}}}
	if _, sure := one.fitting(linear.Issue{Team: linear.Team{Key: "WEB"}}); sure {
		t.Error("the only repository is taken without a rule that names it")
	}
}

func TestLinearPicked(t *testing.T) {
	t.Parallel()
	from := []string{"acme/web", "acme/api", "other/api"}
	for answer, want := range map[string][]string{
		"acme/web": {"acme/web"}, "ACME/Web": {"acme/web"}, " `acme/web` ": {"acme/web"}, "web": {"acme/web"}, "https://github.com/acme/api": {"acme/api"},
		"https://github.com/acme/api.git": {"acme/api"}, "https://github.com/acme/api/": {"acme/api"}, "api": {"acme/api", "other/api"},
		"webs": nil, "the web": nil, "": nil, "evil/acme": nil, "acme": nil,
	} {
		if got := picked(from, answer); !slices.Equal(got, want) {
			t.Errorf("%q picks %v", answer, got)
		}
	}
}
