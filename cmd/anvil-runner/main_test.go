package main

import "testing"

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"publish"}, {"run", "x"}, {"version", "x"}, {"supervise"}, {"doctor", "--unknown"}, {"doctor", "nothing"}} {
		if code := run(args); code != 2 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	if code := run([]string{"version"}); code != 0 {
		t.Errorf("version: exit code %d", code)
	}
}
