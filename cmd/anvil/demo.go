package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed-bc0cc349/anvil/app/demo"
)

func showDemo() *cobra.Command {
	o := demo.Options{Out: os.Stdout, Err: os.Stderr, Log: slog.New(slog.DiscardHandler)}
	var verbose bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole way from a comment to a pull request, on this machine",
		Long: "Start a simulated GitHub with a small repository, the real server and a real runner; comment /anvil on an issue; " +
			"show every hop until there is a pull request; then keep serving, to be tried in a browser.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if verbose {
				o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
			}
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.Once, "once", false, "end after the first task, with exit code 0 only if there is a pull request")
	cmd.Flags().BoolVar(&o.Slack, "slack", false, "make the request in a simulated Slack, which has a page to type in")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print the result as one JSON object on stdout, and progress on stderr")
	cmd.Flags().StringVar(&o.Engine, "engine", "sample", "who works: sample, codex or claude")
	cmd.Flags().StringVar(&o.Model, "model", "", "the model that a real agent asks for when there is a key for it")
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:0", "where the simulated GitHub listens")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show the logs of server and simulator")
	return cmd
}
