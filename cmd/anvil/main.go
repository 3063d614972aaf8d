// Command anvil is the server and the operator's commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := execute(ctx, command()); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "anvil:", err)
		}
		os.Exit(1)
	}
}

// execute runs the command that the arguments name. An error before it begins is about them,
// and comes with how the command is used.
func execute(ctx context.Context, root *cobra.Command) error {
	begun := false
	root.PersistentPreRun = func(*cobra.Command, []string) { begun = true }
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !begun {
		return fmt.Errorf("%s. Use it as: %s (%s --help tells more)", strings.TrimSpace(err.Error()), cmd.UseLine(), cmd.CommandPath())
	}
	return err
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
