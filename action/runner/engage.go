package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// engage lets the agent work, and returns when nothing of it runs any more.
func (j *job) engage(work context.Context, w *workspace.Workspace) (agent.Answer, error) {
	kind := j.assignment.Engine.Kind
	engine, ok := agent.Engines()[kind]
	if !ok {
		return agent.Answer{}, &runapi.Error{
			Code: agent.CodeUnknown, What: fmt.Sprintf("This runner (%s) has no engine of the kind %q.", j.Version, kind),
			Next: "Update the action, or configure an engine of another kind.",
		}
	}
	program, err := engine.Find(j.assignment.Engine, j.Environ)
	if err != nil {
		return agent.Answer{}, err
	}
	c, err := j.surround(w, "agent", w.Tree(), w.Beside(), program.Needs, j.assignment.Engine.PassEnv)
	if err != nil {
		return agent.Answer{}, err
	}
	defer func() { _ = c.Close() }()
	home := c.home
	env, closeNetwork, err := j.network(c, home, c.env)
	if err != nil {
		return agent.Answer{}, err
	}
	defer closeNetwork()
	got := j.resume(work, w, engine, home)
	j.saver = newSaver(j, w, home, engine, got)
	task := agent.Work{
		Engine:  j.assignment.Engine,
		Program: program,
		Prompt:  j.prompt(got),
		Resume:  got.reference,
		Tree:    w.Tree(),
		Home:    home,
		Env:     env,
		Confine: c,
		Grace:   grace,
	}
	if task.Instructions, err = j.instructions(work, w); err != nil {
		return agent.Answer{}, err
	}
	closeServices, err := j.serve(&task, c)
	if err != nil {
		return agent.Answer{}, err
	}
	defer closeServices()
	limited, cancel := context.WithTimeoutCause(work, j.limits().work, errWorkLimit)
	defer cancel()
	stream := redact.NewWriter(j.secrets, j.stream())
	defer func() { _ = stream.Close() }()
	task.Raw = stream
	turn, err := engine.Start(limited, task)
	if err != nil {
		return agent.Answer{}, err
	}
	stopSaving := j.saveWhile(work)
	for e := range turn.Events() {
		j.witness(e)
	}
	answer, err := turn.Wait()
	stopSaving()
	j.saver.refer(answer.Resume, answer.Version)
	switch {
	case haltOf(work) != nil:
		return answer, haltOf(work)
	case errors.Is(context.Cause(limited), errWorkLimit):
		return answer, &runapi.Error{
			Code: agent.CodeTimeout, What: fmt.Sprintf("The engine was ended after %s.", j.limits().work),
			Next: "Ask for less at once, or raise the limit in the server's configuration.",
		}
	}
	return answer, err
}

// witness passes on what the agent did: to the log and to the journal.
func (j *job) witness(e agent.Event) {
	text := j.fit(e.Text, maxText)
	data := j.safeJSON(e.Data)
	switch e.Kind {
	case agent.KindReference:
		j.saver.refer(j.fit(e.Text, 200), "")
		return
	case runapi.KindUsage:
	case runapi.KindCommand:
		j.log.Quote("$ " + text)
		var c struct {
			Exit   int    `json:"exit"`
			Output string `json:"output"`
		}
		if json.Unmarshal(data, &c) == nil && strings.TrimSpace(c.Output) != "" {
			j.log.Quote(c.Output)
		}
		if c.Exit != 0 {
			j.log.Quote(fmt.Sprintf("exit code %d", c.Exit))
		}
	case runapi.KindFileChange:
		j.log.Quote("changed " + text)
	default:
		j.log.Quote(text)
	}
	j.journal.quote(e.Kind, text, data)
}
