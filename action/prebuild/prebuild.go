package prebuild

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/devcontainer"
	"github.com/seed-bc0cc349/anvil/action/imagecache"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/seed-bc0cc349/anvil/action/tool"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Config is what a job gives.
type Config struct {
	Environ []string  // the job's environment
	Out     io.Writer // the job's log
}

// What Run can come to.
const (
	Kept  = "kept"  // nothing had changed
	Built = "built" // the image was built, and is kept now
	None  = "none"  // the commit has no dev container
)

// askTime is how long the dev container CLI and the engine may take for anything but
// a build.
const askTime = time.Minute

// Run keeps the image of the job's commit, says what came of it in the log, the step's
// summary and its outputs, and returns the exit code.
func Run(ctx context.Context, c Config) int {
	secrets := &redact.Set{}
	j := &job{Config: c, started: time.Now(), log: joblog.New(c.Out, c.getenv, secrets, time.Now), steps: map[string]runapi.CacheStep{}}
	result, err := j.run(ctx)
	if err != nil {
		j.log.Fail("%v", err)
		return 1
	}
	j.log.Say("%s", j.said)
	if c.getenv("GITHUB_OUTPUT") != "" {
		j.log.Actions().SetOutput("result", result)
		j.log.Actions().SetOutput("cache", j.said)
	}
	if c.getenv("GITHUB_STEP_SUMMARY") != "" {
		j.log.Actions().AddStepSummary(j.said + "\n")
	}
	return 0
}

func (c Config) getenv(name string) string {
	for i := len(c.Environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(c.Environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// job is one job at work.
type job struct {
	Config
	settings
	log     *joblog.Log
	started time.Time
	steps   map[string]runapi.CacheStep // of the cache, the latest of each kind
	said    string                      // what came of it
}

func (j *job) run(ctx context.Context) (result string, err error) {
	if j.settings, err = read(j.getenv); err != nil {
		return "", err
	}
	j.log.Secret(j.source.Token, j.password)
	dir := filepath.Join(cmp.Or(j.getenv("RUNNER_TEMP"), os.TempDir()), "anvil-"+strings.ToLower(rand.Text()[:12]))
	w, err := workspace.Prepare(ctx, dir, j.Environ, j.source)
	if err != nil {
		return "", fmt.Errorf("check out the commit: %w", err)
	}
	defer w.Remove()
	tree, err := w.CheckoutBase(ctx)
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(tree)
	if err != nil {
		return "", err
	}
	defer root.Close()
	found, err := devcontainer.Find(root, j.name)
	if err != nil {
		return "", err
	}
	if found == nil {
		j.said = "This commit has no dev container: there is nothing to build."
		return None, nil
	}
	if err := found.Refuse(j.allow); err != nil {
		return "", err
	}
	return j.keep(ctx, tree, found)
}

// keep looks for the image, and builds and pushes it if there is none.
func (j *job) keep(ctx context.Context, tree string, found *devcontainer.Configuration) (string, error) {
	cli := devcontainer.CLI{
		Environ: devcontainer.Environ(j.Environ), Limit: time.Duration(j.build) * time.Second, Ask: askTime,
		Clean: joblog.Clean, Log: joblog.NewLines(func(line string) { j.log.Quote(joblog.Clean(line)) }),
	}
	tools := &tool.Box{Tools: tool.Known(), Getenv: j.getenv, Say: j.log.Say}
	defer tools.Close()
	cli, err := cli.Have(ctx, tools.Get)
	if err != nil {
		return "", err
	}
	inputs, err := cli.Inputs(ctx, found)
	if err != nil {
		return "", err
	}
	cache, err := imagecache.Open(ctx, imagecache.Options{
		Images: j.images, Repository: j.repository, Branch: j.branch, Platform: devcontainer.Platform,
		Environ: j.Environ, Temp: j.getenv("RUNNER_TEMP"), Secret: j.log.Secret,
		Server: given{cmp.Or(j.images.Registry, imagecache.DefaultRegistry), j.user, j.password},
		Tell: func(kind, text string, step runapi.CacheStep) {
			j.steps[kind] = step
			j.log.Say("%s", text)
		},
	})
	if err != nil {
		return "", err
	}
	warn := func(text string) { j.log.Warn("%s", joblog.Clean(text)) }
	bases := cache.Bases(ctx, found, warn)
	if err := bases.Refuse(found, j.allow); err != nil {
		return "", err
	}
	key, loose := bases.Keys(inputs.KeyWith)
	if image, ok := cache.Lookup(ctx, key); ok {
		cache.Close(ctx)
		j.said = fmt.Sprintf("Nothing changed: the image of %s is kept as %s, %s. Nothing was built. This took %s.", found.Path, image.Reference, image.Digest, j.took())
		return Kept, nil
	}
	if !cache.Provide(ctx, bases, warn) {
		return "", &runapi.Error{Code: imagecache.CodePull, What: "The images that " + found.Path + " is built on can't be had as they are at their registries.", Next: "See the warnings above, and start the workflow again."}
	}
	built, err := j.make(ctx, cli, cache, tree, found, key)
	if err != nil {
		return "", err
	}
	if !cache.Unmoved(ctx, bases, warn) {
		return "", &runapi.Error{Code: imagecache.CodePush, What: "The image of " + found.Path + " was built, and is not kept: what it is built on is not what it was.", Next: "See the warnings above, and start the workflow again."}
	}
	cache.Push(built.ID, key, loose)
	cache.Close(ctx)
	push := j.steps[runapi.KindCachePush]
	if push.Code != "" {
		return "", &runapi.Error{Code: push.Code, What: "The image of " + found.Path + " was built, and is not kept: " + push.Why + ".", Next: "Correct that, and start the workflow again."}
	}
	j.said = fmt.Sprintf("Built the image of %s: it is kept as %s, %s, %d MB. This took %s.", found.Path, push.Reference, push.Digest, push.Bytes/1e6, j.took())
	return Built, nil
}

// make builds the image.
func (j *job) make(ctx context.Context, cli devcontainer.CLI, cache *imagecache.Cache, tree string, found *devcontainer.Configuration, key string) (devcontainer.Built, error) {
	env, done, err := cache.Login(ctx)
	defer done()
	if err != nil {
		return devcontainer.Built{}, err // what can't be pushed need not be built
	}
	building := cli
	building.Environ = append(building.Environ, env...)
	j.log.Group("Build " + found.Path)
	built, err := building.Build(ctx, tree, found, "anvil-env:"+key, cache.From(ctx), cache.To(ctx, key, true))
	j.log.EndGroup()
	if err != nil {
		return devcontainer.Built{}, err
	}
	return built, devcontainer.RefuseMetadata("the image of "+found.Path, built.Metadata, j.allow)
}

func (j *job) took() time.Duration { return time.Since(j.started).Round(100 * time.Millisecond) }
