package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// engagement is the agent with all that it works with, through the turns of a run.
type engagement struct {
	job     *job
	engine  agent.Engine
	task    agent.Work
	stream  *redact.Writer
	left    time.Duration // of the engine's time, for all turns together
	closes  []func()      // what was opened, in order
	started func()        // is to be called once the engine runs
	running chan struct{} // closed then
}

// close ends what the agent was given. Nothing of the agent runs any more.
func (e *engagement) close() {
	for _, c := range slices.Backward(e.closes) {
		c()
	}
}

// findEngine finds the assignment's engine and its program, which is fetched if this
// machine lacks it and the operator has named no other.
func (j *job) findEngine(ctx context.Context) (err error) {
	kind := j.assignment.Engine.Kind
	var ok bool
	if j.engine, ok = agent.Engines()[kind]; !ok {
		return &runapi.Error{
			Code: agent.CodeUnknown, What: fmt.Sprintf("This runner (%s) has no engine of the kind %q.", j.Version, kind),
			Next: "Update the action, or configure an engine of another kind.",
		}
	}
	wanted := j.assignment.Engine
	j.program, err = j.engine.Find(wanted, j.Environ)
	if err == nil || len(wanted.Command) > 0 || !j.tools.Tools.Have(kind, wanted.Version) {
		return err
	}
	program, err := j.tools.Get(ctx, kind)
	if err != nil {
		return err
	}
	j.program, err = j.engine.Find(wanted, append(slices.Clone(j.Environ), "PATH="+filepath.Dir(program)))
	return err
}

// engage prepares everything for the agent. The engagement is to be closed, even if
// there is an error.
func (j *job) engage(work context.Context, w *workspace.Workspace) (*engagement, error) {
	e := &engagement{job: j, left: j.limits().work, running: make(chan struct{})}
	starting := j.spans.begin(runapi.SpanEngine)
	e.started = sync.OnceFunc(func() {
		starting()
		close(e.running)
	})
	e.engine = j.engine
	c, err := j.surround(w, "agent", w.Tree(), w.Beside(), j.program.Needs, j.assignment.Engine.PassEnv)
	if err != nil {
		return e, err
	}
	e.closes = append(e.closes, func() { _ = c.Close() })
	env, closeNetwork, err := j.network(c, c.home, c.env)
	if err != nil {
		return e, err
	}
	e.closes = append(e.closes, closeNetwork)
	got := j.resume(work, w, e.engine, c.home)
	j.saver = newSaver(j, w, c.home, e.engine, got)
	e.task = agent.Work{
		Engine:  j.assignment.Engine,
		Program: j.program,
		Prompt:  j.prompt(got),
		Resume:  got.reference,
		Tree:    w.Tree(),
		Home:    c.home,
		Env:     env,
		Confine: c,
		Grace:   grace,
	}
	if e.task.Instructions, err = j.instructions(work, w); err != nil {
		return e, err
	}
	if err := j.setup(work, c, env); err != nil {
		return e, err
	}
	closeServices, err := j.serve(&e.task, c)
	if err != nil {
		return e, err
	}
	e.stream = redact.NewWriter(j.secrets, j.stream())
	e.task.Raw = e.stream
	e.closes = append(e.closes, closeServices, func() { _ = e.stream.Close() })
	return e, nil
}

// turn lets the agent work, and returns when nothing of it runs any more.
func (e *engagement) turn(work context.Context) (agent.Answer, error) {
	j := e.job
	limited, cancel := context.WithTimeoutCause(work, e.left, errWorkLimit)
	defer cancel()
	start := time.Now()
	defer func() { e.left -= time.Since(start) }()
	j.spans.engineStarts()
	defer j.spans.begin(runapi.SpanWork)()
	turn, err := e.engine.Start(limited, e.task)
	if err != nil {
		return agent.Answer{}, err
	}
	e.started()
	stopSaving := j.saveWhile(work)
	for event := range turn.Events() {
		j.witness(event)
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
	case agent.KindVersion:
		if version := j.fit(e.Text, 200); j.saver.refer("", version) {
			j.journal.add(runapi.KindEngine, version, nil)
		}
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
