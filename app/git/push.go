package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// PushError says why a remote did not take a push. The texts are the remote's
// own words, and as untrusted as the remote.
type PushError struct {
	// Stale means that the ref was not at the expected commit: somebody else
	// moved, made or deleted it.
	Stale  bool
	Reason string // such as "protected branch hook declined"
	Remote string // the lines that the remote sent along
	Cause  error
}

func (e *PushError) Error() string {
	if e.Stale {
		return "push: the ref is not where it was expected: " + e.Reason
	}
	return "push: the remote refused: " + e.Reason
}

func (e *PushError) Unwrap() error { return e.Cause }

// Push sets ref, a branch or below refs/anvil/, at the repository at address to commit,
// provided that it is at old there; an empty old means that it must not exist.
// Nobody else's commit is ever overwritten. That the ref was at commit already
// is success, so that a push can be repeated.
//
// A refusal is a [*PushError]. Any other error leaves open what happened: ask
// [Program.LsRemote].
func (r *Repository) Push(ctx context.Context, address, token, commit, ref, old string) error {
	if err := need(commit); err != nil {
		return fmt.Errorf("pushing: %w", err)
	}
	if old != "" {
		if err := need(old); err != nil {
			return fmt.Errorf("pushing: expected commit: %w", err)
		}
	}
	if err := fullRef(ref); err != nil {
		return fmt.Errorf("pushing: %w", err)
	}
	if !strings.HasPrefix(ref, "refs/heads/") && !strings.HasPrefix(ref, "refs/anvil/") {
		return fmt.Errorf("pushing: %q is neither a branch nor one of ours", ref)
	}
	to, err := newRemote(address, token)
	if err != nil {
		return fmt.Errorf("pushing: %w", err)
	}
	out, err := r.program.run(ctx, command{
		dir:    r.dir,
		remote: to,
		args: []string{
			"push", "--porcelain", "--no-progress", "--no-verify", "--no-follow-tags", "--no-signed",
			"--recurse-submodules=no", "--force-with-lease=" + ref + ":" + old, "--end-of-options",
			to.address, commit + ":" + ref,
		},
	})
	if err == nil {
		return nil
	}
	if refused := refusal(string(out), ref); refused != nil {
		refused.Cause = err
		if failed, ok := errors.AsType[*Error](err); ok {
			refused.Remote = remoteLines(failed.Stderr)
		}
		refused.Reason = to.blot(refused.Reason)
		return refused
	}
	return fmt.Errorf("pushing %s: %w", ref, classify(err))
}

// refusal finds the line about ref in what push --porcelain printed, which has
// the form "!<tab>FROM:TO<tab>[rejected] (reason)".
func refusal(printed, ref string) *PushError {
	for line := range strings.Lines(printed) {
		fields := strings.SplitN(strings.TrimRight(line, "\r\n"), "\t", 3)
		if len(fields) != 3 || fields[0] != "!" || !strings.HasSuffix(fields[1], ":"+ref) {
			continue
		}
		reason := fields[2]
		if open, end := strings.IndexByte(reason, '('), strings.LastIndexByte(reason, ')'); open >= 0 && end > open {
			reason = reason[open+1 : end]
		}
		// "stale info" is said before anything is sent; "failed to update
		// ref" and its kin by a remote where two pushes met.
		stale := strings.Contains(reason, "stale info") || strings.Contains(reason, "reference already exists") ||
			strings.Contains(reason, "failed to update ref") || strings.Contains(reason, "incorrect old value") ||
			strings.Contains(reason, "cannot lock ref")
		return &PushError{Stale: stale, Reason: reason}
	}
	return nil
}

func remoteLines(stderr string) string {
	var b strings.Builder
	for line := range strings.Lines(stderr) {
		if said, ok := strings.CutPrefix(line, "remote:"); ok {
			b.WriteString(strings.TrimSpace(said) + "\n")
		}
	}
	return strings.TrimSpace(b.String())
}
