package workspace

import (
	"path/filepath"

	"github.com/seed-bc0cc349/anvil/action/confine"
)

// borrowed is where a repository beside base.git, or beside a link to it, finds the
// base commit's objects: by a name that holds inside a confinement too.
const borrowed = "../../base.git/objects"

// Beside lists what has to stand beside the agent's tree in a confinement so that
// git works for the agent.
func (w *Workspace) Beside() []confine.Mount {
	return []confine.Mount{
		beside(w.path("agent", "repository.git"), true),
		w.baseObjects(),
	}
}

// BesideChecks is the same for a checkout of a result. The checks only read.
func (w *Workspace) BesideChecks(r *Result) []confine.Mount {
	return []confine.Mount{beside(r.gitDir, false), w.baseObjects()}
}

// baseObjects are the base commit's objects: a link where a mirror has them.
func (w *Workspace) baseObjects() confine.Mount {
	objects := w.path("base.git", "objects")
	if real, err := filepath.EvalSymlinks(objects); err == nil {
		objects = real
	}
	return confine.Mount{Outside: objects, Inside: filepath.Join(filepath.Dir(confine.InsideTree), "base.git/objects")}
}

func beside(repository string, writable bool) confine.Mount {
	return confine.Mount{
		Outside: repository, Inside: filepath.Join(filepath.Dir(confine.InsideTree), filepath.Base(repository)), Writable: writable,
		Theirs: true, // git reads no repository of somebody else's
	}
}
