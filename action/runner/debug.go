package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/action/debug"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// debugging reports whether a debug package is to be made: after a failure always, and
// else if the job asks for it by ANVIL_DEBUG, or by GitHub's own "enable debug logging".
func (j *job) debugging() bool { return j.finish.Result == runapi.Failed || j.askedToDebug() }

func (j *job) askedToDebug() bool {
	return j.Getenv("ANVIL_DEBUG") == "true" || j.Getenv("ANVIL_DEBUG") == "1" || j.Getenv("RUNNER_DEBUG") == "1"
}

// debugPackage makes the debug package and hands it over. If the job asked for it, it
// is also left as a file, for the workflow to upload.
func (j *job) debugPackage(uploads context.Context) {
	if !j.debugging() {
		return
	}
	ctx, cancel := context.WithTimeout(uploads, debug.Default.Time) // asking programs for their versions included
	defer cancel()
	var b bytes.Buffer
	// All of it fits under the server's limit even if nothing of it can be compressed.
	total := j.limits().log - j.limits().log/16
	m, err := debug.Write(ctx, &b, "run "+j.assignment.Run, j.debugParts(ctx), j.secrets, debug.Limits{Part: total / 3, Total: total})
	if err != nil {
		j.log.Warn("The debug package could not be made: %v", err)
		return
	}
	cut := 0
	for _, p := range m.Parts {
		if p.Cut != "" {
			cut++
		}
	}
	j.log.Say("Made a debug package: %s, %d of them cut, %d bytes.", plural(len(m.Parts), "file"), cut, b.Len())
	j.finish.Debug = j.upload(uploads, runapi.ArtifactDebug, b.Bytes())
	if j.askedToDebug() {
		if j.debugFile, err = j.leave(b.Bytes()); err != nil {
			j.log.Warn("The debug package could not be left as a file: %v", err)
		}
	}
}

// leave writes the package into a directory of its own in the job's temporary one: an
// agent that is not contained may have put anything in a place that it could guess.
func (j *job) leave(b []byte) (string, error) {
	dir, err := os.MkdirTemp(j.Getenv("RUNNER_TEMP"), "anvil-debug-")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "anvil-debug.tar.gz")
	return name, os.WriteFile(name, b, 0o600)
}

// debugParts is what explains a run, the most telling first.
func (j *job) debugParts(ctx context.Context) []debug.Part {
	parts := []debug.Part{
		debug.Text("run.json", mustIndent(j.debugFacts(time.Now()))),
		debug.Text("machine.json", mustIndent(machine(ctx, j.Config))),
		debug.Text("log.txt", j.log.Copy()),
	}
	if j.record != nil {
		parts = append(parts, debug.Text("verification.json", mustIndent(j.record)))
	}
	if j.raw != nil {
		parts = append(parts, debug.Text("engine.txt", j.raw.Bytes()))
	}
	return parts
}

// debugFacts are the run's own. What came from people, and every token, is left out.
func (j *job) debugFacts(now time.Time) map[string]any {
	a := j.assignment
	facts := map[string]any{
		"run": a.Run, "epoch": a.Epoch, "repository": a.Repository, "base_ref": a.BaseRef, "base_commit": a.BaseCommit,
		"engine": a.Engine, "prompt_digest": a.Prompt.Digest, "verify": a.Verify, "verify_source": a.VerifySource,
		"limits": j.limits().told(), "containment_asked": a.Containment, "environment_asked": a.Environment, "environment": j.used,
		"result": j.finish.Result, "problem": j.finish.Problem, "refused_hosts": j.finish.Refused, "seconds": now.Sub(j.started).Seconds(),
	}
	phases := []map[string]any{}
	for _, p := range j.phases.all(now) {
		phases = append(phases, map[string]any{"phase": p.name, "ms": p.took.Milliseconds()})
	}
	facts["phases"], facts["spans"] = phases, j.spans.all()
	if j.choice != nil {
		facts["contained_by"] = j.choice.Evidence
	}
	if j.cache != nil {
		facts["image_cache"] = j.cache.Account()
	}
	return facts
}

// told is the limits as a debug package tells them.
func (l limits) told() map[string]any {
	return map[string]any{
		"work_seconds": l.work.Seconds(), "verify_seconds": l.verify.Seconds(), "log_bytes": l.log, "bundle_bytes": l.bundle,
		"conversation_bytes": l.conversation, "agent_events": l.events,
	}
}

// machine tells what runs are made on, for a debug package: versions, and names, but
// no values, of the job's variables.
func machine(ctx context.Context, c Config) map[string]any {
	facts := map[string]any{
		"anvil_runner": c.Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "processors": runtime.NumCPU(),
		"runner": c.Getenv("RUNNER_NAME"), "clock": time.Now().UTC(),
	}
	programs := []string{"git", "docker", "podman", "bwrap", "node"}
	told := make([]string, len(programs))
	var all sync.WaitGroup
	for i, program := range programs { // beside each other: each may take its time
		all.Go(func() { told[i] = versionOf(ctx, program) })
	}
	all.Wait()
	versions := map[string]string{}
	for i, program := range programs {
		versions[program] = told[i]
	}
	facts["programs"] = versions
	if b, err := os.ReadFile("/proc/version"); err == nil {
		facts["kernel"] = strings.TrimSpace(string(b))
	}
	var names []string
	for _, entry := range c.Environ {
		name, _, _ := strings.Cut(entry, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	facts["variables"] = names
	return facts
}

// versionOf asks a program for its version, in a bare environment and not for long.
func versionOf(ctx context.Context, program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		return "not found"
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env, cmd.WaitDelay = []string{"PATH=/usr/bin:/bin", "HOME=" + os.DevNull}, time.Second
	out, err := cmd.Output()
	if err != nil {
		return "does not tell: " + err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line[:min(len(line), 200)]
}

func mustIndent(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // of our own types
	}
	return b
}
