package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const sessionColumns = `
	sessions.id, sessions.issue, sessions.ordinal, sessions.branch, sessions.pull_request, sessions.created_at,
	repositories.id, repositories.installation_id, repositories.owner, repositories.name, repositories.default_branch, repositories.private`

const sessionTables = `sessions JOIN repositories ON repositories.id = sessions.repository_id`

func scanSession(r scanner) (anvil.Session, error) {
	var v anvil.Session
	var created int64
	err := r.Scan(&v.ID, &v.Issue, &v.Ordinal, &v.Branch, &v.PullRequest, &created,
		&v.Repository.ID, &v.Repository.Installation, &v.Repository.Owner, &v.Repository.Name, &v.Repository.DefaultBranch, &v.Repository.Private)
	v.CreatedAt = fromMicros(created)
	return v, err
}

// CurrentSession returns the latest session of an issue, or [anvil.ErrNotFound].
// The number of the session's own pull request counts as the thread too.
func (s *Store) CurrentSession(ctx context.Context, repository int64, number int) (anvil.Session, error) {
	v, err := currentSession(ctx, s.db, repository, number)
	if err != nil {
		return v, fmt.Errorf("session of %d#%d: %w", repository, number, err)
	}
	return v, nil
}

func currentSession(ctx context.Context, q querier, repository int64, number int) (anvil.Session, error) {
	v, err := scanSession(q.QueryRowContext(ctx, `SELECT `+sessionColumns+` FROM `+sessionTables+`
		WHERE sessions.repository_id = $1 AND (sessions.issue = $2 OR sessions.pull_request = $2)
		ORDER BY sessions.ordinal DESC LIMIT 1`, repository, number))
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	return v, err
}

func sessionByID(ctx context.Context, q querier, id anvil.SessionID) (anvil.Session, error) {
	v, err := scanSession(q.QueryRowContext(ctx, `SELECT `+sessionColumns+` FROM `+sessionTables+` WHERE sessions.id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	return v, err
}

// openSession makes the next session of a thread. The slug of the title gives
// the branch a name that people recognise.
func (s *Store) openSession(ctx context.Context, tx *sql.Tx, thread anvil.Thread, onto string) (anvil.Session, error) {
	v := anvil.Session{
		ID:         anvil.NewSessionID(),
		Repository: thread.Repository,
		Issue:      thread.Issue,
		Ordinal:    1,
		CreatedAt:  s.now(),
	}
	last, err := currentSession(ctx, tx, thread.Repository.ID, thread.Issue)
	if err == nil {
		v.Ordinal = last.Ordinal + 1
	} else if !errors.Is(err, anvil.ErrNotFound) {
		return v, err
	}
	v.Branch = fmt.Sprintf("anvil/%d-%s", thread.Issue, anvil.Slug(thread.Title))
	if thread.Issue < 0 {
		v.Branch = fmt.Sprintf("anvil/%s-%s", strings.ToLower(string(v.ID)), anvil.Slug(thread.Title))
	}
	if v.Ordinal > 1 { // a slug has no full stop, so no other title of the issue gives this name
		v.Branch = fmt.Sprintf("%s.%d", v.Branch, v.Ordinal)
	}
	if onto != "" {
		var taken bool // by a session that began it; this one then has a branch of its own
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sessions WHERE repository_id = $1 AND branch = $2)`, v.Repository.ID, onto).Scan(&taken); err != nil {
			return v, err
		}
		if !taken {
			v.Branch, v.PullRequest = onto, thread.Issue
		}
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO sessions (id, repository_id, issue, ordinal, branch, pull_request, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		v.ID, v.Repository.ID, v.Issue, v.Ordinal, v.Branch, v.PullRequest, micros(v.CreatedAt))
	return v, err
}

// SetPullRequest records the session's pull request, once.
func (s *Store) SetPullRequest(ctx context.Context, id anvil.SessionID, number int) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET pull_request = $1 WHERE id = $2 AND pull_request = 0`, number, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("set pull request of session %s: %w", id, err)
	}
	return nil
}
