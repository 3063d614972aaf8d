package git

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// Repository is a bare repository of ours.
type Repository struct {
	program *Program
	dir     string
}

// InitBare makes an empty bare repository at dir, which should not exist yet
// or be empty.
func (p *Program) InitBare(ctx context.Context, dir string) (*Repository, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("making a repository: %w", err)
	}
	_, err = p.run(ctx, command{args: []string{"init", "--quiet", "--bare", "--template=", "--object-format=sha1", "--", dir}})
	if err != nil {
		return nil, fmt.Errorf("making a repository: %w", err)
	}
	return &Repository{program: p, dir: dir}, nil
}

// Open returns the bare repository of ours that is at dir.
func (p *Program) Open(dir string) (*Repository, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening a repository: %w", err)
	}
	return &Repository{program: p, dir: dir}, nil
}

// Dir returns the directory of the repository.
func (r *Repository) Dir() string { return r.dir }

// line runs a command that prints one line.
func (r *Repository) line(ctx context.Context, args ...string) (string, error) {
	out, err := r.program.run(ctx, command{dir: r.dir, args: args})
	return strings.TrimSpace(string(bytes.ToValidUTF8(out, nil))), err
}

// ObjectID says whether s is a full object name as this package takes and
// gives them: forty hexadecimal digits in lower case.
func ObjectID(s string) bool {
	if len(s) != 40 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// need returns an error unless all of ids are full object names. What passes
// can stand in an argument without being taken for anything else.
func need(ids ...string) error {
	for _, id := range ids {
		if !ObjectID(id) {
			return fmt.Errorf("not a full object name: %.60q", id)
		}
	}
	return nil
}
