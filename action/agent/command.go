package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Command is the engine for programs that follow the protocol in the package
// comment.
type Command struct{}

// Conversation is all that a program keeps in the directory "conversation" of its
// home.
func (Command) Conversation() []string { return []string{"conversation/**"} }

// Start starts the program that the assignment names.
func (Command) Start(ctx context.Context, w Work) (Turn, error) {
	env := slices.Clone(w.Env)
	for name, value := range map[string]string{
		"ANVIL_RESUME":    w.Resume,
		"ANVIL_TOOLS_URL": w.Tools.URL, "ANVIL_TOOLS_TOKEN": w.Tools.Token,
		"ANVIL_MODEL_URL": w.Model.URL, "ANVIL_MODEL_TOKEN": w.Model.Token,
	} {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	return begin(ctx, w, confine.Spec{Argv: w.inside(), Env: env, Stdin: strings.NewReader(w.Prompt)}, &commandReader{program: w.Engine.Command[0]})
}

// Find finds the program that the assignment names. It needs the files among its
// arguments too.
func (Command) Find(e runapi.Engine, env []string) (Program, error) {
	if len(e.Command) == 0 {
		return Program{}, &runapi.Error{
			Code: CodeMissing, What: fmt.Sprintf("The engine %q has no command.", e.Name),
			Next: "Set the engine's command in the server's configuration.",
		}
	}
	return find(e, e.Command, env)
}

// commandReader reads the command protocol.
type commandReader struct {
	program string
	answer  Answer
	message string
}

func (r *commandReader) line(line string) []Event {
	e, ok := parseLine(line)
	if !ok {
		return nil
	}
	switch e.Kind {
	case kindAnswer:
		r.answer.Text = e.Text
		return nil
	case kindResume:
		r.answer.Resume = e.Text
		e = Event{Kind: KindReference, Text: e.Text}
	case runapi.KindMessage:
		r.message = e.Text
	}
	return []Event{e}
}

func (r *commandReader) end(exit confine.Exit, said string) (Answer, error) {
	answer := r.answer
	if answer.Text == "" {
		answer.Text = r.message
	}
	if exit.Code == 0 {
		return answer, nil
	}
	return answer, badExit(r.program, exit, said)
}

// badExit is the problem of a program that ended badly and did not say why in its
// own protocol.
func badExit(program string, exit confine.Exit, said string) error {
	e := &runapi.Error{
		Code: CodeFailed, What: fmt.Sprintf("The engine's program %s ended with exit code %d.", program, exit.Code),
		Next: "Look at the run's log, then say /anvil retry.",
	}
	if exit.Limit != "" {
		e.What += " It, or something that it started, was over its limit of " + exit.Limit + "."
		e.Next = "Ask for less at once, or raise the limit under containment in the server's configuration."
	}
	if said != "" {
		e.What += " It last said: " + said
	}
	return e
}
