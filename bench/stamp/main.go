// Stamp appends the present time, in nanoseconds since 1970, to a file. Then it
// becomes the program that the other arguments name, if there are any.
//
//	stamp FILE [PROGRAM ARG...]
//
// It is the smallest thing that can tell when a process began.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func main() {
	now := time.Now().UnixNano()
	if err := run(now, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stamp:", err)
		os.Exit(1)
	}
}

func run(now int64, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: stamp FILE [PROGRAM ARG...]")
	}
	file, err := os.OpenFile(args[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(file, now); err != nil {
		return err
	}
	if len(args) == 1 {
		return nil
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	return syscall.Exec(path, args[1:], os.Environ())
}
