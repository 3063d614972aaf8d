package gateway

import (
	"net/http"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// protocol is a way to speak to a model.
type protocol string

const (
	responses protocol = "responses" // OpenAI Responses
	chat      protocol = "chat"      // OpenAI Chat Completions
	messages  protocol = "messages"  // Anthropic Messages
	generate  protocol = "generate"  // Google generateContent
)

// route is what a path asks for.
type route struct {
	protocol protocol
	relay    string // what follows an upstream's base address, see below; empty: answered here
	model    string // that the path names; only generate's does
	stream   bool   // the path asks for a stream; only generate's does
	count    bool   // counts tokens only: costs nothing
	models   bool   // lists the models of the run
}

// below is what follows an upstream's base address, for a model as that calls it.
func (rt route) below(model string) string {
	if rt.protocol == generate {
		return "/models/" + model + rt.relay
	}
	return rt.relay
}

// routes are the paths that are served, by method and path as it was sent.
var routes = map[string]route{
	"POST v1/responses":             {protocol: responses, relay: "/responses"},
	"POST v1/chat/completions":      {protocol: chat, relay: "/chat/completions"},
	"POST v1/messages":              {protocol: messages, relay: "/messages"},
	"POST v1/messages/count_tokens": {protocol: messages, relay: "/messages/count_tokens", count: true},
	"GET v1/models":                 {models: true},
	// Claude Code asks these to see whether anybody is there.
	"HEAD ":          {protocol: messages},
	"GET ":           {protocol: messages},
	"HEAD api/hello": {protocol: messages},
	"GET api/hello":  {protocol: messages},
}

// The two parts of runapi.PathModel around the run's name.
var beforeRun, afterRun = func() (string, string) {
	before, rest, _ := strings.Cut(runapi.PathModel, "{run}")
	after, _, _ := strings.Cut(rest, "{path...}")
	return before, after
}()

// mine reports whether the request's target, as it was sent, is below a run's model
// path. What is not cleaned (two slashes, dots, escapes) stays as it is.
func mine(r *http.Request) (run anvil.RunID, rest string, ok bool) {
	target, found := strings.CutPrefix(r.RequestURI, beforeRun)
	if !found {
		return "", "", false
	}
	name, rest, found := strings.Cut(target, "/")
	if !found {
		return "", "", false
	}
	rest, found = strings.CutPrefix(rest, afterRun[1:])
	return anvil.RunID(name), rest, found
}

// routeOf finds what a path below a run's model path asks for. The query is not
// passed on: the one that is seen, ?beta=true, says nothing that the headers don't, and
// generateContent has a route of its own.
func routeOf(r *http.Request, rest string) (route, *refusal) {
	path, query, _ := strings.Cut(rest, "?")
	if found, ok := routes[r.Method+" "+path]; ok {
		if found.models && r.Header.Get("Anthropic-Version") != "" {
			found.protocol = messages
		}
		return found, nil
	}
	if strings.HasPrefix(path, "v1beta/") {
		return generateRoute(r.Method, path, query)
	}
	p := chat
	if r.Header.Get("Anthropic-Version") != "" || strings.HasPrefix(strings.TrimLeft(path, "/"), "v1/messages") {
		p = messages
	}
	return route{protocol: p}, refuse(http.StatusNotFound, CodePath, "this path is not relayed. Models answer at v1/responses, v1/chat/completions, v1/messages and v1beta/models/MODEL:generateContent.")
}
