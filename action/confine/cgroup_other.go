//go:build unix && !linux

package confine

import (
	"net"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// cgroup is not to be had on this system.
type cgroup struct{}

func newCgroup(runapi.Containment) *cgroup { return nil }

func (*cgroup) lacks(string) string { return "this system has no cgroups" }

func (*cgroup) take(net.Conn) error { return nil }

func (*cgroup) remove() string { return "" }

// Cgroups says that there are none.
func Cgroups() (version int, controllers []string) { return 0, nil }
