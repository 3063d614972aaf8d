package apptest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the database driver "sqlite"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Record reads a server's database from outside. It never writes, and works
// whether the server is alive or not.
type Record struct{ dataDir string }

// Task is a task as it stands in the record.
type Task struct {
	ID      anvil.TaskID
	Issue   int
	Branch  string
	Run     anvil.RunID
	State   anvil.State // of the latest attempt
	Attempt int
	Problem *anvil.Problem
	Told    bool // people have been shown this state
}

func (r Record) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	// One connection for each question: one that stays would keep the server from
	// cleaning up behind itself when it ends.
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.Join(r.dataDir, "anvil.db")}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Tasks lists the tasks in the order in which they were opened.
func (r Record) Tasks(ctx context.Context) ([]Task, error) {
	var all []Task
	err := r.query(ctx, func(rows *sql.Rows) error {
		var t Task
		var problem string
		if err := rows.Scan(&t.ID, &t.Issue, &t.Branch, &t.Run, &t.State, &t.Attempt, &problem, &t.Told); err != nil {
			return err
		}
		if problem != "" {
			t.Problem = &anvil.Problem{}
			if err := json.Unmarshal([]byte(problem), t.Problem); err != nil {
				return err
			}
		}
		all = append(all, t)
		return nil
	}, `SELECT t.id, s.issue, s.branch, r.id, r.state, r.attempt, r.problem, t.told >= t.version
		FROM tasks t JOIN sessions s ON s.id = t.session_id JOIN runs r ON r.task_id = t.id
		WHERE r.attempt = (SELECT max(attempt) FROM runs WHERE task_id = t.id)
		ORDER BY t.created_at, t.id`)
	if err != nil {
		return nil, fmt.Errorf("read tasks: %w", err)
	}
	return all, nil
}

// Ruling returns what was decided about a delivery; pending if it is not known.
func (r Record) Ruling(ctx context.Context, guid string) (decision anvil.Decision, reason string, err error) {
	decision = anvil.Pending
	err = r.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&decision, &reason) },
		`SELECT decision, reason FROM deliveries WHERE id = $1`, guid)
	return decision, reason, err
}

// Intact checks the database file itself.
func (r Record) Intact(ctx context.Context) error {
	return r.query(ctx, func(rows *sql.Rows) error {
		var said string
		if err := rows.Scan(&said); err != nil {
			return err
		}
		if said != "ok" {
			return fmt.Errorf("the database is damaged: %s", said)
		}
		return nil
	}, `PRAGMA integrity_check`)
}
