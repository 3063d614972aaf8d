package modeltest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// translate makes a step into a call of a tool that is offered. Where none is, it
// says so.
func translate(s Step, offers []offer) (*Call, string) {
	switch {
	case s.Shell != "":
		return shell(s.Shell, offers)
	case s.Write != nil:
		return write(*s.Write, offers)
	case s.Tool != nil:
		return mcp(*s.Tool, offers)
	}
	return plan(s.Plan, offers)
}

// find returns the first offer with one of the names.
func find(offers []offer, names ...string) *offer {
	for _, name := range names {
		if i := slices.IndexFunc(offers, func(o offer) bool { return o.Namespace == "" && o.Name == name }); i >= 0 {
			return &offers[i]
		}
	}
	return nil
}

// to makes a call with those of the arguments that the tool declares.
func to(o *offer, arguments map[string]any) *Call {
	for name := range arguments {
		if _, declared := o.Properties[name]; !declared {
			delete(arguments, name)
		}
	}
	text, err := json.Marshal(arguments)
	if err != nil {
		panic(err) // arguments come from YAML or from here, and have string keys
	}
	return &Call{Namespace: o.Namespace, Name: o.Name, Input: string(text)}
}

// shell runs a command line by the agent's own shell tool. Codex gives a command some
// seconds before it goes on without its end: it is asked for as long as it allows.
func shell(command string, offers []offer) (*Call, string) {
	o := find(offers, "exec_command", "shell_command", "shell", "Bash", "bash", "run_shell_command", "execute_command")
	if o == nil {
		return nil, "I have no tool to run a command with."
	}
	var value any = command
	if o.Properties["command"].Type == "array" {
		value = []string{"bash", "-c", command}
	}
	return to(o, map[string]any{
		"cmd": value, "command": value, "description": "Run a command", "yield_time_ms": 30_000,
	}), ""
}

// poll waits for the end of a command that Codex let run.
func poll(offers []offer, session int) *Call {
	o := find(offers, "write_stdin")
	if o == nil {
		o = &offer{Name: "write_stdin", Properties: map[string]property{"session_id": {}, "yield_time_ms": {}}}
	}
	return to(o, map[string]any{"session_id": session, "yield_time_ms": 300_000})
}

// write makes a new file: by the tool for it, as a patch, or through the shell.
func write(f File, offers []offer) (*Call, string) {
	content := f.Content
	if content != "" && !strings.HasSuffix(content, "\n") {
		content += "\n"
	}
	if o := find(offers, "Write", "write", "write_file", "create_file"); o != nil {
		return to(o, map[string]any{"file_path": f.Path, "filePath": f.Path, "path": f.Path, "content": content}), ""
	}
	patch := "*** Begin Patch\n*** Add File: " + f.Path + "\n"
	for line := range strings.Lines(content) {
		patch += "+" + line
	}
	patch += "*** End Patch\n"
	if o := find(offers, "apply_patch"); o != nil {
		if o.Freeform {
			return &Call{Name: o.Name, Freeform: true, Input: patch}, ""
		}
		return to(o, map[string]any{"input": patch}), ""
	}
	if find(offers, "exec_command", "shell_command", "shell") != nil { // Codex carries such a line out itself
		return shell("apply_patch <<'ANVIL_PATCH'\n"+patch+"ANVIL_PATCH", offers)
	}
	return shell(fmt.Sprintf("mkdir -p \"$(dirname '%[1]s')\" && cat > '%[1]s' <<'ANVIL_FILE'\n%[2]sANVIL_FILE", f.Path, content), offers)
}

// mcp calls a tool of an MCP server, by whichever of their names the agent gives it.
func mcp(t Tool, offers []offer) (*Call, string) {
	if t.Server == "" {
		t.Server = "anvil"
	}
	for i := range offers {
		o := &offers[i]
		switch {
		case o.Namespace == "mcp__"+t.Server && o.Name == t.Name,
			o.Namespace == "" && slices.Contains([]string{"mcp__" + t.Server + "__" + t.Name, t.Server + "_" + t.Name, t.Server + "__" + t.Name, "mcp_" + t.Server + "_" + t.Name}, o.Name):
			text, err := json.Marshal(t.Arguments)
			if err != nil {
				return nil, fmt.Sprintf("The arguments of %s are no JSON: %v.", t.Name, err)
			}
			return &Call{Namespace: o.Namespace, Name: o.Name, Input: string(text)}, ""
		}
	}
	return nil, fmt.Sprintf("The tool %s of the MCP server %s is not offered to me.", t.Name, t.Server)
}

// plan reports steps by the agent's own tool for it, or by Anvil's.
func plan(steps []string, offers []offer) (*Call, string) {
	status := func(i int) string {
		if i == 0 {
			return "in_progress"
		}
		return "pending"
	}
	if o := find(offers, "update_plan"); o != nil {
		var list []map[string]string
		for i, s := range steps {
			list = append(list, map[string]string{"step": s, "status": status(i)})
		}
		return to(o, map[string]any{"plan": list}), ""
	}
	if o := find(offers, "TodoWrite"); o != nil {
		var list []map[string]string
		for i, s := range steps {
			list = append(list, map[string]string{"content": s, "activeForm": s, "status": status(i)})
		}
		return to(o, map[string]any{"todos": list}), ""
	}
	if call, _ := mcp(Tool{Name: "report_plan", Arguments: map[string]any{"steps": steps}}, offers); call != nil {
		return call, ""
	}
	// The plan is written where it harms nothing, so that the script goes on.
	return shell("printf '%s\\n' "+quote(steps), offers)
}

func quote(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}
