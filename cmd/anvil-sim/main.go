// Anvil-sim is the simulated GitHub as a process of its own: for demonstrations,
// and for tests that kill the server and must not lose GitHub with it.
//
//	anvil-sim --listen 127.0.0.1:9090 --dir DIR --runner "anvil-runner run"
//
// With --model it also serves a scripted model (package modeltest), for real agents
// without a key; --model-script says what it follows instead of its own scripts.
//
// When it answers, it prints one line of JSON with its addresses. It runs until
// SIGINT or SIGTERM, then stops its jobs and deliveries and ends. Everything it
// knows is made through its control API at /_sim/; see docs/simulator.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest/openapi"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "anvil-sim:", err)
		os.Exit(1)
	}
}

// run is the program, in a form that a test can start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("anvil-sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:9090", "`address` to listen on")
	dir := flags.String("dir", "", "`directory` for repositories, workspaces and job logs (default: a temporary one)")
	runner := flags.String("runner", "", "`command` that carries out a job, its words split at spaces (default: jobs wait)")
	dispatch := flags.String("dispatch", string(githubtest.DispatchDetails), "how workflow_dispatch answers: details, plain or old-ghes")
	scale := flags.Float64("cancel-scale", 1, "`factor` for the pauses of 7.5 s and 2.5 s between a cancellation's signals")
	validate := flags.Bool("validate", false, "check all requests and answers against GitHub's OpenAPI description; see /_sim/violations")
	verbose := flags.Bool("verbose", false, "log every request")
	model := flags.String("model", "", "`address` to serve a scripted model on, such as 127.0.0.1:9091 (default: none)")
	script := flags.String("model-script", "", "`file` of scripts for the model (default: its own)")
	var env list
	flags.Var(&env, "runner-env", "`KEY=VALUE` for the job's environment, or KEY to pass it on; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one word too many; a command with arguments goes in quotes: --runner \"anvil-runner run\"", flags.Arg(0))
	}
	if *script != "" && *model == "" {
		return errors.New("--model-script needs --model, the address to serve it on")
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	o := githubtest.Options{
		Listen: *listen, Dir: *dir, Log: log,
		Runner:      githubtest.Runner{Command: strings.Fields(*runner), Env: env.resolved()},
		Dispatch:    githubtest.DispatchMode(*dispatch),
		CancelGrace: githubtest.Grace{Interrupt: time.Duration(*scale * 7.5e9), Terminate: time.Duration(*scale * 2.5e9)},
	}
	if *validate {
		v, err := openapi.New()
		if err != nil {
			return err
		}
		o.API, o.Violations = v.Wrap, v.Violations
	}
	srv, err := githubtest.Start(o)
	if err != nil {
		return err
	}
	addresses := map[string]string{
		"url": srv.URL, "api_url": srv.URL + "/api/v3/", "issuer": srv.Issuer(), "control_url": srv.URL + "/_sim/",
	}
	if *model != "" {
		scripted, err := serveModel(*model, *script, log)
		if err != nil {
			return errors.Join(err, srv.Close())
		}
		defer scripted.Close()
		addresses["model_url"] = scripted.URL
	}
	if err := json.NewEncoder(stdout).Encode(addresses); err != nil {
		return err
	}
	<-ctx.Done()
	return srv.Close()
}

func serveModel(listen, script string, log *slog.Logger) (*modeltest.Server, error) {
	o := modeltest.Options{Listen: listen, Log: log}
	if script != "" {
		var err error
		if o.Scripts, err = modeltest.Load(script); err != nil {
			return nil, err
		}
	}
	return modeltest.Start(o)
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

// resolved gives names without a value the value that they have here.
func (l list) resolved() []string {
	var env []string
	for _, kv := range l {
		if !strings.Contains(kv, "=") {
			kv += "=" + os.Getenv(kv)
		}
		env = append(env, kv)
	}
	return env
}
