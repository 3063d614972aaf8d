// Anvil-runner is what a job runs: it claims the run that the job was started
// for, lets the agent work, verifies, and hands the result back to the server.
//
//	anvil-runner [run]     the run named by ANVIL_SERVER, ANVIL_TASK and ANVIL_NONCE
//	anvil-runner run --assignment FILE --out DIR
//	                       the run of that file, without a server; see package desk
//	anvil-runner doctor [--json] [--server URL] [--runner DIR] [--public] [SUBJECT...]
//	                       say what this machine can do as a runner, what it lacks, and the
//	                       fix; 1 if no run can work here. See package doctor
//	anvil-runner debug OUT [FILE...]
//	                       make a debug package, OUT, of this machine's facts and the files
//	anvil-runner prebuild  keep the image of the repository's dev container; see package prebuild
//	anvil-runner version   the version
//
// What happens in between is told in package action. Three more verbs are how it runs
// untrusted programs, and not for people: supervise (see confine.Supervise), inside
// (see confine.Inside) and go-cache (see confine.GoCache).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/prebuild"
	"github.com/seed-bc0cc349/anvil/action/runner"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	verb := "run"
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch {
	case verb == "supervise" && len(args) > 0:
		return confine.Supervise(args)
	case verb == "inside" && len(args) == 1:
		return confine.Inside(args[0])
	case verb == "go-cache" && len(args) == 1:
		return confine.GoCache(os.Stdin, os.Stdout, args[0])
	case verb == "doctor":
		return examine(args)
	case verb == "debug" && len(args) > 0:
		if err := runner.DebugMachine(context.Background(), job(), args[0], args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	case verb == "prebuild" && len(args) == 0:
		return keepImage()
	case verb == "version" && len(args) == 0:
		fmt.Println("anvil-runner", version())
		return 0
	case verb == "run" && len(args) == 4 && args[0] == "--assignment" && args[2] == "--out":
		return alone(args[1], args[3])
	case verb != "run" || len(args) > 0:
		fmt.Fprintln(os.Stderr, "usage: anvil-runner [run [--assignment FILE --out DIR]|doctor [--json]|debug OUT [FILE...]|prebuild|version]")
		return 2
	}
	confine.HideMemory()
	return runner.Run(context.Background(), job())
}

// job is what this process's job gives its runner.
func job() runner.Config {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	c := runner.Config{Environ: os.Environ(), Out: os.Stdout, Signals: signals, Version: version()}
	if self, err := os.Executable(); err == nil {
		c.Self = self
		c.Supervisor = []string{self, "supervise"}
	}
	return c
}

// keepImage keeps the image of the dev container of this job's commit.
func keepImage() int {
	confine.HideMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return prebuild.Run(ctx, prebuild.Config{Environ: os.Environ(), Out: os.Stdout})
}

// stamped is the version of a release, set by .ci/release.
var stamped string

// version is the release's, or the commit that this was built from.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}
