package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

// measureRedaction streams a log of the usual kind through the runner's redaction,
// and has gitleaks' own detector look at the same, with the same rules.
func measureRedaction(t *testing.T, all *table) {
	text := usualLog(8 << 20)
	secrets := &redact.Set{}
	secrets.Add("canary-"+strings.Repeat("lease", 8), "canary-"+strings.Repeat("read", 8), "canary-"+strings.Repeat("nonce", 6))
	detector := theirDetector(t)
	const piece = 32 << 10
	pieces := func(use func(string)) time.Duration {
		began := time.Now()
		for rest := text; rest != ""; {
			n := min(piece, len(rest))
			use(rest[:n])
			rest = rest[n:]
		}
		return time.Since(began)
	}
	var ours, theirs []time.Duration
	for i := range 7 {
		w := redact.NewWriter(secrets, io.Discard)
		mine := pieces(func(s string) { _, _ = io.WriteString(w, s) })
		_ = w.Close()
		//lint:ignore SA1019 what is to replace it comes with gitleaks v9
		peers := pieces(func(s string) { detector.DetectContext(context.Background(), detect.Fragment{Raw: s}) })
		if i > 1 {
			ours, theirs = append(ours, mine), append(theirs, peers)
		}
	}
	speed := func(d time.Duration) string { return fmt.Sprintf("%.1f MB/s", float64(len(text))/1e6/d.Seconds()) }
	all.add(t, row{
		what: "redaction of a stream, 8 MiB in pieces of 32 KiB", measured: speed(median(ours)),
		peer: "gitleaks' detector: " + speed(median(theirs)), ratio: ratio(ours, theirs), limit: 2,
	})
}

// theirDetector has gitleaks' rules, but for the one that the runner leaves out.
func theirDetector(t *testing.T) *detect.Detector {
	t.Helper()
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		t.Fatal(err)
	}
	var raw config.ViperConfig
	if err := v.Unmarshal(&raw); err != nil {
		t.Fatal(err)
	}
	rules, err := raw.Translate()
	if err != nil {
		t.Fatal(err)
	}
	delete(rules.Rules, "generic-api-key")
	return detect.NewDetector(rules)
}

// usualLog is what an agent and a test run print.
func usualLog(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `go: downloading golang.org/x/net v0.%[1]d.0
ok  	example.com/some/package/that/is/long	0.%03[1]ds
--- PASS: TestAuthorizationOfPeople (0.01s)
    server_test.go:%[1]d: they said that the key was not there yet
{"event":"message","text":"I will look at the failing test first, then at the store. Step %[1]d."}
diff --git a/app/main.go b/app/main.go
+	if err := s.check(ctx, token); err != nil {
npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.
https://registry.npmjs.org/left-pad/-/left-pad-1.3.%[1]d.tgz
`, i)
	}
	return b.String()
}
