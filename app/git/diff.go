package git

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// recordLimit is the longest record that any listing may have: a path, in the
// end, of which git itself allows no more than 4096 bytes on most systems.
const recordLimit = 64 << 10

// Modes of tree entries, as git writes them.
const (
	ModeFile       = "100644"
	ModeExecutable = "100755"
	ModeSymlink    = "120000"
	ModeSubmodule  = "160000"
	ModeNone       = "000000" // no entry on this side
)

// None is the object name that stands for no object.
const None = "0000000000000000000000000000000000000000"

// Change is how one path differs between two trees. Renames are told as what
// they are made of: one path deleted, another added.
type Change struct {
	Path             string
	Status           string // A, M, D or T
	OldMode, NewMode string
	OldID, NewID     string
}

// DiffTree calls visit with each difference between the trees of two commits,
// in order of path. An error of visit ends it.
func (r *Repository) DiffTree(ctx context.Context, from, to string, visit func(Change) error) error {
	if err := need(from, to); err != nil {
		return fmt.Errorf("comparing trees: %w", err)
	}
	_, err := r.program.run(ctx, command{
		dir:  r.dir,
		args: []string{"diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--end-of-options", from, to},
		stream: func(out io.Reader) error {
			records := newRecords(out)
			for records.Scan() {
				change, err := parseChange(records.Text())
				if err != nil {
					return err
				}
				if !records.Scan() {
					return fmt.Errorf("diff-tree: no path after %q", change.Status)
				}
				change.Path = records.Text()
				if err := visit(change); err != nil {
					return err
				}
			}
			return records.Err()
		},
	})
	if err != nil {
		return fmt.Errorf("comparing trees: %w", err)
	}
	return nil
}

// parseChange reads ":OLDMODE NEWMODE OLDID NEWID STATUS".
func parseChange(record string) (Change, error) {
	fields := strings.Fields(record)
	if len(fields) != 5 || !strings.HasPrefix(fields[0], ":") {
		return Change{}, fmt.Errorf("diff-tree: unexpected record %.80q", record)
	}
	return Change{
		OldMode: fields[0][1:], NewMode: fields[1],
		OldID: fields[2], NewID: fields[3],
		Status: fields[4],
	}, need(fields[2], fields[3])
}

// LineCount is how many lines a path gained and lost; binary files have none.
type LineCount struct{ Added, Deleted int }

// CountLines returns the line counts of the paths that differ between two
// commits. Callers bound the number and size of the files first.
func (r *Repository) CountLines(ctx context.Context, from, to string) (map[string]LineCount, error) {
	if err := need(from, to); err != nil {
		return nil, fmt.Errorf("counting lines: %w", err)
	}
	counts := map[string]LineCount{}
	_, err := r.program.run(ctx, command{
		dir: r.dir,
		args: []string{
			"diff-tree", "-r", "-z", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv",
			"--ignore-submodules=all", "--end-of-options", from, to,
		},
		stream: func(out io.Reader) error {
			records := newRecords(out)
			for records.Scan() {
				fields := strings.SplitN(records.Text(), "\t", 3)
				if len(fields) != 3 {
					return fmt.Errorf("numstat: unexpected record")
				}
				var count LineCount
				count.Added, _ = strconv.Atoi(fields[0]) // "-" for binary files
				count.Deleted, _ = strconv.Atoi(fields[1])
				counts[fields[2]] = count
			}
			return records.Err()
		},
	})
	if err != nil {
		return nil, fmt.Errorf("counting lines: %w", err)
	}
	return counts, nil
}

// newRecords splits what git prints with -z.
func newRecords(out io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(out)
	s.Buffer(make([]byte, 0, 4<<10), recordLimit)
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, 0); i >= 0 {
			return i + 1, data[:i], nil
		}
		if atEOF && len(data) > 0 {
			return 0, nil, io.ErrUnexpectedEOF
		}
		return 0, nil, nil
	})
	return s
}
