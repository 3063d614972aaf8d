package bench

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBench measures everything, one after the other: nothing may run beside a
// measurement.
func TestBench(t *testing.T) {
	if !strings.Contains(flag.Lookup("test.run").Value.String(), "TestBench") {
		t.Skip("measurements are made by `make bench`, on a machine that has nothing else to do")
	}
	var all table
	defer func() {
		fmt.Println()
		all.print(os.Stdout)
	}()
	t.Run("workspace", func(t *testing.T) { measureWorkspace(t, &all) })
	bin := build(t)
	t.Run("start", func(t *testing.T) { measureStart(t, &all, bin) })
	w := newTown(t, bin)
	t.Run("idle", func(t *testing.T) { measureIdle(t, &all, w) })
	t.Run("ready", func(t *testing.T) { measureReady(t, &all, w) })
	s := serve(t, bin, w.config, w.address)
	t.Run("tasks", func(t *testing.T) { measureTasks(t, &all, w, s) })
	t.Run("talk", func(t *testing.T) { measureTalk(t, &all, w) })
	t.Run("door", func(t *testing.T) {
		measureDoor(t, &all, w)
		measureLargeDoor(t, &all, w)
	})
	s.stop(t)
	t.Run("models", func(t *testing.T) { measureModels(t, &all, w) })
	t.Run("demo", func(t *testing.T) { measureDemo(t, &all, bin) })
	t.Run("contained", func(t *testing.T) { measureContained(t, &all, bin) })
	t.Run("egress", func(t *testing.T) { measureEgress(t, &all) })
	t.Run("redaction", func(t *testing.T) { measureRedaction(t, &all) })
	t.Run("session", func(t *testing.T) { measureSession(t, &all) })
	t.Run("environment", func(t *testing.T) { measureEnvironment(t, &all, bin) })
	megabytes := func(name string) float64 {
		info, err := os.Stat(filepath.Join(bin, name))
		if err != nil {
			t.Fatal(err)
		}
		return float64(info.Size()) / 1e6
	}
	all.note("size of anvil", fmt.Sprintf("%.1f MB", megabytes("anvil")), "-")
	all.within(t, "size of anvil-runner (a release's is smaller)", megabytes("anvil-runner"), 30, "MB")
}

// measureReady starts the server on a database that is there.
func measureReady(t *testing.T, all *table, w *town) {
	var took []time.Duration
	all.timed(func() {
		for range 11 {
			s := serve(t, w.bin, w.config, w.address)
			took = append(took, s.ready)
			s.stop(t)
		}
	})
	all.within(t, "anvil serve: ready, on an existing database (p50 of 10)", ms(median(took[1:])), 300, "ms")
}

// measureIdle looks at a server that has just made its database, when it has
// most left to tidy up, and at one that found it there.
func measureIdle(t *testing.T, all *table, w *town) {
	for _, start := range []string{"first", "second"} {
		s := serve(t, w.bin, w.config, w.address)
		rest(t, 2*time.Second)
		before := s.cpu(t)
		rest(t, 10*time.Second)
		used := s.cpu(t) - before
		m := s.resident(t)
		s.stop(t)
		all.within(t, "anvil serve: memory (VmRSS) at rest after its "+start+" start", m.all, 40, "MB")
		all.note("", fmt.Sprintf("%.1f MB its own, %.1f MB of the program's file", m.own, m.file), "")
		all.note("anvil serve: processor time in 10 s of rest", fmt.Sprintf("%d ms", used.Milliseconds()), "-")
	}
}
