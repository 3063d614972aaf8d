package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Caller returns the run with the given id and all that it belongs to, or
// [anvil.ErrNotFound].
func (s *Store) Caller(ctx context.Context, id anvil.RunID) (anvil.Caller, error) {
	var v anvil.Caller
	var err error
	if v.Run, err = runByID(ctx, s.db, id); err == nil {
		var text string
		err = s.db.QueryRowContext(ctx, `
			SELECT sessions.id, tasks.command, repositories.id, repositories.installation_id
			FROM tasks JOIN sessions ON sessions.id = tasks.session_id JOIN repositories ON repositories.id = sessions.repository_id
			WHERE tasks.id = $1`, v.Run.Task).Scan(&v.Session, &text, &v.Repository, &v.Installation)
		if command, wrong := fromJSON[anvil.Command](text); wrong != nil {
			err = errors.Join(err, wrong)
		} else if command != nil {
			v.User = command.Requester.ID
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return v, fmt.Errorf("read caller %s: %w", id, err)
	}
	return v, nil
}

const callColumns = `id, run_id, task_id, session_id, user_id, repository_id, installation_id, protocol, upstream, model,
	started_at, settled_at, state, code, input, cached, cache_write, output, reasoning, estimated, priced, cost_micros, reserved_micros`

// prepareCalls prepares what is executed for each model call: reading the text would
// cost SQLite more than the rows do.
func (s *Store) prepareCalls(ctx context.Context) (err error) {
	if s.saveCall, err = s.db.PrepareContext(ctx, `INSERT INTO model_calls (`+callColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
		ON CONFLICT (id) DO UPDATE SET upstream = excluded.upstream, model = excluded.model, settled_at = excluded.settled_at,
			state = excluded.state, code = excluded.code, input = excluded.input, cached = excluded.cached, cache_write = excluded.cache_write,
			output = excluded.output, reasoning = excluded.reasoning, estimated = excluded.estimated, priced = excluded.priced,
			cost_micros = excluded.cost_micros`); err != nil {
		return err
	}
	s.addSpent, err = s.db.PrepareContext(ctx, `
		INSERT INTO spending (scope, subject, day, cost_micros, tokens, calls) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (scope, subject, day) DO UPDATE
		SET cost_micros = spending.cost_micros + excluded.cost_micros, tokens = spending.tokens + excluded.tokens,
			calls = spending.calls + excluded.calls`)
	return err
}

// SaveCalls writes calls, new ones and those that went on since they were last
// written, and adds what those that have ended cost to the spending. A call that
// has ended is saved once.
func (s *Store) SaveCalls(ctx context.Context, calls []anvil.ModelCall) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		if err := s.saveCalls(ctx, tx, calls); err != nil {
			return err
		}
		return s.addSpending(ctx, tx, calls)
	})
	if err != nil {
		return fmt.Errorf("save %d model calls: %w", len(calls), err)
	}
	return nil
}

func (s *Store) saveCalls(ctx context.Context, tx *sql.Tx, calls []anvil.ModelCall) error {
	save := tx.StmtContext(ctx, s.saveCall)
	defer save.Close()
	for _, c := range calls {
		u := c.Usage
		if _, err := save.ExecContext(ctx, c.ID, c.Run, c.Task, c.Session, c.User, c.Repository, c.Installation, c.Protocol, c.Upstream, c.Model,
			micros(c.StartedAt), micros(c.SettledAt), c.State, c.Code, u.Input, u.Cached, u.CacheWrite, u.Output, u.Reasoning,
			c.Estimated, u.Unpriced == 0, u.CostMicros, c.ReservedMicros); err != nil {
			return err
		}
	}
	return nil
}

// addSpending adds what the calls that have ended cost, one row for each spender
// and day.
func (s *Store) addSpending(ctx context.Context, tx *sql.Tx, calls []anvil.ModelCall) error {
	type key struct {
		spender anvil.Spender
		day     int64
	}
	sums := map[key]anvil.Spent{}
	for _, c := range calls {
		spent := c.Spent()
		if c.State == anvil.CallReserved || spent == (anvil.Spent{}) {
			continue
		}
		for _, scope := range anvil.Scopes {
			k := key{c.Spender(scope), anvil.Day(c.StartedAt)}
			sum := sums[k]
			sum.Add(spent)
			sums[k] = sum
		}
	}
	add := tx.StmtContext(ctx, s.addSpent)
	defer add.Close()
	for k, sum := range sums {
		if _, err := add.ExecContext(ctx, k.spender.Scope, k.spender.Subject, k.day, sum.CostMicros, sum.Tokens, sum.Calls); err != nil {
			return err
		}
	}
	return nil
}

// SettleCutCalls ends the calls that a crash cut off: nobody will hear what they
// cost, so they count with all that was reserved for them.
func (s *Store) SettleCutCalls(ctx context.Context) error {
	cut, err := collect(ctx, s.db, scanCall, `SELECT `+callColumns+` FROM model_calls WHERE state = 'reserved'`)
	if err != nil {
		return fmt.Errorf("read cut model calls: %w", err)
	}
	if len(cut) == 0 {
		return nil
	}
	for i := range cut {
		c := &cut[i]
		c.State, c.Code, c.SettledAt, c.Estimated = anvil.CallFailed, "GW_RESTART", s.now(), true
		c.Usage.CostMicros = c.ReservedMicros
	}
	return s.SaveCalls(ctx, cut)
}

func scanCall(r scanner) (c anvil.ModelCall, err error) {
	var started, settled int64
	var priced bool
	u := &c.Usage
	err = r.Scan(&c.ID, &c.Run, &c.Task, &c.Session, &c.User, &c.Repository, &c.Installation, &c.Protocol, &c.Upstream, &c.Model,
		&started, &settled, &c.State, &c.Code, &u.Input, &u.Cached, &u.CacheWrite, &u.Output, &u.Reasoning,
		&c.Estimated, &priced, &u.CostMicros, &c.ReservedMicros)
	c.StartedAt, c.SettledAt = fromMicros(started), fromMicros(settled)
	if c.State != anvil.CallRefused {
		u.Calls = 1
	}
	if !priced {
		u.Unpriced = 1
	}
	return c, err
}

// Calls returns the model calls of a task, in order.
func (s *Store) Calls(ctx context.Context, task anvil.TaskID) ([]anvil.ModelCall, error) {
	calls, err := collect(ctx, s.db, scanCall, `SELECT `+callColumns+` FROM model_calls WHERE task_id = $1 ORDER BY id`, task)
	if err != nil {
		return nil, fmt.Errorf("read model calls of task %s: %w", task, err)
	}
	return calls, nil
}

// Spending returns what was spent on one day ([anvil.Day]), or on all days together if
// day is negative.
func (s *Store) Spending(ctx context.Context, who anvil.Spender, day int64) (v anvil.Spent, err error) {
	err = s.db.QueryRowContext(ctx, `
		SELECT COALESCE(SUM(cost_micros), 0), COALESCE(SUM(tokens), 0), COALESCE(SUM(calls), 0)
		FROM spending WHERE scope = $1 AND subject = $2 AND ($3 < 0 OR day = $3)`, who.Scope, who.Subject, day).
		Scan(&v.CostMicros, &v.Tokens, &v.Calls)
	if err != nil {
		return v, fmt.Errorf("read spending of %s %s: %w", who.Scope, who.Subject, err)
	}
	return v, nil
}

// usageOf sums the model calls of a task.
func usageOf(ctx context.Context, q querier, task anvil.TaskID) (u anvil.Usage, err error) {
	err = q.QueryRowContext(ctx, `
		SELECT COUNT(*), COALESCE(SUM(input), 0), COALESCE(SUM(cached), 0), COALESCE(SUM(cache_write), 0), COALESCE(SUM(output), 0),
			COALESCE(SUM(reasoning), 0), COALESCE(SUM(cost_micros), 0), COALESCE(SUM(CASE WHEN priced THEN 0 ELSE 1 END), 0)
		FROM model_calls WHERE task_id = $1 AND state <> 'refused'`, task).
		Scan(&u.Calls, &u.Input, &u.Cached, &u.CacheWrite, &u.Output, &u.Reasoning, &u.CostMicros, &u.Unpriced)
	return u, err
}
