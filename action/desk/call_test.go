package desk

import (
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// What a call of an agent's may not ask for where there is no server: the same as where
// there is one.
func TestCallsThatDoNotGoOut(t *testing.T) {
	t.Parallel()
	m := newModels(runapi.Provider{Models: []string{"large"}}, "key")
	for name, test := range map[string]struct{ body, code string }{
		"another model":                  {`{"model":"huge"}`, codeModel},
		"no model":                       {`{"input":"x"}`, codeModel},
		"two models":                     {`{"model":"huge","model":"large"}`, codeAsked},
		"a model in other letters":       {`{"model":"large","Model":"huge"}`, codeAsked},
		"the right one in other letters": {`{"model":"huge","Model":"large"}`, codeModel},
		"an escaped name":                {`{"model":"large","mod\u0065l":"huge"}`, codeAsked},
		"not an object":                  {`[]`, codeAsked},
		"two objects":                    {`{"model":"large"}{}`, codeAsked},
		"a tool of the provider's":       {`{"model":"large","tools":[{"type":"web_search"}]}`, codeAsked},
		"tools in two spellings":         {`{"model":"large","tools":[{"type":"web_search"}],"Tools":[]}`, codeAsked},
		"a tool of two types":            {`{"model":"large","tools":[{"type":"web_search","Type":"function"}]}`, codeAsked},
		"a tool in a namespace":          {`{"model":"large","tools":[{"type":"namespace","tools":[{"type":"web_search"}]}]}`, codeAsked},
		"tools that are none":            {`{"model":"large","tools":{"type":"web_search"}}`, codeAsked},
		"servers to connect to":          {`{"model":"large","mcp_servers":[{"url":"https://evil.example"}]}`, codeAsked},
		"its search":                     {`{"model":"large","web_search_options":{}}`, codeAsked},
		"another's conversation":         {`{"model":"large","previous_response_id":"resp_1"}`, codeAsked},
		"without being metered":          {`{"model":"large","background":true}`, codeAsked},
		"a picture at an address":        {`{"model":"large","input":[{"content":[{"image_url":"https://evil.example"}]}]}`, codeAsked},
		"the same for Chat":              {`{"model":"large","messages":[{"content":[{"image_url":{"url":"https://evil.example"}}]}]}`, codeAsked},
		"the same for Messages":          {`{"model":"large","messages":[{"content":[{"source":{"type":"url","url":"https://evil.example"}}]}]}`, codeAsked},
		"a file of somebody's":           {`{"model":"large","input":[{"file_id":"file-1"}]}`, codeAsked},
		"its own tools":                  {`{"model":"large","tools":[{"type":"function"},{"type":"bash_20250124"},{"name":"mine"}],"service_tier":"auto","mcp_servers":[],"previous_response_id":null}`, ""},
		"pictures with their bytes":      {`{"model":"large","input":[{"image_url":"data:image/png;base64,AA=="},{"source":{"type":"base64"}}]}`, ""},
		"an argument that is an address": {`{"model":"large","messages":[{"content":[{"type":"tool_use","input":{"image_url":"https://a.example","file_id":"1"}}]}]}`, ""},
	} {
		code, what := m.check([]byte(test.body))
		if code != test.code || (code != "") != strings.HasSuffix(what, ".") {
			t.Errorf("%s: %q %q, want %q", name, code, what, test.code)
		}
	}
}
