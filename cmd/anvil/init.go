package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/onboard"
	"github.com/seed-bc0cc349/anvil/app/release"
)

func initialize() *cobra.Command {
	var standalone, show bool
	cmd := &cobra.Command{
		Use:   "init OWNER/REPO",
		Short: "Open the pull request by which a repository begins with Anvil",
		Long: "Open a pull request with the caller workflow and a commented .github/anvil.yml. The workflow calls the Anvil of this program's own release; a development build " +
			"says so there, and names its commit. It acts with your token: GITHUB_TOKEN, or else that of gh, which is not stored. " +
			"The token must be allowed to write workflow files, which Anvil's App never is. A second call finds the open pull request. GITHUB_SERVER_URL and GITHUB_API_URL name another GitHub than github.com.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			kind := beginning(standalone, release.Self(stamped))
			if kind.Note != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "anvil: this is a %s. The workflow will call Anvil at %s; take a released anvil for a repository that is to last.\n", release.Self(stamped), kind.Ref)
			}
			if show {
				files := onboard.Files(kind)
				for _, path := range slices.Sorted(maps.Keys(files)) {
					fmt.Fprintf(out, "==> %s\n%s\n", path, files[path])
				}
				return nil
			}
			if len(args) == 0 {
				return errors.New("INIT_REPOSITORY: which repository? Name it as OWNER/REPO")
			}
			owner, name, ok := strings.Cut(args[0], "/")
			if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
				return fmt.Errorf("INIT_REPOSITORY: %q is no name of a repository. Name it as OWNER/REPO", args[0])
			}
			token, err := personsToken(cmd.Context())
			if err != nil {
				return err
			}
			hub, err := github.New(github.Config{WebURL: os.Getenv("GITHUB_SERVER_URL"), APIURL: os.Getenv("GITHUB_API_URL"), Token: token})
			if err != nil {
				return err
			}
			opened, err := onboard.Open(cmd.Context(), hub, token, owner, name, kind)
			if err != nil {
				return err
			}
			what := "opened"
			if opened.Existed {
				what = "open already"
			}
			fmt.Fprintf(out, "Pull request #%d, %s: %s\n", opened.Number, what, opened.URL)
			return nil
		},
	}
	cmd.Flags().BoolVar(&standalone, "standalone", false, "for a repository without a server; see docs/standalone.md")
	cmd.Flags().BoolVar(&show, "print", false, "show the files, and write nothing")
	return cmd
}

// beginning is what a repository gets from this build: the workflow of the same release, or
// one that says that it is of none.
func beginning(standalone bool, b release.Build) onboard.Kind {
	k := onboard.Kind{Standalone: standalone, Ref: b.Ref()}
	if !b.Released() {
		k.Note = "of a development build, which is no release"
	}
	return k
}

// personsToken is the token in the environment, or that of the program gh.
func personsToken(ctx context.Context) (string, error) {
	if token := cmp.Or(os.Getenv("GITHUB_TOKEN"), os.Getenv("GH_TOKEN")); token != "" {
		return token, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, "gh", "auth", "token").Output()
	if token := strings.TrimSpace(string(said)); err == nil && token != "" {
		return token, nil
	}
	return "", errors.New("INIT_TOKEN: there is no token. Set GITHUB_TOKEN, or sign in with `gh auth login -s workflow`")
}
