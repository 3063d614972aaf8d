// Command anvil is the server and the operator's commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
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
	root.AddCommand(serve(), showDemo(), audit(), show())
	return root
}

// version is the module's version, or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return info.Main.Version + " " + s.Value
		}
	}
	return info.Main.Version
}
