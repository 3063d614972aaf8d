package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// PackLimits bound what a pack may be.
type PackLimits struct {
	Bytes int64 // of the pack itself
	// Tolerate names fsck messages (such as hasDotgit) that do not make a
	// pack bad. It is for finding out where in a refused pack the fault is.
	Tolerate []string
}

// PackError is a pack that git refused.
type PackError struct {
	Faults []string // names of fsck messages, such as "hasDotgit"; may be empty
	Cause  error
}

func (e *PackError) Error() string { return fmt.Sprintf("pack refused: %v", e.Cause) }
func (e *PackError) Unwrap() error { return e.Cause }

// IndexPack takes a pack from pack into the repository: every object is
// checked as git fsck would, in its strictest mode, links between them
// included. Objects that a thin pack leaves out must be here already. A pack
// that is not what it should be is a [*PackError]. Reading from pack must not
// block beyond the end of ctx.
func (r *Repository) IndexPack(ctx context.Context, pack io.Reader, limits PackLimits) error {
	// Odd file modes are no more than a remark to git, which reads them as
	// the modes they are nearest to. We want to publish what was shown.
	strict := "--strict=badFilemode=error"
	for _, fault := range limits.Tolerate {
		strict += "," + fault + "=ignore"
	}
	_, err := r.program.run(ctx, command{
		dir:   r.dir,
		stdin: pack,
		args: []string{
			"index-pack", "--stdin", "--fix-thin", strict, "--threads=1",
			"--max-input-size=" + strconv.FormatInt(limits.Bytes, 10),
		},
	})
	if err == nil {
		return nil
	}
	if failed, ok := errors.AsType[*Error](err); ok && ctx.Err() == nil {
		return &PackError{Faults: faults(failed.Stderr), Cause: err}
	}
	return fmt.Errorf("taking a pack in: %w", err)
}

// faults finds the names of fsck messages in lines such as
// "error: object 1234…: hasDotgit: contains '.git'".
func faults(stderr string) []string {
	var found []string
	for line := range strings.Lines(stderr) {
		rest, ok := strings.CutPrefix(line, "error: object ")
		if !ok {
			continue
		}
		parts := strings.SplitN(rest, ": ", 3)
		if len(parts) == 3 {
			found = append(found, parts[1])
		}
	}
	return found
}
