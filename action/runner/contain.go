package runner

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// choose finds what untrusted programs run in on this machine, and tells of it.
func (j *job) choose(ctx context.Context) error {
	c, err := confine.Choose(ctx, confine.Options{
		Containment: j.assignment.Containment, Environ: j.Environ, Self: j.Self, Supervisor: j.Supervisor,
		Image: j.container.Environ(), User: j.container.User,
	})
	if err != nil {
		return err
	}
	j.choice = c
	j.log.Say("Contained by %s.", c.Evidence)
	j.journal.add(runapi.KindContained, c.Evidence.String(), mustJSON(c.Evidence))
	return nil
}

// surroundings are what the programs of one purpose run in.
type surroundings struct {
	confine.Confinement
	tree, home string // of the runner
	env        []string
}

// surround makes a confinement for the named purpose with a tree and what belongs
// beside it. programs may be read there; pass names variables of the job to pass on.
func (j *job) surround(w *workspace.Workspace, purpose, tree string, beside []confine.Mount, programs, pass []string) (*surroundings, error) {
	home, err := w.Scratch(purpose + "-home")
	if err != nil {
		return nil, err
	}
	temp, err := w.Scratch(purpose + "-tmp")
	if err != nil {
		return nil, err
	}
	if j.place != "" {
		beside = append(slices.Clip(beside), confine.Mount{Outside: tree, Inside: j.place, Writable: true})
	}
	c, err := j.choice.New(confine.Room{Tree: tree, Home: home, Temp: temp, Beside: beside, ReadOnly: programs})
	if err != nil {
		return nil, &runapi.Error{Code: confine.CodeStart, What: fmt.Sprintf("The confinement could not be made: %v.", err), Next: "Say /anvil retry."}
	}
	env, refused := confine.Environment(j.choice.Job(), c.Path(home), c.Path(temp), slices.Concat(pass, j.choice.Given()))
	for _, name := range refused {
		j.log.Warn("%s belongs to the job and is not passed on, though the configuration asks for it.", name)
	}
	return &surroundings{Confinement: c, tree: tree, home: home, env: env}, nil
}
