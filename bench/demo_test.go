package bench

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// measureDemo times the demo as `make demo ONCE=1` runs it, after the build.
func measureDemo(t *testing.T, all *table, bin string) {
	var took []time.Duration
	once := func() {
		began := time.Now()
		out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "anvil"), "demo", "--once", "--json").Output()
		took = append(took, time.Since(began))
		var result struct{ Outcome string }
		if err == nil {
			err = json.Unmarshal(out, &result)
		}
		if err != nil || result.Outcome != "succeeded" {
			t.Fatalf("the demo ended with %q: %v", result.Outcome, err)
		}
	}
	all.timed(func() {
		for range 3 {
			once()
		}
	})
	all.within(t, "demo: comment to pull request, all of it (p50 of 3)", median(took).Seconds(), 15, "s")
}
