package confine

import (
	"path/filepath"
	"slices"
	"strings"
)

// Where things are inside, on every machine: an engine's conversation that was
// begun on one goes on on another.
const (
	InsideTree = "/anvil/tree"
	InsideHome = "/anvil/home"
	InsideTemp = "/tmp"

	insideRunner   = "/anvil/bin/anvil-runner"
	insidePrograms = "/anvil/programs"
	insideSockets  = "/anvil/sockets"
	insideControl  = insideSockets + "/control"
	insideCaches   = "/anvil/caches"
)

// Room is what the programs of one confinement have of the machine, beside a
// system to run on. All are absolute paths of the runner.
type Room struct {
	Tree string // the working directory, at InsideTree
	Home string // at InsideHome
	Temp string // at InsideTemp
	// Beside are directories that belong to the tree, such as its git repository.
	// Each is beside the tree inside.
	Beside []Mount
	// ReadOnly are files and directories that programs inside may read, such as an
	// engine's own: where the system inside has them, or below a place of ours.
	ReadOnly []string
}

// Mount makes a file or directory of the runner visible.
type Mount struct {
	Outside, Inside string
	Writable        bool
	Theirs          bool // it is given to the programs' user, as is what they write to
}

// mounts lists what the room makes visible, in the order of mounting, given what
// the system makes visible already. Nothing is mounted below what can be written:
// who can write there decides what a mount there would cover.
func (r Room) mounts(system []Mount) []Mount {
	list := []Mount{
		{Outside: r.Temp, Inside: InsideTemp, Writable: true},
		{Outside: r.Tree, Inside: InsideTree, Writable: true},
		{Outside: r.Home, Inside: InsideHome, Writable: true},
	}
	list = append(list, r.Beside...)
	for i, path := range r.ReadOnly {
		if slices.ContainsFunc(system, func(m Mount) bool { return m.Outside == m.Inside && within(path, m.Outside) }) {
			continue
		}
		list = append(list, Mount{Outside: path, Inside: filepath.Join(insidePrograms, string(rune('a'+i%26))+strings.Repeat("_", i/26), filepath.Base(path))})
	}
	return list
}

// inside names a path of the runner as programs inside do: by the mount that is
// nearest. What is not visible keeps its name.
func inside(mounts []Mount, outside string) string {
	best := Mount{}
	for _, m := range mounts {
		if within(outside, m.Outside) && len(m.Outside) > len(best.Outside) {
			best = m
		}
	}
	if best.Outside == "" {
		return outside
	}
	return best.Inside + strings.TrimPrefix(outside, best.Outside)
}

// within reports whether path is dir or lies in it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
