//go:build unix

package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lookAtRunner says whether the machine is thrown away after a job, and whether it may
// serve the repository that it serves.
func lookAtRunner(_ context.Context, m *machine) []Finding {
	public, known := m.public()
	if m.getenv("RUNNER_ENVIRONMENT") == "github-hosted" {
		return good("hosted by GitHub, for one job")
	}
	const fix = "Register it as ephemeral (config.sh --ephemeral, or a just-in-time configuration; docs/runners.md), and throw the machine away after each job."
	ephemeral, found := m.ephemeral()
	switch {
	case found && ephemeral:
		return good("self-hosted and ephemeral: it takes one job")
	case public && !found:
		return wrong("whether this runner stays after a job can't be told, and it serves a public repository", fix+" Say where it is: --runner DIR.")
	case public:
		return wrong("this runner stays after a job, and serves a public repository", fix)
	case found && !known:
		return lacking("this runner stays after a job; no public repository may use it", fix)
	case found:
		return lacking("this runner stays after a job: what one run leaves on the machine, the next one meets", fix)
	}
	return lacking("no runner of GitHub's was found here", "Name its directory to have it looked at: --runner DIR.")
}

// public reports whether the runner serves a public repository, and whether that is
// known: within a job the event tells.
func (m *machine) public() (public, known bool) {
	if m.Public {
		return true, true
	}
	text, err := os.ReadFile(m.getenv("GITHUB_EVENT_PATH"))
	if err != nil {
		return false, false
	}
	var event struct {
		Repository *struct {
			Private    bool   `json:"private"`
			Visibility string `json:"visibility"`
		} `json:"repository"`
	}
	if json.Unmarshal(text, &event) != nil || event.Repository == nil {
		return false, false
	}
	// An internal repository is private too.
	return !event.Repository.Private || event.Repository.Visibility == "public", true
}

// Ephemeral reports whether the runner of a job with this environment was registered for one
// job alone, as far as can be told from where the job is.
func Ephemeral(environ []string) bool {
	m := &machine{Options{Environ: environ}}
	ephemeral, found := m.ephemeral()
	return found && ephemeral
}

// ephemeral reads what the runner was registered as, from the file .runner beside its
// programs, and reports whether there is one.
func (m *machine) ephemeral() (ephemeral, found bool) {
	var dirs []string
	switch temp := m.getenv("RUNNER_TEMP"); {
	case m.Runner != "":
		dirs = []string{m.Runner}
	case filepath.IsAbs(temp): // DIR/_work/_temp, unless the work is elsewhere
		for dir := filepath.Dir(temp); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, ".runner"))
		if err != nil {
			continue
		}
		var settings struct {
			Ephemeral any `json:"ephemeral"` // true, or of a just-in-time configuration "True"
		}
		text = bytes.TrimPrefix(text, []byte("\ufeff")) // .NET writes one
		return json.Unmarshal(text, &settings) == nil && strings.EqualFold(fmt.Sprint(settings.Ephemeral), "true"), true
	}
	return false, false
}
