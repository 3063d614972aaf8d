package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/config"
)

func rules() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Ask the rules of a repository and its organisation what they would say",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(explain(), replay())
	return cmd
}

func explain() *cobra.Command {
	var path, login string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain OWNER/REPO TEXT",
		Short: "Say what would become of a command, rule by rule: allow, queue, hold or deny",
		Long: "Say what would become of TEXT if somebody commented it now on an issue of the repository, rule by rule, with the functions that the server decides by. " +
			"It reads GitHub and the server's database, and changes nothing. The server may be running.",
		Example: `  anvil policy explain acme/web --as mona "engine=codex fix the login redirect"`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			explained, err := app.Explain(cmd.Context(), cfg, args[0], login, strings.Join(args[1:], " "))
			if err != nil {
				return err
			}
			return written(cmd.OutOrStdout(), explained, asJSON)
		},
	}
	cmd.Flags().StringVar(&path, "config", "anvil.yaml", "the server's configuration file")
	cmd.Flags().StringVar(&login, "as", "", "who says it: a login at GitHub")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	_ = cmd.MarkFlagRequired("as")
	return cmd
}

func replay() *cobra.Command {
	var path, repository string
	var organisation, asJSON bool
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Ask a changed file of rules about past commands, and print what would differ",
		Long: "Compare the rules in force with what they would be with FILE in the place of the repository's file, over the commands that started work or were denied. " +
			"Changes that were inspected are asked about too: whether they would be held.",
		Example: "  anvil policy replay new.yml --repository acme/web\n  anvil policy replay new.yml --repository acme/web --organisation --since 2160h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(args[0])
			if err != nil {
				return anvil.Problemf("FILE_UNREADABLE", "Give the file of rules that you want to try.", "the file cannot be read").Because(err)
			}
			replayed, err := app.Replay(cmd.Context(), cfg, repository, text, organisation, time.Now().Add(-since))
			if err != nil {
				return err
			}
			return written(cmd.OutOrStdout(), replayed, asJSON)
		},
	}
	cmd.Flags().StringVar(&path, "config", "anvil.yaml", "the server's configuration file")
	cmd.Flags().StringVar(&repository, "repository", "", "OWNER/REPO whose commands are looked at")
	cmd.Flags().BoolVar(&organisation, "organisation", false, "FILE is the organisation's, not the repository's")
	cmd.Flags().DurationVar(&since, "since", 30*24*time.Hour, "how far back")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	_ = cmd.MarkFlagRequired("repository")
	return cmd
}

// written prints v for people, or as JSON.
func written(w io.Writer, v interface{ Write(io.Writer) error }, asJSON bool) error {
	if !asJSON {
		return v.Write(w)
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
