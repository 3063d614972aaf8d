package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-bc0cc349/anvil/app/release"
)

// stamped is the version of a release, which the release job sets with
// -ldflags "-X main.stamped=v1.2.3". Empty: built by somebody else.
var stamped string

func version() string { return release.Self(stamped).String() }

func showVersion() *cobra.Command {
	var verify bool
	var checksums string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version, and check that this program is the released one",
		Long: "Show the version and the commit that this program was built from. With --verify, compare the program's sha256 with the checksums of its release, " +
			"which come from the release's page at GitHub, or from --checksums. Exit code 0 only if they agree.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self := release.Self(stamped)
			if !verify && checksums == "" {
				fmt.Fprintln(cmd.OutOrStdout(), "anvil", self)
				return nil
			}
			agreed, err := self.Verify(cmd.Context(), checksums)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "anvil %s\n%s is %s of %s: as released\n", self, agreed.Digest, agreed.Asset, agreed.Source)
			return nil
		},
	}
	cmd.Flags().BoolVar(&verify, "verify", false, "compare this program with the checksums of its release")
	cmd.Flags().StringVar(&checksums, "checksums", "", "the release's checksum file: a path, or an https address of GitHub (default: that of this version)")
	return cmd
}
