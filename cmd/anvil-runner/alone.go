package main

import (
	"context"
	"fmt"
	"os"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/desk"
	"github.com/seed-bc0cc349/anvil/action/runner"
)

// alone carries out the run of an assignment file, and leaves what it hands over in dir.
func alone(file, dir string) int {
	secrets, err := desk.TakeSecrets() // before anything else is started
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	confine.HideMemory()
	d, err := desk.Open(file, dir, secrets)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c := job()
	c.Environ, c.Identity, c.Secrets = d.Environ(c.Environ), d.Identity, []string{secrets.ModelKey}
	code := runner.Run(context.Background(), c)
	s := d.Spent()
	fmt.Printf("Models: %d calls, %d tokens in, %d from cache, %d out. The key stayed in this process; the agent had none.\n", s.Calls, s.Input+s.CacheWrite, s.Cached, s.Output)
	if err := d.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
