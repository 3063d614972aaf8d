package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/doctor"
)

// examine tells what this machine can do as a runner: 0 if runs can work here, 1 if
// not, 2 if it was not understood what to examine.
func examine(args []string) int {
	c := job()
	o := doctor.Options{Environ: c.Environ, Self: c.Self, Version: c.Version}
	flags := flag.NewFlagSet("anvil-runner doctor", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print the report as JSON")
	flags.StringVar(&o.Server, "server", "", "`URL` of Anvil's server, to compare clocks with (default ANVIL_SERVER)")
	flags.StringVar(&o.Runner, "runner", "", "`directory` of GitHub's runner (default: where this job's is)")
	flags.BoolVar(&o.Public, "public", false, "the runner serves a public repository")
	if flags.Parse(args) != nil {
		return 2
	}
	o.Only = flags.Args()
	for _, subject := range o.Only {
		if !slices.Contains(doctor.Subjects(), subject) {
			fmt.Fprintf(os.Stderr, "anvil-runner doctor: there is no subject %q; there are %s\n", subject, strings.Join(doctor.Subjects(), ", "))
			return 2
		}
	}
	report := doctor.Examine(context.Background(), o)
	var err error
	if *asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		err = out.Encode(report)
	} else {
		err = report.Tell(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if !report.Ready {
		return 1
	}
	return 0
}
