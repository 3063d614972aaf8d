package intake

import (
	"context"
	"errors"
	"reflect"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// respond takes a command as the answer to the question with which the thread's
// task waits, and reports whether there was one. Only words in a comment answer: a
// label says nothing.
func (d *Decider) respond(ctx context.Context, c anvil.Command) (anvil.Ruling, bool, error) {
	if c.Wordless() {
		return anvil.Ruling{}, false, nil
	}
	session, err := d.Store.CurrentSession(ctx, c.Thread.Repository.ID, c.Thread.Issue)
	if errors.Is(err, anvil.ErrNotFound) {
		return anvil.Ruling{}, false, nil
	}
	if err != nil {
		return anvil.Ruling{}, false, err
	}
	open, err := d.Store.OpenTasks(ctx, session.ID)
	if err != nil {
		return anvil.Ruling{}, false, err
	}
	for _, id := range open {
		story, err := d.Store.Story(ctx, id)
		if err != nil {
			return anvil.Ruling{}, false, err
		}
		run := story.Run()
		if run.State != anvil.Waiting {
			continue
		}
		reply := d.answer(c, "+1", "")
		if !reflect.ValueOf(c.Options).IsZero() {
			reply.Text = "This was taken as the answer to the agent's question. Options have no effect in an answer: the task goes on with its own."
		}
		err = d.Store.Answer(ctx, run.ID, anvil.Answering{Delivery: c.Delivery, Text: c.Prompt.Instruction, By: c.Requester, Reply: reply})
		var moved *anvil.MoveError
		if errors.As(err, &moved) {
			continue // answered, stopped or given up a moment ago
		}
		return anvil.Ruling{Decision: anvil.Accepted, Task: id}, true, err
	}
	return anvil.Ruling{}, false, nil
}
