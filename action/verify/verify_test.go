package verify_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	const script = `{"scripts":{"test":"node --test"}`
	for name, c := range map[string]struct {
		files  map[string]string
		source string
		want   []string
	}{
		"go":                    {map[string]string{"go.mod": "module x", "package.json": script + "}"}, "detected: go.mod", []string{"go test ./..."}},
		"npm":                   {map[string]string{"package.json": script + "}"}, "detected: package.json", []string{"npm test"}},
		"npm with dependencies": {map[string]string{"package.json": script + `,"dependencies":{"a":"1"}}`, "package-lock.json": "{}"}, "detected: package.json", []string{"npm ci --no-audit --no-fund", "npm test"}},
		"npm without a lock":    {map[string]string{"package.json": script + `,"devDependencies":{"a":"1"}}`}, "detected: package.json", []string{"npm install --no-audit --no-fund", "npm test"}},
		"npm init":              {map[string]string{"package.json": `{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}`}, "", nil},
		"npm, then make":        {map[string]string{"package.json": "{", "Makefile": "all:\n\ntest: all\n\ttrue\n"}, "detected: Makefile", []string{"make test"}},
		"cargo":                 {map[string]string{"Cargo.toml": ""}, "detected: Cargo.toml", []string{"cargo test"}},
		"make with a variable":  {map[string]string{"Makefile": "test := 1\nattest:\n"}, "", nil},
		"nothing":               {map[string]string{"README": "go.mod"}, "", nil},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p := verify.Detect(dir)
		if p.Source != c.source || !slices.Equal(p.Commands, c.want) || (c.want == nil) != (p.Reason != "") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// A link is not followed out of the tree.
func TestDetectStaysInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	if p := verify.Detect(dir); p.Commands != nil {
		t.Errorf("%+v", p)
	}
}

func bench(t *testing.T, lines *[]string) verify.Bench {
	return verify.Bench{
		Confine: &confine.Plain{}, Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH")},
		Limit: time.Minute, Grace: 50 * time.Millisecond,
		Begin: func(string) {}, Done: func(runapi.Check) {}, Clean: joblog.Clean,
		Line: func(l string) { *lines = append(*lines, l) },
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		commands []string
		needs    []string
		status   string
		reason   string
		checks   int
	}{
		"passed":                {[]string{"true", "echo ok"}, nil, runapi.VerifyPassed, "", 2},
		"failed, then the rest": {[]string{"exit 3", "true"}, nil, runapi.VerifyFailed, "", 2},
		"none":                  {nil, nil, runapi.VerifyUnverified, "why", 0},
		"tool missing":          {[]string{"true"}, []string{"no-such-tool"}, runapi.VerifyUnverified, "no-such-tool is not on the runner", 0},
		"command missing":       {[]string{"no-such-tool x", "true"}, nil, runapi.VerifyUnverified, `"no-such-tool x" needs a program`, 2},
		"missing and failed":    {[]string{"no-such-tool x", "false"}, nil, runapi.VerifyFailed, "", 2},
		"failed and missing":    {[]string{"false", "no-such-tool x"}, nil, runapi.VerifyFailed, "", 2},
	} {
		var lines []string
		r, err := verify.Run(t.Context(), verify.Plan{Commands: c.commands, Needs: c.needs, Source: "s", Reason: "why"}, bench(t, &lines))
		if err != nil || r.Status != c.status || !strings.Contains(r.Reason, c.reason) || (c.reason == "" && r.Reason != "") || len(r.Checks) != c.checks || r.Source != "s" {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

// The record has the end of the output, cleaned; the full record has all of it;
// both outputs come in their order.
func TestRunKeepsTheOutput(t *testing.T) {
	t.Parallel()
	var lines []string
	r, err := verify.Run(t.Context(), verify.Plan{Commands: []string{`for i in $(seq 2000); do echo "line $i"; done; echo err >&2; printf '\033[1mlast\033[0m'; exit 1`}}, bench(t, &lines))
	if err != nil || len(r.Checks) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	c := r.Checks[0]
	if c.ExitCode != 1 || !strings.HasPrefix(c.Output, "line 1\n") || !strings.HasSuffix(c.Output, "line 2000\nerr\nlast\n") {
		t.Errorf("output %q…", c.Output[:40])
	}
	if len(c.OutputTail) > 4096 || !strings.HasPrefix(c.OutputTail, "line ") || !strings.HasSuffix(c.OutputTail, "err\nlast") {
		t.Errorf("tail %q", c.OutputTail)
	}
	if len(lines) != 2002 || r.Summary().Checks[0].OutputTail != c.OutputTail {
		t.Errorf("%d lines", len(lines))
	}
}

func TestRunTakesTooLong(t *testing.T) {
	t.Parallel()
	var lines []string
	b := bench(t, &lines)
	b.Limit = 200 * time.Millisecond
	r, err := verify.Run(t.Context(), verify.Plan{Commands: []string{"sleep 100", "true"}}, b)
	if err != nil || r.Status != runapi.VerifyFailed || len(r.Checks) != 1 || !strings.Contains(r.Reason, "longer than 200ms") {
		t.Errorf("%+v %v", r, err)
	}
}

// A stop is not a verdict.
func TestRunStopped(t *testing.T) {
	t.Parallel()
	var lines []string
	why := errors.New("stopped by Ann")
	ctx, cancel := context.WithCancelCause(t.Context())
	b := bench(t, &lines)
	b.Line = func(string) { cancel(why) }
	if r, err := verify.Run(ctx, verify.Plan{Commands: []string{"echo x; sleep 100"}}, b); !errors.Is(err, why) {
		t.Errorf("%+v %v", r, err)
	}
}
