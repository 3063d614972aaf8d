package runner_test

import (
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Fifty megabytes of binary, escape sequences and commands end in a log of bounded
// size that says what is missing, and none of it does anything.
func TestRunFlood(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null
		printf 'begin of it\n'
		chunk() { i=0; while [ $i -lt 400 ]; do printf '::error::forged \033[31mred\033]0;title\007 \001\002\377\376 over\r::warning::written ##[error]x %0900d\n' $i; i=$((i+1)); done; }
		chunk > ../chunk; i=0; while [ $i -lt 50 ]; do cat ../chunk; head -c 600000 /dev/zero; i=$((i+1)); done
		printf '\nend of it\n'`)
	s.assignment.Limits.LogBytes = 200 << 10
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Unchanged {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	for name, content := range map[string]string{"the job's log": m.out.String(), "the log artifact": string(s.artifacts[runapi.ArtifactLog]), "the stream artifact": string(s.artifacts[runapi.ArtifactStream])} {
		if len(content) > 300<<10 {
			t.Errorf("%s has %d bytes", name, len(content))
		}
		if !strings.Contains(content, "begin of it") || !strings.Contains(content, "…]") {
			t.Errorf("%s has no beginning, or does not say that it was cut", name)
		}
		if name == "the stream artifact" {
			continue // what the engine printed, as it is but for secrets
		}
		if i := strings.IndexFunc(content, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }); i >= 0 {
			t.Errorf("%s has a control character: %q", name, content[i:min(len(content), i+20)])
		}
		for line := range strings.Lines(content) {
			if strings.HasPrefix(line, "::error") || strings.HasPrefix(line, "::warning") || strings.Contains(line, "##[error") && name == "the job's log" {
				t.Fatalf("%s has a command: %.80q", name, line)
			}
		}
	}
	if log := string(s.artifacts[runapi.ArtifactLog]); !strings.Contains(log, "end of it") {
		t.Error("the log artifact has no end")
	}
	if n := len(s.events); n > 6000 {
		t.Errorf("%d events", n)
	}
}
