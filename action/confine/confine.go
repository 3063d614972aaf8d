package confine

import (
	"context"
	"io"
	"time"
)

// Spec is one program to run.
type Spec struct {
	Argv   []string
	Dir    string
	Env    []string // all of it; see [Environment]
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Grace is the time between the request to end and the kill.
	Grace time.Duration
}

// Confinement runs untrusted programs.
type Confinement interface {
	// Start starts the program. When ctx ends, the program is stopped as by Stop.
	Start(ctx context.Context, s Spec) (Process, error)
}

// Process is a program that was started.
type Process interface {
	// Stop asks the program to end, and makes it end after the grace. It returns
	// at once, and may be called at any time and repeatedly.
	Stop()
	// Wait returns when the program and all that it started are gone, and all
	// output has been written. The error says that the program could not be run;
	// that it ended badly is in Exit.
	Wait() (Exit, error)
}

// Exit is how a program ended.
type Exit struct {
	// Code is its exit code; 128 and the signal's number if a signal ended it.
	Code int
	// Stopped tells that it was asked to end before it did.
	Stopped bool
}
