package confine

import (
	"context"
	"io"
	"os"
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

// Confinement runs untrusted programs. It is made for one purpose (the agent, or
// the checks), and knows the directories that its programs may see.
type Confinement interface {
	// Start starts the program. When ctx ends, the program is stopped as by Stop.
	// Spec's Dir and everything in Argv and Env are as a program inside names them.
	Start(ctx context.Context, s Spec) (Process, error)
	// Path returns how a program inside names a directory or file of the runner
	// that it may see.
	Path(outside string) string
	// Reach lets the programs inside reach a service of the runner that listens on
	// a Unix socket, and returns the HOST:PORT on their loopback. It is called before
	// the first Start.
	Reach(socket string) (addr string, err error)
	// Give gives a file or directory that the runner has open, and has made where the
	// programs write, to their user. What is open is given, whatever its name leads to now.
	Give(f *os.File) error
	// Close ends what Reach began and takes the confinement away. Nothing of it may
	// be running.
	Close() error
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
	// Limit names the limit that ended it or something that it started, such as
	// "memory"; empty if none did.
	Limit string
}
