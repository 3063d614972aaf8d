package agent

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// inside is the engine's program as it is named where it runs.
func (w Work) inside() []string {
	argv := slices.Clone(w.Program.Argv)
	for i, arg := range argv {
		if filepath.IsAbs(arg) && slices.ContainsFunc(w.Program.Needs, func(need string) bool { return within(arg, need) }) {
			argv[i] = w.Confine.Path(arg)
		}
	}
	return argv
}

// find finds the program of an engine as one with environment env would find it.
// command is the program and its first arguments.
func find(e runapi.Engine, command, env []string) (Program, error) {
	path, err := confine.LookPath(command[0], env)
	if err != nil || !filepath.IsAbs(path) {
		return Program{}, missing(e, command[0])
	}
	p := Program{Argv: slices.Clone(command)}
	if real, err := filepath.EvalSymlinks(path); err == nil && !ofSystem(real) {
		if native := nativeOf(real); native != "" {
			real = native
		}
		p.Argv[0] = real
		interpreter := interpreterOf(real, env)
		p.Needs = append(p.Needs, packageOf(real, interpreter != ""))
		if interpreter != "" {
			p.Argv = append([]string{interpreter}, p.Argv...)
			p.Needs = append(p.Needs, interpreter)
		}
	}
	for _, arg := range command[1:] {
		if info, err := os.Stat(arg); filepath.IsAbs(arg) && err == nil && info.Mode().IsRegular() {
			p.Needs = append(p.Needs, arg)
		}
	}
	return p, nil
}

func missing(e runapi.Engine, name string) error {
	next := "Install it on the runner, or name another engine."
	if install := packages[e.Kind]; install != "" {
		next = fmt.Sprintf("Install it on the runner (npm install -g %s%s), or name another engine.", install, at(e.Version))
	}
	return &runapi.Error{
		Code: CodeMissing, What: fmt.Sprintf("The engine's program %q is not on this runner.", name), Next: next,
	}
}

// packages are the names by which npm has the programs of engines.
var packages = map[string]string{"codex": "@openai/codex", "claude": "@anthropic-ai/claude-code"}

func at(version string) string {
	if version == "" {
		return ""
	}
	return "@" + version
}

// ofSystem reports whether a program belongs to the operating system: an
// environment has its own.
func ofSystem(path string) bool {
	dir := filepath.Dir(path)
	return slices.Contains([]string{"/bin", "/sbin", "/usr/bin", "/usr/sbin"}, dir)
}

// packageOf is what has to be there for a program: itself, or the package of npm
// that it came in; for a script also all packages it was installed with.
func packageOf(path string, script bool) string {
	const modules = "/node_modules/"
	i := strings.LastIndex(path, modules)
	if i < 0 {
		return path
	}
	if script {
		return path[:i+len(modules)-1]
	}
	parts := strings.SplitN(path[i+len(modules):], "/", 3)
	if strings.HasPrefix(parts[0], "@") && len(parts) > 2 {
		return path[:i+len(modules)] + parts[0] + "/" + parts[1]
	}
	return path[:i+len(modules)] + parts[0]
}

// nativeOf is the binary for this machine that a script of npm only passes its
// arguments on to, or empty. Started itself it needs no Node where it runs.
func nativeOf(script string) string {
	if filepath.Base(script) != "codex.js" {
		return ""
	}
	machine := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if machine == "" {
		machine = runtime.GOARCH
	}
	name := fmt.Sprintf("codex-%s-%s", runtime.GOOS, machine)
	own := filepath.Dir(filepath.Dir(script))
	for _, scope := range []string{filepath.Dir(own), filepath.Join(own, "node_modules", "@openai")} {
		if found, _ := filepath.Glob(filepath.Join(scope, name, "vendor", "*", "bin", "codex")); len(found) == 1 {
			return found[0]
		}
	}
	return ""
}

// interpreterOf is the program that the first line of a script names, empty for
// what is no script and for interpreters that are at a fixed place.
func interpreterOf(path string, env []string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	first := make([]byte, 256)
	n, _ := f.Read(first)
	line, _, _ := strings.Cut(string(first[:n]), "\n")
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if !strings.HasPrefix(line, "#!") || len(words) < 2 || words[0] != "/usr/bin/env" {
		return ""
	}
	found, err := confine.LookPath(words[len(words)-1], env)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(found); err == nil {
		return real
	}
	return found
}

// within reports whether path is dir or lies in it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// versionTime is how long a program may take to say its version: the first start
// of a big one reads it from a cold disk.
const versionTime = 30 * time.Second

var versionNumber = regexp.MustCompile(`\d+\.\d+\.\d+[0-9A-Za-z.+-]*`)

// detect asks a program for its version, where it will run: one that can't run
// there is found before any model was asked. It refuses another version than the
// assignment names.
func detect(ctx context.Context, w Work) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	said, complaint := joblog.NewClipped(tailBytes), joblog.NewClipped(tailBytes)
	argv := append(w.inside(), "--version")
	process, err := w.Confine.Start(ctx, confine.Spec{
		Argv: argv, Dir: w.Confine.Path(w.Home), Env: w.Env, Stdin: strings.NewReader(""), Stdout: said, Stderr: complaint, Grace: w.Grace,
	})
	if err != nil {
		return "", notStarted(w.Engine, argv, err)
	}
	exit, err := process.Wait()
	version := versionNumber.FindString(firstLine(said.Bytes()))
	switch {
	case ctx.Err() != nil && context.Cause(ctx) != context.DeadlineExceeded:
		return "", context.Cause(ctx)
	case err != nil || exit.Code != 0 || version == "":
		e := &runapi.Error{
			Code: CodeMissing, What: fmt.Sprintf("The engine's program %q can't run here: asked for its version it ended with exit code %d.", argv[0], exit.Code),
			Next: "Check that it fits the environment's system and architecture; nothing was asked of a model.",
		}
		if text := strings.TrimSpace(joblog.Clean(string(complaint.Bytes()))); text != "" {
			e.What += " It said: " + text
		}
		return "", e
	}
	return version, otherVersion(w.Engine, version)
}

func firstLine(b []byte) string {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Scan()
	return s.Text()
}
