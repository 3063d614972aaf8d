// Package store keeps the nouns of package anvil in a database, one file per
// noun, with SQL written by hand next to the function that uses it.
//
// Every method is one transaction (deliveries that come together share one), and what
// it is given to wake next is committed with it: after a crash either both are there
// or neither is. The
// database is SQLite with one connection, write-ahead log, full synchronisation
// and immediate transactions, so a transaction that reads and then writes sees
// nobody else in between.
//
// Times are microseconds since 1970 in BIGINT columns, 0 for none. Structs that
// are only ever read whole are JSON in TEXT columns.
package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the database driver "sqlite"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Enqueuer adds jobs to the queue inside a transaction. Package queue is one.
type Enqueuer interface {
	EnqueueTx(ctx context.Context, tx *sql.Tx, jobs ...anvil.Job) error
}

// Store is the database of one server.
type Store struct {
	db  *sql.DB
	log *slog.Logger
	now func() time.Time

	saveCall, addSpent *sql.Stmt
	arrivals           arrivals

	// Queue receives the jobs that are committed with a change. It is set once,
	// before the first write.
	Queue Enqueuer
	// Changed is told of each run that was moved or amended, once that is
	// committed. It must not block. It is set once, before the first write; nil:
	// nobody asks.
	Changed func(anvil.RunID)
	// Attempts is how many runs a task may have before a lost one ends it.
	Attempts int
	// Redact takes secrets out of a text before it becomes part of the audit trail;
	// nil: nothing that is written there can hold one. It is set once, before the
	// first write.
	Redact func(string) string
}

// Open opens or creates the database in directory dir and brings its schema up
// to date. It refuses an SQLite engine with known ways to lose a commit, and a
// place where the database cannot be made safe against a crash.
func Open(ctx context.Context, dir string, now func() time.Time, log *slog.Logger) (*Store, error) {
	path, err := filepath.Abs(filepath.Join(dir, "anvil.db"))
	if err != nil {
		return nil, notOpened(err)
	}
	// The file is made here, so that nobody else can read it; the log beside it
	// gets the same permissions from SQLite.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, notOpened(err)
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return nil, notOpened(err)
	}
	dsn := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String() +
		"?_txlock=immediate" +
		"&_pragma=busy_timeout(10000)" +
		"&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)" +
		"&_pragma=foreign_keys(ON)" +
		"&_pragma=secure_delete(ON)" + // what is deleted is overwritten, in the file as in its rows
		"&_pragma=temp_store(MEMORY)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, notOpened(err)
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db, log: log, now: now, Attempts: 2}
	if err := s.prepare(ctx); err != nil {
		db.Close()
		return nil, err
	}
	if err := s.prepareCalls(ctx); err != nil {
		db.Close()
		return nil, notOpened(err)
	}
	return s, nil
}

// Look opens the database in directory dir to read from it, while a server may be at
// work on it. It brings nothing up to date, and every write to it fails.
func Look(dir string, log *slog.Logger) (*Store, error) {
	db, err := readOnly(dir)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, log: log, now: time.Now}, nil
}

func readOnly(dir string) (*sql.DB, error) {
	path, err := filepath.Abs(filepath.Join(dir, "anvil.db"))
	if err != nil {
		return nil, notOpened(err)
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, notOpened(err)
	}
	return db, nil
}

func notOpened(cause error) error {
	return anvil.Problemf("DB_OPEN", "Check that the data directory is writable, on a local disk, and not full.",
		"the database could not be opened").Because(cause)
}

func (s *Store) prepare(ctx context.Context) error {
	var version, journal string
	var synchronous int
	if err := s.db.QueryRowContext(ctx, `SELECT sqlite_version(), journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous`).
		Scan(&version, &journal, &synchronous); err != nil {
		return notOpened(err)
	}
	if err := checkEngine(version); err != nil {
		return err
	}
	if journal != "wal" || synchronous < 2 { // SQLite falls back without a word where shared memory does not work
		return anvil.Problemf("DB_UNSAFE", "Put data_dir on a local disk.",
			"the database runs with journal mode %s and synchronisation %d there, and could lose data in a crash", journal, synchronous)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.db, files, goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return notOpened(fmt.Errorf("read schema version: %w", err))
	}
	if current > target {
		return anvil.Problemf("DB_NEWER", "Start the version of anvil that wrote it, or restore a backup made before the upgrade.",
			"the database has schema %d and this program knows up to %d", current, target)
	}
	if current == target {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return anvil.Problemf("DB_MIGRATE", "Make room on the disk and start again; nothing was changed. If it stays, restore a backup and report this.",
			"the database could not be brought from schema %d to %d", current, target).Because(err)
	}
	return nil
}

// checkEngine refuses SQLite versions with the WAL-reset bug (before 3.51.3)
// and the withdrawn 3.52.0.
func checkEngine(version string) error {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return fmt.Errorf("read SQLite version %q: %w", version, err)
	}
	number := major*1_000_000 + minor*1_000 + patch
	if number < 3_051_003 || number == 3_052_000 {
		return anvil.Problemf("DB_ENGINE", "Build anvil with the modernc.org/sqlite version of its go.mod.",
			"SQLite %s can lose committed data", version)
	}
	return nil
}

// DB returns the database handle, which the queue shares.
func (s *Store) DB() *sql.DB { return s.db }

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// Forget brings what was deleted out of the write-ahead log too, where it stands until
// that is written anew. Readers may put it off; then it is done the next time.
func (s *Store) Forget(ctx context.Context) error {
	var busy, pages, moved int
	if err := s.db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", err)
	}
	return nil
}

// write runs f in one transaction and enqueues next with it.
func (s *Store) write(ctx context.Context, next []anvil.Job, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	if err := s.Queue.EnqueueTx(ctx, tx, next...); err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// remove runs one DELETE in a transaction of its own and reports how many rows it took.
func (s *Store) remove(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = s.write(ctx, nil, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// querier is what reads need: the database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// scanner is a row that can be scanned.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows of a query with one scan function.
func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// micros is t as a column.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fromMicros is a column as a time.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// toJSON is v as a column; a nil pointer is the empty string.
func toJSON[T any](v *T) string {
	if v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: %T cannot be JSON: %v", v, err)) // our own structs always can
	}
	return string(b)
}

// fromJSON reads a column made by toJSON.
func fromJSON[T any](column string) (*T, error) {
	if column == "" {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal([]byte(column), v); err != nil {
		return nil, fmt.Errorf("read stored %T: %w", v, err)
	}
	return v, nil
}
