package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// call is a call of a method.
type call struct {
	*Server
	args url.Values
	app  bool // by the app-level token
}

// failure is an answer that is not ok.
type failure struct {
	code   string
	fields obj
	after  int // seconds of Retry-After, with status 429
}

func (f *failure) Error() string { return f.code }

func fail(code string) error { return &failure{code: code} }

// method is one method of the Web API. It is called with the server's lock held.
type method struct {
	do func(*call) (obj, error)
	// scopes are those of which the bot token needs one; app means the app-level token.
	scopes []string
	app    bool
}

func methods() map[string]method {
	return map[string]method{
		"api.test":                     {do: func(c *call) (obj, error) { return obj{}, nil }},
		"auth.test":                    {do: authTest},
		"apps.connections.open":        {do: openConnection, app: true},
		"bots.info":                    {do: botsInfo, scopes: []string{"users:read"}},
		"chat.postMessage":             {do: postMessage, scopes: []string{"chat:write"}},
		"chat.postEphemeral":           {do: postEphemeral, scopes: []string{"chat:write"}},
		"chat.update":                  {do: updateMessage, scopes: []string{"chat:write"}},
		"chat.delete":                  {do: deleteMessage, scopes: []string{"chat:write"}},
		"chat.getPermalink":            {do: permalink},
		"chat.startStream":             {do: startStream, scopes: []string{"chat:write"}},
		"chat.appendStream":            {do: appendStream, scopes: []string{"chat:write"}},
		"chat.stopStream":              {do: stopStream, scopes: []string{"chat:write"}},
		"conversations.info":           {do: conversationsInfo, scopes: []string{"channels:read", "groups:read", "im:read"}},
		"conversations.members":        {do: conversationsMembers, scopes: []string{"channels:read", "groups:read", "im:read"}},
		"conversations.history":        {do: conversationsHistory},
		"conversations.replies":        {do: conversationsReplies},
		"conversations.open":           {do: conversationsOpen, scopes: []string{"im:write"}},
		"users.info":                   {do: usersInfo, scopes: []string{"users:read"}},
		"reactions.add":                {do: addReaction, scopes: []string{"reactions:write"}},
		"reactions.remove":             {do: removeReaction, scopes: []string{"reactions:write"}},
		"agents.sessions.setStatus":    {do: setStatus, scopes: []string{"chat:write"}},
		"files.info":                   {do: filesInfo, scopes: []string{"files:read"}},
		"files.getUploadURLExternal":   {do: uploadURL, scopes: []string{"files:write"}},
		"files.completeUploadExternal": {do: completeUpload, scopes: []string{"files:write"}},
	}
}

// webAPI serves the methods.
func (s *Server) webAPI() http.Handler {
	table := methods()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/api/")
		m, known := table[name]
		if !known {
			s.answer(w, r, nil, fail("unknown_method"))
			return
		}
		args, err := arguments(r)
		if err != nil {
			s.answer(w, r, nil, fail("invalid_form_data"))
			return
		}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token == "" {
			token = args.Get("token")
		}
		args.Del("token")
		s.ledger.Note(r, func(e *Entry) { e.Form = args })
		answer, err := s.call(r, m, token, args)
		s.answer(w, r, answer, err)
	})
}

func (s *Server) call(r *http.Request, m method, token string, args url.Values) (obj, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{Server: s, args: args}
	switch {
	case token == "":
		return nil, fail("not_authed")
	case s.app.revoked != "":
		return nil, fail(s.app.revoked)
	case token == s.app.AppToken:
		c.app = true
		s.ledger.Note(r, func(e *simulated.Entry) { e.Actor = "app" })
	case token == s.app.BotToken:
		s.ledger.Note(r, func(e *simulated.Entry) { e.Actor = "bot" })
	default:
		return nil, fail("invalid_auth")
	}
	if m.app != c.app {
		return nil, fail("not_allowed_token_type")
	}
	if !m.app && !s.app.has(m.scopes...) {
		return nil, missingScope(s.app, m.scopes...)
	}
	return m.do(c)
}

// missingScope is the answer to a call that the token's scopes do not allow.
func missingScope(a App, needed ...string) error {
	return &failure{code: "missing_scope", fields: obj{"needed": strings.Join(needed, ","), "provided": strings.Join(a.Scopes, ",")}}
}

// arguments reads the arguments of a call, in any of the ways that Slack takes them.
func arguments(r *http.Request) (url.Values, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		if err := r.ParseMultipartForm(32 << 20); err != nil && err != http.ErrNotMultipart {
			return nil, err
		}
		return r.Form, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if len(body) > 0 { // a method without arguments may have no body
		if err := json.Unmarshal(body, &fields); err != nil {
			return nil, err
		}
	}
	args := url.Values{}
	for k, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		args.Set(k, text)
	}
	return args, nil
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, answer obj, err error) {
	status := http.StatusOK
	if err != nil {
		f, ok := err.(*failure)
		if !ok {
			f = &failure{code: "internal_error", fields: obj{"detail": err.Error()}}
		}
		answer = obj{"ok": false, "error": f.code}
		for k, v := range f.fields {
			answer[k] = v
		}
		if f.after > 0 {
			status = http.StatusTooManyRequests
			w.Header().Set("Retry-After", strconv.Itoa(f.after))
		}
		s.ledger.Note(r, func(e *Entry) { e.Error = f.code })
	} else {
		answer["ok"] = true
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(answer)
}

// flag reads a boolean argument.
func (c *call) flag(name string) bool {
	return slices.Contains([]string{"true", "1"}, c.args.Get(name))
}

// number reads a number within bounds.
func (c *call) number(name string, usual, most int) int {
	n, err := strconv.Atoi(c.args.Get(name))
	if err != nil || n <= 0 {
		return usual
	}
	return min(n, most)
}

func authTest(c *call) (obj, error) {
	return obj{"url": fmt.Sprintf("https://%s.slack.com/", c.team.Domain), "team": c.team.Name, "team_id": c.team.ID,
		"user": c.users[c.Server.app.BotUser].Name, "user_id": c.Server.app.BotUser, "bot_id": c.Server.app.BotID, "is_enterprise_install": false}, nil
}

func botsInfo(c *call) (obj, error) {
	if c.args.Get("bot") != c.Server.app.BotID {
		return nil, fail("bot_not_found")
	}
	a := c.Server.app
	return obj{"bot": obj{"id": a.BotID, "deleted": false, "name": a.Name, "app_id": a.ID, "user_id": a.BotUser}}, nil
}
