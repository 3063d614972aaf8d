package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Answer gives the question of a waiting run a person's answer: the answer on the
// run, the run's end, the next attempt, and the decision on the delivery that
// brought it with its reply, in one transaction. Asked again with the same
// delivery, it does nothing. A run that does not wait any more is an
// [*anvil.MoveError].
func (s *Store) Answer(ctx context.Context, id anvil.RunID, delivery anvil.DeliveryID, text string, by anvil.Actor, reply *anvil.Reply) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("answer run %s: %w", id, err)
	}
	defer tx.Rollback()
	next := []anvil.Job{{Hop: anvil.HopReply, Key: string(delivery)}}
	errBefore := errors.New("answered before")
	run, err := s.move(ctx, tx, id, anvil.Answered, func(r *anvil.Run) error {
		if r.Question != nil && r.Question.Delivery == delivery {
			return errBefore
		}
		if r.State != anvil.Waiting || r.Question == nil {
			return &anvil.MoveError{Run: id, From: r.State, To: anvil.Answered}
		}
		answered := *r.Question
		answered.Answer, answered.Answerer, answered.Delivery, answered.AnsweredAt = text, by, delivery, s.now()
		r.Question = &answered
		return nil
	}, &next)
	if errors.Is(err, errBefore) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.decide(ctx, tx, delivery, anvil.Ruling{Decision: anvil.Accepted, Task: run.Task, Reply: reply}); err != nil {
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
