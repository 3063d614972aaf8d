// Command anvil is the server and the operator's commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := command().ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "anvil:", err)
		}
		os.Exit(1)
	}
}

// errSaid is an error that people have been told of already.
var errSaid = errors.New("told already")

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "anvil",
		Short:         "A comment becomes a reviewed pull request, on your own GitHub Actions runners",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
		CompletionOptions: cobra.CompletionOptions{
			DisableDefaultCmd: true,
		},
	}
	root.AddCommand(serve(), showDemo(), audit(), show(), rules(), showVersion(), prepare(), publishHandover(), initialize())
	return root
}
