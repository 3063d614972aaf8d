package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	mostCandidates = 500 // in one binary
	mostAlone      = 40  // of those that need a build each
)

// repair looks for one small edit that makes the failing tests pass, and keeps it
// if all tests of the module then pass.
func repair(ctx context.Context, say *speaker) error {
	if _, err := os.Stat("go.mod"); err != nil {
		say.answer("I changed nothing: there is no go.mod here, and the only tests that I, a sample agent, can repair are those of a Go module.")
		return nil
	}
	say.plan("run the tests", "find the functions that the failing tests call", "try small edits in them until the tests pass", "run all tests again")
	failures, err := goTest(ctx, say)
	if err != nil {
		return err
	}
	if len(failures) == 0 {
		say.answer("I changed nothing: all tests pass already.")
		return nil
	}
	scratch, err := os.MkdirTemp("", "sample-agent-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	var told []string
	for _, f := range failures {
		if f.broken {
			say.answer("I changed nothing: %s does not build, and small edits are all that I, a sample agent, can try.", f.pkg)
			return nil
		}
		say.message("%s fails in %s: %s", strings.Join(f.tests, ", "), f.pkg, f.said())
		c, tried, err := search(ctx, scratch, f, say)
		if err != nil {
			return err
		}
		if c == nil {
			say.answer("I changed nothing that helps: I tried %d small edits for %s in %s, and none makes it pass. I am a sample agent and no language model; this needs somebody who understands the code.",
				tried, strings.Join(f.tests, ", "), f.pkg)
			return nil
		}
		told = append(told, tell(*c, f, tried))
	}
	if left, err := goTest(ctx, say); err != nil {
		return err
	} else if len(left) > 0 {
		say.answer("%s But other tests fail now or still: %s in %s. Read this as a guess.", strings.Join(told, " "), strings.Join(left[0].tests, ", "), left[0].pkg)
		return nil
	}
	say.answer("%s All tests of the module pass now. I am a sample agent and no language model: I looked for an edit that the tests agree with, so do check that it is also what you mean.", strings.Join(told, " "))
	return nil
}

// search finds and applies the repair of one package. It returns nil if there is none.
func search(ctx context.Context, scratch string, f failure, say *speaker) (*candidate, int, error) {
	files, tested, dir, err := sources(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	var together, alone []candidate
	for _, c := range candidates(files, tested) {
		switch {
		case c.fn != nil && len(together) < mostCandidates:
			together = append(together, c)
		case c.fn == nil && len(alone) < mostAlone:
			alone = append(alone, c)
		}
	}
	start := time.Now()
	binary, in, err := build(ctx, scratch, f.pkg, together)
	if err != nil {
		// Some code can't be switched, such as assembly stubs; edits outside functions still can be tried.
		say.message("I could not build my candidates together: %v", err)
	}
	only := "-test.run=^(" + strings.Join(f.tests, "|") + ")$"
	limit := trialTime(ctx, dir, binary)
	for i, c := range in {
		env := []string{fmt.Sprintf("%s=%d", chosen, c.id)}
		if ctx.Err() != nil {
			return nil, i, context.Cause(ctx)
		}
		if !passes(ctx, limit, dir, env, binary, only) || !passes(ctx, limit, dir, env, binary) {
			continue
		}
		say.message("Edit %d of %d makes them pass, after %d ms.", i+1, len(in), time.Since(start).Milliseconds())
		return keep(c, i+1, say)
	}
	for i, c := range alone {
		if ctx.Err() != nil {
			return nil, len(in) + i, context.Cause(ctx)
		}
		ok, err := passesAlone(ctx, scratch, f.pkg, dir, c)
		if err != nil {
			return nil, len(in) + i, err
		}
		if ok {
			return keep(c, len(in)+i+1, say)
		}
	}
	return nil, len(in) + len(alone), nil
}

// trialTime is how long a candidate may take: some never end. It is several times
// what the tests take as they are.
func trialTime(ctx context.Context, dir, binary string) time.Duration {
	const longest = 10 * time.Second
	if binary == "" {
		return longest
	}
	start := time.Now()
	_ = passes(ctx, longest, dir, nil, binary)
	return min(longest, max(400*time.Millisecond, 5*time.Since(start)))
}

// passes runs a test binary where its package is.
func passes(ctx context.Context, limit time.Duration, dir string, env []string, binary string, args ...string) bool {
	argv := append([]string{binary, "-test.failfast"}, args...)
	_, code, err := commandIn(ctx, limit, dir, env, argv...)
	return err == nil && code == 0
}

// passesAlone builds and runs one candidate that can't be switched.
func passesAlone(ctx context.Context, scratch, pkg, dir string, c candidate) (bool, error) {
	changed := filepath.Join(scratch, "alone.go")
	if err := os.WriteFile(changed, c.apply(), 0o600); err != nil {
		return false, err
	}
	overlay := filepath.Join(scratch, "alone.json")
	if err := os.WriteFile(overlay, fmt.Appendf(nil, `{"Replace":{%q:%q}}`, c.file.path, changed), 0o600); err != nil {
		return false, err
	}
	binary := filepath.Join(scratch, "alone.test")
	_, code, err := command(ctx, time.Minute, nil, "go", "test", "-c", "-overlay", overlay, "-o", binary, pkg)
	if err != nil || code != 0 {
		return false, err
	}
	return passes(ctx, 10*time.Second, dir, nil, binary), nil
}

// keep writes the repaired file.
func keep(c candidate, tried int, say *speaker) (*candidate, int, error) {
	info, err := os.Stat(c.file.path)
	if err != nil {
		return nil, tried, err
	}
	if err := os.WriteFile(c.file.path, c.apply(), info.Mode().Perm()); err != nil {
		return nil, tried, err
	}
	say.changed(relative(c.file.path), c.what)
	return &c, tried, nil
}

// tell explains a repair.
func tell(c candidate, f failure, tried int) string {
	said := ""
	if s := f.said(); s != "" {
		said = fmt.Sprintf(" (it said: %s)", s)
	}
	was, is := c.lines()
	return fmt.Sprintf("%s failed in %s%s. The cause is in %s, %s:%d, where %s: the line was `%s` and is now `%s`. This is edit number %d of those I tried, nearest to the test first, and the first with which the tests of the package pass.",
		strings.Join(f.tests, ", "), f.pkg, said, c.where(), relative(c.file.path), c.line(), c.what, was, is, tried)
}

func relative(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil {
			return rel
		}
	}
	return path
}
