package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// failure is a package whose tests fail.
type failure struct {
	pkg    string
	tests  []string // top-level names
	broken bool     // it does not build
	output string
}

// said returns the line with which the first failing test said what is wrong.
func (f failure) said() string {
	for line := range strings.Lines(f.output) {
		if m := saidAt.FindStringSubmatch(line); m != nil {
			return strings.TrimSpace(m[1])
		}
	}
	return ""
}

var saidAt = regexp.MustCompile(`^\s+\w+_test\.go:\d+: (.+)`)

// goTest runs the module's tests and returns the packages that fail.
func goTest(ctx context.Context, say *speaker) ([]failure, error) {
	argv := []string{"go", "test", "-json", "./..."}
	out, code, err := command(ctx, 2*time.Minute, nil, argv...)
	if err != nil {
		return nil, err
	}
	byPkg := map[string]*failure{}
	var order []string
	var plain strings.Builder
	of := func(pkg string) *failure {
		if byPkg[pkg] == nil {
			byPkg[pkg] = &failure{pkg: pkg}
			order = append(order, pkg)
		}
		return byPkg[pkg]
	}
	failed := map[string]bool{}
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		var e struct{ Action, Package, Test, Output string }
		if json.Unmarshal(sc.Bytes(), &e) != nil {
			continue
		}
		switch {
		case e.Action == "output" || e.Action == "build-output":
			plain.WriteString(e.Output)
			of(e.Package).output += e.Output
		case e.Action == "fail" && e.Test == "":
			failed[e.Package] = true
		case e.Action == "fail":
			name, _, _ := strings.Cut(e.Test, "/")
			if f := of(e.Package); !slices.Contains(f.tests, name) {
				f.tests = append(f.tests, name)
			}
		}
	}
	say.command(argv, code, plain.String())
	var list []failure
	for _, pkg := range order {
		if f := byPkg[pkg]; failed[pkg] {
			f.broken = len(f.tests) == 0
			list = append(list, *f)
		}
	}
	if code != 0 && list == nil {
		return nil, fmt.Errorf("go test ended with exit code %d: %s", code, strings.TrimSpace(string(out)))
	}
	return list, nil
}

// command runs a program in a group of its own, so that its children end with it,
// and returns what it printed. A bad exit code is no error.
func command(ctx context.Context, limit time.Duration, env []string, argv ...string) ([]byte, int, error) {
	return commandIn(ctx, limit, "", env, argv...)
}

func commandIn(ctx context.Context, limit time.Duration, dir string, env []string, argv ...string) ([]byte, int, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return nil, 0, fmt.Errorf("run %s: %w", argv[0], err)
	}
	return out, cmd.ProcessState.ExitCode(), nil
}
