package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/notify"
	"github.com/seed-bc0cc349/anvil/app/standalone"
)

// standaloneFlags are the workflow's inputs. Each has a variable of the same name, so
// that nothing that somebody typed is ever part of a command line.
func standaloneFlags(cmd *cobra.Command) func() (standalone.Options, error) {
	var o standalone.Options
	f := cmd.Flags()
	f.StringVar(&o.Prompt, "prompt", os.Getenv("ANVIL_PROMPT"), "what to do, for a workflow that is started by hand (ANVIL_PROMPT)")
	f.StringVar(&o.Engine, "engine", os.Getenv("ANVIL_ENGINE"), "codex, claude or command (ANVIL_ENGINE; default codex)")
	f.StringVar(&o.Model, "model", os.Getenv("ANVIL_MODEL"), "the model (ANVIL_MODEL; default: the engine's)")
	f.StringVar(&o.Verify, "verify", os.Getenv("ANVIL_VERIFY"), "a command line that must pass (ANVIL_VERIFY)")
	f.StringVar(&o.Base, "base", os.Getenv("ANVIL_BASE"), "the branch to start from (ANVIL_BASE)")
	f.StringVar(&o.Provider, "provider", os.Getenv("ANVIL_PROVIDER"), "address before /responses or /messages (ANVIL_PROVIDER; default: the engine's own)")
	f.StringVar(&o.Containment, "containment", os.Getenv("ANVIL_CONTAINMENT"), "auto, docker, podman, bubblewrap or none (ANVIL_CONTAINMENT; default auto)")
	f.BoolVar(&o.DevContainer, "dev-container", os.Getenv("ANVIL_DEV_CONTAINER") == "true", "work in the repository's dev container (ANVIL_DEV_CONTAINER)")
	f.Float64Var(&o.MaxUSD, "max-usd", number("ANVIL_MAX_USD"), "what models may take, in US dollars; 0: no limit (ANVIL_MAX_USD)")
	f.Int64Var(&o.MaxTokens, "max-tokens", int64(number("ANVIL_MAX_TOKENS")), "what models may take, in tokens; 0: no limit (ANVIL_MAX_TOKENS)")
	return func() (standalone.Options, error) {
		if o.Engine == "" {
			o.Engine = "codex"
		}
		if text := os.Getenv("ANVIL_COMMAND"); text != "" {
			if err := json.Unmarshal([]byte(text), &o.Command); err != nil || len(o.Command) == 0 {
				return o, errors.New(`ANVIL_COMMAND: not a list of words. Write it as JSON, such as ["my-agent", "--quiet"]`)
			}
		}
		if o.Engine == "command" && o.Command == nil {
			return o, errors.New("ANVIL_COMMAND: engine command needs the agent's command line. Set it to a JSON list")
		}
		return o, nil
	}
}

func number(name string) (n float64) {
	_ = json.Unmarshal([]byte(os.Getenv(name)), &n) // what is none is no limit, as an empty input is
	return n
}

// inJob is how both jobs start: the inputs and the job's own variables are read, and
// what is wrong with them ends it before do is called.
func inJob(options func() (standalone.Options, error), do func(*cobra.Command, standalone.Job, standalone.Options) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		o, err := options()
		if err != nil {
			return err
		}
		job, err := standalone.JobOf(os.Getenv)
		if err != nil {
			return err
		}
		return do(cmd, job, o)
	}
}

func prepare() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "prepare",
		Short: "Without a server, first job: decide what to do, and write the assignment",
		Long: "Read the event that started this job of GitHub Actions, decide who asks for what, and write the assignment for anvil-runner run --assignment. " +
			"The file holds no secret. See docs/standalone.md.",
		Args: cobra.NoArgs,
	}
	options := standaloneFlags(cmd)
	cmd.Flags().StringVar(&file, "assignment", "assignment.json", "the file to write")
	cmd.RunE = inJob(options, func(cmd *cobra.Command, job standalone.Job, o standalone.Options) error {
		story, err := standalone.Prepare(cmd.Context(), job, o, file)
		var ignored *standalone.Ignored
		var problem *anvil.Problem
		switch {
		case errors.As(err, &ignored):
			fmt.Fprintln(cmd.OutOrStdout(), "Nothing to do:", ignored.Reason)
			return job.Write([][2]string{{"proceed", "no"}})
		case errors.As(err, &problem):
			fmt.Fprintln(cmd.OutOrStdout(), problem)
			return job.Write([][2]string{{"proceed", "refused"}})
		case err != nil:
			return err
		}
		run := story.Run()
		fmt.Fprintf(cmd.OutOrStdout(), "Task %s for %s: %s at %.12s, engine %s %s.\n", story.Task.ID, story.Task.Command.Requester.Login, run.BaseRef, run.BaseCommit, run.Engine.Name, run.Engine.Model)
		if text := o.Unheeded(run.Rules); text != "" {
			fmt.Fprintln(cmd.OutOrStdout(), "::warning::"+text)
		}
		return job.Write([][2]string{{"proceed", "yes"}, {"task", string(story.Task.ID)}})
	})
	return cmd
}

func publishHandover() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "publish",
		Short: "Without a server, second job: inspect and publish what the first one left",
		Long: "Decide once more by the event that started the workflow, inspect what the first job's directory proposes, and publish it with the job's token: " +
			"branch, pull request, check run, comment. Nothing of the repository is run. See docs/standalone.md.",
		Args: cobra.NoArgs,
	}
	options := standaloneFlags(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the directory that anvil-runner wrote")
	_ = cmd.MarkFlagRequired("from")
	cmd.RunE = inJob(options, func(cmd *cobra.Command, job standalone.Job, o standalone.Options) error {
		log := slog.New(slog.NewTextHandler(os.Stderr, nil))
		canaries := map[string]string{"the job's token": job.Token}
		story, err := standalone.Publish(cmd.Context(), job, o, from, app.Words(), canaries, log)
		var ignored *standalone.Ignored
		var problem *anvil.Problem
		switch {
		case errors.As(err, &ignored):
			fmt.Fprintln(cmd.OutOrStdout(), "Nothing to do:", ignored.Reason)
			return nil
		case errors.As(err, &problem):
			if told := standalone.Refuse(cmd.Context(), job, notify.Tell(problem)); told != nil {
				log.Warn("could not be told", "error", told)
			}
			return errors.Join(problem, job.Report(story))
		case err != nil:
			return err
		}
		if err := job.Report(story); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Task %s: %s.\n", story.Task.ID, story.Task.Outcome.State)
		if p := story.Task.Outcome.Problem; p != nil {
			return p
		}
		return nil
	})
	return cmd
}
