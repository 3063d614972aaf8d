package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/config"
)

func audit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Look after the audit trail",
		Args:  cobra.NoArgs,
	}
	var path, seen string
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Check that nobody changed the audit trail",
		Long: "Check the audit trail from its first row to its last, while the server may be running, and print how many rows there are and the hash of the last. " +
			"Keep that hash away from the server and give it as --seen the next time: a trail that was cut off at its end shows by nothing else.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			rows, head, err := app.VerifyAudit(cmd.Context(), cfg, seen)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d rows, whole\n%s\n", rows, head)
			return nil
		},
	}
	verify.Flags().StringVar(&path, "config", "anvil.yaml", "the server's configuration file")
	verify.Flags().StringVar(&seen, "seen", "", "the hash that was printed before")
	cmd.AddCommand(verify)
	return cmd
}
