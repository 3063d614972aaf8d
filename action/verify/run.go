package verify

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Bench is where commands run.
type Bench struct {
	Confine confine.Confinement
	Dir     string
	Env     []string
	// Limit is the time for all commands together.
	Limit time.Duration
	Grace time.Duration
	// Begin is called before each command, Line with each line it prints.
	Begin func(command string)
	Line  func(line string)
	// Done is called with each finished check.
	Done func(runapi.Check)
	// Clean makes output fit to be shown: without control characters and secrets.
	Clean func(string) string
}

const (
	tailBytes   = 4 << 10   // of a check's output in the record
	outputBytes = 512 << 10 // of a check's output in the full record
)

// notFound is what a shell ends with when a program is not there.
const notFound = 127

// Output is everything that one check printed, as far as it was kept.
type Output struct {
	runapi.Check
	Output string `json:"output"`
}

// Record is the full record of a verification, as the artifact holds it.
type Record struct {
	runapi.Verification
	Checks []Output `json:"checks,omitempty"`
}

// Summary is the record without the full output.
func (r Record) Summary() runapi.Verification {
	v := r.Verification
	for _, c := range r.Checks {
		v.Checks = append(v.Checks, c.Check)
	}
	return v
}

// Unverified is the record of a verification that did not take place.
func Unverified(source, reason string) Record {
	return Record{Verification: runapi.Verification{Status: runapi.VerifyUnverified, Source: source, Reason: reason}}
}

// Run runs the plan's commands, all of them unless the time is up or the plan says to
// stop. It returns
// an error only if ctx ended.
func Run(ctx context.Context, p Plan, b Bench) (Record, error) {
	if len(p.Commands) == 0 {
		return Unverified(p.Source, p.Reason), nil
	}
	for _, program := range p.Needs {
		if there, err := b.has(ctx, program); err != nil {
			return Unverified(p.Source, fmt.Sprintf("the checks could not be run: %v", err)), nil
		} else if !there {
			return Unverified(p.Source, fmt.Sprintf("%s is not on the runner", program)), nil
		}
	}
	r := Record{Verification: runapi.Verification{Status: runapi.VerifyPassed, Source: p.Source}}
	limit, cancel := context.WithTimeout(ctx, b.Limit)
	defer cancel()
	for _, command := range p.Commands {
		if limit.Err() != nil {
			break
		}
		out, err := b.check(limit, command)
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err != nil && limit.Err() != nil {
			break // before it had begun
		}
		if err != nil {
			return Unverified(p.Source, fmt.Sprintf("%q could not be run: %v", command, err)), nil
		}
		r.Checks = append(r.Checks, out)
		b.Done(out.Check)
		switch {
		case out.Status == runapi.VerifyPassed:
		case out.ExitCode == notFound && limit.Err() == nil && r.Status == runapi.VerifyPassed:
			r.Status = runapi.VerifyUnverified
			r.Reason = fmt.Sprintf("%q needs a program that is not on the runner", command)
		case out.ExitCode != notFound || limit.Err() != nil:
			r.Status, r.Reason = runapi.VerifyFailed, ""
		}
		if p.Stop && out.Status != runapi.VerifyPassed {
			break
		}
	}
	if limit.Err() != nil {
		r.Status = runapi.VerifyFailed
		r.Reason = fmt.Sprintf("it took longer than %s", b.Limit)
	}
	return r, nil
}

// has reports whether a program is there where the commands run.
func (b Bench) has(ctx context.Context, program string) (bool, error) {
	p, err := b.Confine.Start(ctx, confine.Spec{
		Argv: []string{"sh", "-c", `command -v "$1"`, "sh", program}, Dir: b.Dir, Env: b.Env, Grace: b.Grace,
	})
	if err != nil {
		return false, err
	}
	exit, err := p.Wait()
	return exit.Code == 0, err
}

// check runs one command.
func (b Bench) check(ctx context.Context, command string) (Output, error) {
	b.Begin(command)
	kept := joblog.NewClipped(outputBytes)
	lines := joblog.NewLines(func(line string) {
		line = b.Clean(line)
		_, _ = io.WriteString(kept, line+"\n")
		b.Line(line)
	})
	start := time.Now()
	p, err := b.Confine.Start(ctx, confine.Spec{
		Argv: []string{"sh", "-c", command}, Dir: b.Dir, Env: b.Env,
		// One writer for both: the order of the lines is part of what they say.
		Stdout: lines, Stderr: lines,
		Grace: b.Grace,
	})
	if err != nil {
		return Output{}, err
	}
	exit, err := p.Wait()
	if err != nil {
		return Output{}, err
	}
	if exit.Limit != "" {
		_, _ = fmt.Fprintf(lines, "\n(ended: over its limit of %s)\n", exit.Limit)
	}
	_ = lines.Close()
	out := Output{
		Check: runapi.Check{
			Name: command, Status: runapi.VerifyPassed, ExitCode: exit.Code,
			DurationMS: time.Since(start).Milliseconds(),
		},
		Output: string(kept.Bytes()),
	}
	if exit.Code != 0 || exit.Stopped {
		out.Status = runapi.VerifyFailed
	}
	out.OutputTail = strings.TrimRight(joblog.Tail(out.Output, tailBytes), "\n")
	return out, nil
}
