package strict

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"base", "engine", "model", "verify", "stop", "claude-large"}
	for word, want := range map[string]string{
		"bsae": "base", "Base": "base", "bas": "base", "bases": "base", "engin": "engine", "enigne": "engine", "stpo": "stop",
		"claude-lrge": "claude-large", "clude-lrge": "claude-large",
		"x": "", "": "", "refactor": "", "main": "", "verification": "", "fix": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
