package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/devcontainer"
	"github.com/seed-bc0cc349/anvil/action/imagecache"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// askTime is how long the dev container CLI and the engine may take for anything but
// a build.
const askTime = time.Minute

// environment makes the repository's dev container what untrusted programs run in, if
// the operator has switched that on and the base commit has one. Where containers of
// images can't be made, the run goes on without it and says so to people.
func (j *job) environment(ctx context.Context, w *workspace.Workspace) error {
	on := j.assignment.Environment
	if !on.DevContainer {
		return nil
	}
	dir, err := w.CheckoutBase(ctx)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	found, err := devcontainer.Find(root, on.Name)
	if err != nil || found == nil {
		return err
	}
	engine := j.choice.Evidence.Kind
	if engine != confine.ModeDocker && engine != confine.ModePodman {
		j.leaveOut(found, engine)
		return nil
	}
	start := time.Now()
	defer j.spans.begin(runapi.SpanEnvironment)()
	if err := found.Refuse(on.Allow); err != nil {
		return err
	}
	tree, folder, err := found.Folder(path.Base(j.assignment.Repository.FullName))
	if err != nil {
		return err
	}
	e := runapi.EnvironmentUsed{Path: found.Path, Name: found.Name}
	built, err := j.image(ctx, dir, found, engine, &e)
	if err != nil {
		return err
	}
	settings, err := devcontainer.ReadSettings(built.Metadata)
	if err != nil {
		return err
	}
	j.place, j.folder = tree, folder
	j.container = settings.At(devcontainer.Place{Environ: built.Env, Folder: folder, Home: confine.InsideHome})
	j.container.User, _, _ = strings.Cut(cmp.Or(settings.User, built.User), ":")
	j.assignment.Containment.Mode, j.assignment.Containment.Image = engine, e.Image
	if err := j.choose(ctx); err != nil {
		return err
	}
	e.Milliseconds = time.Since(start).Milliseconds()
	j.used = e
	j.log.Say("Environment: %s.", e)
	j.journal.add(runapi.KindEnvironment, "Environment: "+e.String()+".", mustJSON(e))
	return nil
}

// leaveOut tells that the run works in the runner's own system although there is a dev
// container: what the checks say then is not what they would say in it.
func (j *job) leaveOut(found *devcontainer.Configuration, kind string) {
	why := "this runner contains by " + kind + ", which runs no images"
	if kind == confine.ModeNone {
		why = "containment is off, and only Docker and Podman run images"
	}
	j.used = runapi.EnvironmentUsed{Path: found.Path, Name: found.Name, Without: why}
	j.log.Warn("The run works %s. It goes on in the runner's own system. Install Docker on the runner.", j.used)
	j.journal.add(runapi.KindEnvironment, "Environment: "+j.used.String()+".", mustJSON(j.used))
}

// image has the image of a dev container: from the cache, or built and then kept.
func (j *job) image(ctx context.Context, dir string, found *devcontainer.Configuration, engine string, e *runapi.EnvironmentUsed) (devcontainer.Built, error) {
	cli := devcontainer.CLI{
		Docker: engine, Environ: devcontainer.Environ(j.Environ), Limit: cmp.Or(time.Duration(j.assignment.Environment.BuildSeconds)*time.Second, 20*time.Minute),
		Ask: askTime, Clean: j.safe,
	}
	cli, err := cli.Have(ctx, j.tools.Get)
	if err != nil {
		return devcontainer.Built{}, err
	}
	inputs, err := cli.Inputs(ctx, found)
	if err != nil {
		return devcontainer.Built{}, err
	}
	cache := j.openCache(ctx, engine)
	j.cache = cache
	bases := cache.Bases(ctx, found, j.warnBase)
	key, loose := bases.Keys(inputs.KeyWith)
	e.Key, e.Bases = key, bases.Told()
	if err := bases.Refuse(found, j.assignment.Environment.Allow); err != nil {
		return devcontainer.Built{}, err
	}
	built, err := warm(ctx, cli, cache, e.Key)
	keep := false
	if e.Warm = err == nil; err != nil {
		keep = cache.Provide(ctx, bases, j.warnBase)
		env, done, _ := cache.Login(ctx)
		defer done()
		building := cli
		building.Environ = append(building.Environ, env...)
		name := "anvil-env:" + e.Key
		if built, err = building.Build(ctx, dir, found, name, cache.From(ctx), cache.To(ctx, e.Key, false)); err != nil {
			return devcontainer.Built{}, err
		}
	}
	if err := devcontainer.RefuseMetadata("the image of "+found.Path, built.Metadata, j.assignment.Environment.Allow); err != nil {
		return devcontainer.Built{}, err
	}
	if keep && cache.Unmoved(ctx, bases, j.warnBase) {
		cache.Push(built.ID, key, loose)
	}
	e.Image = built.ID
	return built, nil
}

// errCold says that the image has to be built.
var errCold = errors.New("the image is not kept")

// warm has the image from the cache.
func warm(ctx context.Context, cli devcontainer.CLI, cache *imagecache.Cache, key string) (devcontainer.Built, error) {
	found, ok := cache.Lookup(ctx, key)
	if !ok {
		return devcontainer.Built{}, errCold
	}
	image, err := cache.Pull(ctx, found)
	if err != nil {
		return devcontainer.Built{}, fmt.Errorf("%w: %w", errCold, err)
	}
	return cli.Inspect(ctx, image.ID)
}

// openCache opens the image cache, or none where what is configured can't be one.
func (j *job) openCache(ctx context.Context, engine string) *imagecache.Cache {
	o := imagecache.Options{
		Images: j.assignment.Images, Repository: j.assignment.Repository.FullName, Branch: j.assignment.BaseRef, Platform: devcontainer.Platform,
		Environ: j.Environ, Docker: engine, Temp: j.Getenv("RUNNER_TEMP"), Server: j.holder, Secret: j.log.Secret,
		Tell: func(kind, text string, step runapi.CacheStep) { j.journal.add(kind, text, mustJSON(step)) },
	}
	cache, err := imagecache.Open(ctx, o)
	if err != nil {
		j.log.Warn("There is no image cache: %v", err)
		return imagecache.None(o)
	}
	return cache
}

// closeCache waits a bounded time for what is being pushed, and not at all once the work
// was told to stop: what little time is left then is for handing the run back.
func (j *job) closeCache(work, life context.Context) {
	if j.cache == nil {
		return
	}
	ctx, cancel := context.WithCancel(life)
	defer cancel()
	defer context.AfterFunc(work, cancel)()
	j.cache.Close(ctx)
}

// warnBase tells of what an image is built on.
func (j *job) warnBase(text string) {
	text = j.fit(text, maxText)
	j.log.Warn("%s", text)
	j.journal.quote(runapi.KindWarning, text, nil)
}
