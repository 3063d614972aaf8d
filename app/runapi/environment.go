package runapi

import (
	"fmt"
	"time"
)

// Environment says whether a run works in the repository's dev container. The zero
// value is the runner's own system.
type Environment struct {
	DevContainer bool `json:"dev_container,omitempty"`
	// Name chooses one of several dev containers, or none; empty is the repository's
	// usual one.
	Name string `json:"name,omitempty"`
	// Allow lists the keys that touch the host and are allowed by the operator.
	Allow []string `json:"allow,omitempty"`
	// Submodules lists the repositories whose submodules are fetched, as HOST, HOST/OWNER or
	// HOST/OWNER/NAME; empty: none.
	Submodules []string `json:"submodules,omitempty"`
	// BuildSeconds bounds a build. Zero: twenty minutes.
	BuildSeconds int `json:"build_seconds,omitempty"`
}

// KindEnvironment is the event that says what the run works in; Data is an
// [EnvironmentUsed].
const KindEnvironment = "environment"

// EnvironmentUsed is the dev container that a run worked in, or that it had to work
// without.
type EnvironmentUsed struct {
	Path string `json:"path"`           // of its configuration
	Name string `json:"name,omitempty"` // of one of several
	Key  string `json:"key"`
	// Bases are the images that it was built on, as NAME@DIGEST, where that is known.
	Bases        []string `json:"bases,omitempty"`
	Image        string   `json:"image"` // digest in the engine
	Warm         bool     `json:"warm"`  // it was kept, and not built
	Milliseconds int64    `json:"ms"`
	// Without is why the run worked in the runner's own system instead; empty if it did not.
	Without string `json:"without,omitempty"`
}

func (e EnvironmentUsed) String() string {
	if e.Without != "" {
		return fmt.Sprintf("without the dev container %s: %s", e.Path, e.Without)
	}
	how := "cold"
	if e.Warm {
		how = "warm"
	}
	return fmt.Sprintf("dev container %s, %s, %s", e.Path, how, (time.Duration(e.Milliseconds) * time.Millisecond).Round(100*time.Millisecond))
}
