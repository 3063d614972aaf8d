package main

import (
	"strings"
	"testing"
)

// Whoever leaves an argument out, or misspells one, is told how the command is used.
func TestMisuseSaysHowItIsUsed(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"show":             "Use it as: anvil show",
		"show a --datadir": "Use it as: anvil show",
		"policy explain":   "anvil policy explain --help tells more",
		"sevre":            "anvil --help tells more",
		"demo now":         "Use it as: anvil demo",
	} {
		root := command()
		root.SetArgs(strings.Fields(args))
		if err := execute(t.Context(), root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("anvil %s: %v; want %q in it", args, err, want)
		}
	}
	root := command()
	root.SetArgs(strings.Fields("demo --engine none"))
	if err := execute(t.Context(), root); err == nil || strings.Contains(err.Error(), "Use it as") {
		t.Errorf("what the command itself says stays as it is: %v", err)
	}
}
