package config

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/config/strict"
)

var (
	toolServerName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}$`)
	toolName       = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	headerName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
)

func (c *Config) checkTools(ps *Problems) {
	known := slices.Clone(OwnTools)
	var names []string
	for i, s := range c.Tools.Servers {
		at := fmt.Sprintf("tools.servers[%d]", i)
		if !toolServerName.MatchString(s.Name) || slices.Contains(names, s.Name) {
			ps.add(CodeTools, at+".name", "Give each a name of its own, of lower-case letters, digits and dashes", "%q is no name, or is taken", s.Name)
		}
		names = append(names, s.Name)
		if wrong := wrongToolServer(s); wrong != "" {
			ps.add(CodeTools, at+".url", "Write the address of an MCP server, such as https://tools.example.com/mcp", "%q %s", withoutUser(s.URL), wrong)
		}
		if len(s.Tools) == 0 {
			ps.add(CodeTools, at+".tools", "List the tools that agents may use", "missing")
		}
		for _, t := range s.Tools {
			if !toolName.MatchString(t) {
				ps.add(CodeTools, at+".tools", "Use the name that the server has for it", "%q is not a tool's name", t)
			}
			if name := s.Name + "_" + t; slices.Contains(OwnTools, name) {
				ps.add(CodeTools, at+".name", "Give the server another name", "%q is a tool of this server's own, which one of yours would stand for", name)
			}
			known = append(known, s.Name+"_"+t)
		}
		for n, h := range s.Headers {
			if !headerName.MatchString(h.Header) {
				ps.add(CodeTools, fmt.Sprintf("%s.headers[%d].header", at, n), "Write the name of a header, such as Authorization", "%q is not one", shown(h.Header))
			}
			oneSource(ps, CodeTools, fmt.Sprintf("%s.headers[%d].value", at, n), h.ValueFile, h.ValueEnv)
		}
	}
	for name, n := range c.Tools.Quotas {
		if !slices.Contains(known, name) {
			next := "Use one of: " + strings.Join(known, ", ")
			if near := strict.Nearest(name, known); near != "" {
				next = "Did you mean " + near + "? " + next
			}
			ps.add(CodeTools, "tools.quotas."+name, next, "there is no tool of this name")
		}
		count(ps, "tools.quotas."+name, int64(n), 0, 100_000)
	}
}

// wrongToolServer says what keeps a server's address from being asked, or "".
func wrongToolServer(s ToolServer) string {
	if u, err := url.Parse(s.URL); err == nil && u.Scheme == "http" && len(s.Headers) == 0 {
		u.Scheme = "https" // there is no secret that could be overheard
		return wrongURL(u.String(), true)
	}
	return wrongURL(s.URL, true)
}

// ToolHeaders returns the headers of a tool server by its place in the list.
func (c *Config) ToolHeaders(i int) (map[string]string, error) {
	headers := map[string]string{}
	for n, h := range c.Tools.Servers[i].Headers {
		path := fmt.Sprintf("tools.servers[%d].headers[%d].value", i, n)
		text, problem := read(h.ValueFile, h.ValueEnv, path, CodeTools, CodeSecretMode)
		if problem != nil {
			return nil, problem
		}
		text = bytes.TrimSpace(text)
		if len(text) == 0 || bytes.ContainsAny(text, "\r\n\x00") {
			return nil, &Problem{Code: CodeTools, Path: path, What: "the value is empty, or has more than one line", Next: "Put the header's whole value there, on one line"}
		}
		headers[h.Header] = string(text)
	}
	return headers, nil
}
