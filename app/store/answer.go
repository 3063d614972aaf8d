package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Answer gives the question of a waiting run a person's answer: the answer on the
// run, the run's end, the next attempt, and the decision on the delivery that
// brought it with its reply, in one transaction. An answer that approves names the
// digest of the plan that was shown; where the run waits with another one, nothing
// happens and the error is [anvil.ErrNotFound]. Asked again with the same
// delivery, it does nothing. A run that does not wait any more is an
// [*anvil.MoveError].
func (s *Store) Answer(ctx context.Context, id anvil.RunID, a anvil.Answering) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("answer run %s: %w", id, err)
	}
	defer tx.Rollback()
	var next []anvil.Job
	if a.Delivery != "" {
		next = append(next, anvil.Job{Hop: anvil.HopReply, Key: string(a.Delivery)})
	}
	errBefore := errors.New("answered before")
	run, err := s.move(ctx, tx, id, anvil.Answered, func(r *anvil.Run) error {
		if r.Question != nil && r.Question.Answer != "" && r.Question.Delivery == a.Delivery {
			return errBefore
		}
		if r.State != anvil.Waiting || r.Question == nil {
			return &anvil.MoveError{Run: id, From: r.State, To: anvil.Answered}
		}
		if a.Approves != "" && a.Approves != r.Question.Plan {
			return anvil.ErrNotFound
		}
		answered := *r.Question
		answered.Answer, answered.Answerer, answered.Delivery, answered.AnsweredAt = a.Text, a.By, a.Delivery, s.now()
		answered.Approved = a.Approves != ""
		r.Question = &answered
		return nil
	}, &next)
	if errors.Is(err, errBefore) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.decide(ctx, tx, a.Delivery, anvil.Ruling{Decision: anvil.Accepted, Task: run.Task, Reply: a.Reply}); err != nil {
		return fmt.Errorf("answer run %s: %w", id, err)
	}
	if err := s.Queue.EnqueueTx(ctx, tx, next...); err != nil {
		return fmt.Errorf("answer run %s: enqueue: %w", id, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("answer run %s: %w", id, err)
	}
	s.log.Info("run moved", "run", id, "state", anvil.Answered)
	return nil
}
