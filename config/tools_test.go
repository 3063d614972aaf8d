package config

import (
	"strings"
	"testing"
)

// A tool server's secret comes from its own place, and is checked at the start.
func TestToolServers(t *testing.T) {
	path := place(t, least+`tools:
  quotas: {get_task: 3, docs_search: 1}
  servers:
    - {name: docs, url: "https://docs.example.com/mcp", tools: [search], headers: [{header: Authorization, value_env: ANVIL_TEST_DOCS}]}
`)
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "ANVIL_TEST_DOCS") {
		t.Errorf("without the variable: %v", err)
	}
	t.Setenv("ANVIL_TEST_DOCS", "Bearer x\n")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := c.ToolHeaders(0); err != nil || h["Authorization"] != "Bearer x" {
		t.Errorf("headers %v, %v", h, err)
	}
	for text, want := range map[string]string{
		"tools: {quotas: {get_tasks: 3}}":                                                                                           "Did you mean get_task?",
		"tools: {quotas: {get_task: -1}}":                                                                                           "out of range",
		"tools: {servers: [{name: Docs, url: 'https://a.example', tools: [a]}]}":                                                    `"Docs" is no name`,
		"tools: {servers: [{name: docs, url: 'ftp://a.example', tools: [a]}]}":                                                      "is not an https address",
		"tools: {servers: [{name: get, url: 'https://a.example', tools: [list, task]}]}":                                            `"get_task" is a tool of this server's own`,
		"tools: {servers: [{name: docs, url: 'https://a.example'}]}":                                                                "List the tools that agents may use",
		"tools: {servers: [{name: docs, url: 'http://a.example', tools: [a], headers: [{header: A, value_env: ANVIL_TEST_DOCS}]}]}": "tokens would travel unencrypted",
		"tools: {servers: [{name: docs, url: 'https://a.example', tools: [a], headers: [{header: A}]}]}":                            "missing",
	} {
		if _, err := Load(place(t, least+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
