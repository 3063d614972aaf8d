//go:build unix

package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
)

// oldestGit is the first that takes settings from its environment alone, which is how
// the runner keeps a repository's own out.
var oldestGit = [2]int{2, 31}

var gitVersion = regexp.MustCompile(`(\d+)\.(\d+)\S*`)

func lookAtGit(ctx context.Context, m *machine) []Finding {
	path, ok := m.path("git")
	if !ok {
		return wrong("git is not on PATH", "apt-get install git")
	}
	said, err := m.ask(ctx, path, "--version")
	if err != nil {
		return wrong("git does not tell its version: "+err.Error(), "apt-get install --reinstall git")
	}
	found := gitVersion.FindStringSubmatch(said)
	if found == nil {
		return wrong("git tells no version: "+said, "apt-get install --reinstall git")
	}
	major, _ := strconv.Atoi(found[1])
	minor, _ := strconv.Atoi(found[2])
	if major < oldestGit[0] || major == oldestGit[0] && minor < oldestGit[1] {
		return wrong(found[0]+" is too old", fmt.Sprintf("Install git %d.%d or later.", oldestGit[0], oldestGit[1]))
	}
	return good(found[0])
}

func lookAtCgroup(context.Context, *machine) []Finding {
	version, controllers := confine.Cgroups()
	const fix = "Containers of Docker are limited by its daemon all the same. For bubblewrap run the runner's service with systemd's Delegate=yes, or as root."
	switch {
	case version == 0:
		return lacking("none", fix)
	case len(controllers) == 0:
		return lacking(fmt.Sprintf("version %d, in which this user may limit nothing", version), fix)
	}
	return good(fmt.Sprintf("version %d; may limit %s", version, strings.Join(controllers, ", ")))
}

// Bytes of free disk: fewer than little and no run can work; fewer than plenty and a run
// that uses what the server allows by default can't.
const (
	little = 2 << 30
	plenty = 10 << 30
)

func lookAtDisk(_ context.Context, m *machine) []Finding {
	dir := cmp.Or(m.getenv("RUNNER_TEMP"), m.getenv("TMPDIR"), os.TempDir())
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return wrong(fmt.Sprintf("%s can't be looked at: %v", dir, err), "Make that directory, or set RUNNER_TEMP to another.")
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	found := fmt.Sprintf("%.1f GiB free at %s", float64(free)/(1<<30), dir)
	switch {
	case free < little:
		return wrong(found, "Make room: a checkout, its dependencies and an image take some gigabytes.")
	case free < plenty:
		return lacking(found, "Make room for 10 GiB, which a run may use by default, or lower containment.disk_bytes on the server.")
	}
	return good(found)
}

// Seconds by which clocks may differ: GitHub's identity tokens tell times that the
// server compares with its own clock, and a lease is counted in seconds.
const (
	clockOff   = 30 * time.Second
	clockWrong = 5 * time.Minute
)

func lookAtClock(ctx context.Context, m *machine) []Finding {
	server := strings.TrimRight(cmp.Or(m.Server, m.getenv("ANVIL_SERVER")), "/")
	if server == "" {
		return lacking("not compared", "Name Anvil's server: anvil-runner doctor --server https://…")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/healthz", nil)
	if err != nil {
		return wrong("the server's address is none: "+server, "Give it as https://HOST.")
	}
	client := &http.Client{Timeout: 15 * time.Second}
	asked := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		return wrong(fmt.Sprintf("the server can't be reached: %v", err), "Let this machine reach "+server+"; behind a proxy set HTTPS_PROXY for the runner.")
	}
	_ = answer.Body.Close()
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return lacking(server+" tells no time", "See that nothing in between takes the header Date away.")
	}
	// The header has whole seconds, and the answer took its way.
	off := asked.Add(time.Since(asked) / 2).Sub(theirs.Add(time.Second / 2)).Round(time.Second)
	found := fmt.Sprintf("%s from the server's", off.Abs())
	const fix = "Let the system keep the time: apt-get install systemd-timesyncd, or chrony."
	switch {
	case off.Abs() > clockWrong:
		return wrong(found, fix)
	case off.Abs() > clockOff:
		return lacking(found, fix)
	}
	return good(found)
}
