//go:build unix

package doctor

import (
	"context"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
)

// State is what a finding means for runs.
type State string

const (
	Good    State = "good"
	Lacking State = "lacking" // runs can do without
	Wrong   State = "wrong"   // runs can't
)

// Finding is what was found out about one subject.
type Finding struct {
	Subject string `json:"subject"`
	State   State  `json:"state"`
	Found   string `json:"found"`
	Fix     string `json:"fix,omitempty"` // unless it is good
}

// Report is all that was found.
type Report struct {
	Version  string    `json:"version"` // of anvil-runner
	Machine  string    `json:"machine"` // OS/ARCH
	Ready    bool      `json:"ready"`   // nothing is wrong
	Findings []Finding `json:"findings"`
}

// Options say what is examined.
type Options struct {
	// Environ is the environment that a job would have: it says where tools are, and
	// within a job of GitHub Actions which repository it is for.
	Environ []string
	Self    string // anvil-runner as a file; see confine.Options
	Version string // of anvil-runner
	// Server is the address of Anvil's server; empty: ANVIL_SERVER, and without that
	// clocks are not compared.
	Server string
	// Runner is the directory of GitHub's runner; empty: looked for.
	Runner string
	// Public says that the runner serves a public repository. Within a job that is
	// found out.
	Public bool
	// Only names the subjects to examine; empty: all of them.
	Only []string
}

// subject is something to examine. It may answer with several findings, or none where it
// has no meaning.
type subject struct {
	name string
	look func(context.Context, *machine) []Finding
}

// subjects are in the order in which people are told.
var subjects = []subject{
	{"runner", lookAtRunner},
	{"git", lookAtGit},
	{"containment", lookAtContainment},
	{"cgroup", lookAtCgroup},
	{"disk", lookAtDisk},
	{"clock", lookAtClock},
	{"docker", lookAtDocker},
	{"buildx", lookAtBuildx},
	{"devcontainer", lookAtDevcontainer},
}

// Subjects are the names that [Options].Only takes.
func Subjects() []string {
	var names []string
	for _, s := range subjects {
		names = append(names, s.name)
	}
	return names
}

// machine is what is examined.
type machine struct{ Options }

func (m *machine) getenv(name string) string {
	for i := len(m.Environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(m.Environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// patience is how long one subject may take.
const patience = time.Minute

// Examine looks at the machine.
func Examine(ctx context.Context, o Options) Report {
	m := &machine{o}
	r := Report{Version: o.Version, Machine: platform, Ready: true}
	for _, s := range subjects {
		if !m.asked(s.name) {
			continue
		}
		within, cancel := context.WithTimeout(ctx, patience)
		for _, f := range s.look(within, m) {
			f.Subject = s.name
			r.Ready = r.Ready && f.State != Wrong
			r.Findings = append(r.Findings, f)
		}
		cancel()
	}
	return r
}

func (m *machine) asked(name string) bool {
	if len(m.Only) == 0 {
		return true
	}
	for _, only := range m.Only {
		if only == name {
			return true
		}
	}
	return false
}

func good(found string) []Finding { return []Finding{{State: Good, Found: found}} }

func lacking(found, fix string) []Finding {
	return []Finding{{State: Lacking, Found: found, Fix: fix}}
}

func wrong(found, fix string) []Finding { return []Finding{{State: Wrong, Found: found, Fix: fix}} }

// path finds a program as a job would.
func (m *machine) path(program string) (string, bool) {
	path, err := confine.LookPath(program, m.Environ)
	return path, err == nil
}
