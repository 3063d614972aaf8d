package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/config"
)

func show() *cobra.Command {
	var path string
	var asJSON bool
	var debugFile string
	cmd := &cobra.Command{
		Use:   "show TASK",
		Short: "Show a task: its state, its runs, what models took, and the budgets",
		Long:  "Show a task from the server's database, while the server may be running. Its id stands at the end of its comment.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			if debugFile != "" {
				return app.SaveDebug(cmd.Context(), cfg, anvil.TaskID(args[0]), debugFile)
			}
			shown, err := app.Show(cmd.Context(), cfg, anvil.TaskID(args[0]))
			if err != nil {
				return err
			}
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				out.SetIndent("", "  ")
				return out.Encode(shown)
			}
			return shown.Write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&path, "config", "anvil.yaml", "the server's configuration file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&debugFile, "debug", "", "write the debug package of the task's latest run that has one to this file, which must not exist")
	return cmd
}
