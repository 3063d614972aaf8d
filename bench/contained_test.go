package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// measureContained starts a program that does nothing, in each container that this
// machine has, beside the same program without one: what being contained costs each
// start of an engine, of a setup command and of a check.
func measureContained(t *testing.T, all *table, bin string) {
	environ := os.Environ()
	if host := os.Getenv("ANVIL_DEVCONTAINER_HOST"); host != "" {
		environ = append(environ, "DOCKER_HOST="+host)
	}
	for _, mode := range []string{confine.ModeBubblewrap, confine.ModeDocker} {
		name := "a program that does nothing, started in " + mode
		limits := runapi.Containment{Mode: mode, MemoryBytes: 1 << 30, PIDs: 512, DiskBytes: 1 << 30}
		began := time.Now()
		choice, err := confine.Choose(t.Context(), confine.Options{Containment: limits, Environ: environ, Self: filepath.Join(bin, "anvil-runner")})
		if err != nil {
			all.note(name, "not measured: this machine has none", "-")
			continue
		}
		chosen := time.Since(began)
		room := confine.Room{Tree: t.TempDir(), Home: t.TempDir(), Temp: t.TempDir()}
		box, err := choice.New(room)
		if err != nil {
			t.Fatal(err)
		}
		var ours, bare []time.Duration
		all.timed(func() {
			for i := range 9 {
				began := time.Now()
				p, err := box.Start(t.Context(), confine.Spec{Argv: []string{"true"}, Env: []string{"PATH=/usr/bin:/bin"}})
				if err != nil {
					t.Fatal(err)
				}
				if exit, err := p.Wait(); err != nil || exit.Code != 0 {
					t.Fatalf("%+v: %v", exit, err)
				}
				mine := time.Since(began)
				began = time.Now()
				if err := exec.CommandContext(t.Context(), "true").Run(); err != nil {
					t.Fatal(err)
				}
				if i > 0 {
					ours, bare = append(ours, mine), append(bare, time.Since(began))
				}
			}
		})
		if err := box.Close(); err != nil {
			t.Error(err)
		}
		all.note(name+" (p50 of 8)", inMS(median(ours)), "without a container: "+inMS(median(bare)))
		all.note("", fmt.Sprintf("%s more", inMS(median(ours)-median(bare))), "found and proved, once a run: "+inMS(chosen))
	}
}
