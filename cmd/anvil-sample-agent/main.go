// Anvil-sample-agent is a small program behind the "command" engine, so that the
// whole of Anvil can be tried without a model and without a key. It is no
// language model and does not read code as one. It can do two things:
//
//   - asked to fix or repair something, or about a failing test, it runs the Go
//     tests of the tree, and tries small edits (an operator, a bound, a constant, a
//     condition, a name) in the functions nearest to the failing tests until the
//     tests pass. See repair.go.
//   - asked to `note: TEXT`, it adds TEXT to CHANGELOG.md; asked to
//     `write PATH: TEXT`, it writes that file.
//
// Otherwise it changes nothing, and says what it can do. It speaks the protocol
// that package action/agent documents, and is an example of it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdin, &speaker{w: os.Stdout}); err != nil {
		fmt.Fprintln(os.Stderr, "anvil-sample-agent:", err)
		os.Exit(1)
	}
}

// run does what the prompt asks for in the current directory.
func run(ctx context.Context, in io.Reader, say *speaker) error {
	prompt, err := io.ReadAll(io.LimitReader(in, 4<<20))
	if err != nil {
		return fmt.Errorf("read the prompt: %w", err)
	}
	say.message("I am Anvil's sample agent: a small program, not a language model.")
	switch w := wish(instruction(string(prompt))); w.verb {
	case "write":
		return write(w, say)
	case "repair":
		return repair(ctx, say)
	}
	say.answer("I changed nothing. I am a sample agent and not a language model; I can do two things: " +
		"\"fix the failing test\" looks for a small edit that makes a Go module's tests pass, and " +
		"\"note: TEXT\" or \"write PATH: TEXT\" writes a text to CHANGELOG.md or to that file. " +
		"For anything else, configure Codex, Claude Code or an agent of your own as the engine.")
	return nil
}
