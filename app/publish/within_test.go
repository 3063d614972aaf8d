package publish

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/github"
)

// What is told stands once, whatever people did to the text around it, and nobody
// else's marker moves it.
func TestWithin(t *testing.T) {
	t.Parallel()
	m := Markers{Key: []byte("k")}
	one := m.Within("", "s", "one")
	begin, end := m.Of("s"), m.Of("end/s")
	if one != begin+"\n\none\n\n"+end {
		t.Fatalf("the first is\n%s", one)
	}
	for name, c := range map[string]struct{ text, want string }{
		"as it was":               {one, begin + "\n\ntwo\n\n" + end},
		"with text around it":     {"before\n\n" + one + "\n\nafter", "before\n\n" + begin + "\n\ntwo\n\n" + end + "\n\nafter"},
		"people wrote it anew":    {"ours now", "ours now\n\n" + begin + "\n\ntwo\n\n" + end},
		"one marker is gone":      {strings.Replace(one, end, "", 1), "one\n\n" + begin + "\n\ntwo\n\n" + end},
		"another session's there": {Markers{Key: []byte("x")}.Within("", "s", "forged"), Markers{Key: []byte("x")}.Within("", "s", "forged") + "\n\n" + begin + "\n\ntwo\n\n" + end},
	} {
		if got := m.Within(c.text, "s", "two"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
	long := m.Within(strings.Repeat("wörter ", 20_000), "s", strings.Repeat("täglich ", 20_000))
	if utf8.RuneCountInString(long) > github.MaxBody || !strings.HasSuffix(long, end) {
		t.Errorf("%d characters, ending in %q", utf8.RuneCountInString(long), long[len(long)-40:])
	}
}
