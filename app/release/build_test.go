package release

import "testing"

// What a build is named by at GitHub is a release's tag, and for others no more than is true.
func TestRef(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]Build{
		"v1.2.3": {Version: "v1.2.3", Commit: "c0ffee"},
		"c0ffee": {Commit: "c0ffee"},
		"main":   {Version: "v1.2.3", Commit: "c0ffee", Changed: true},
	} {
		if got := b.Ref(); got != want || b.Released() != (want == "v1.2.3") {
			t.Errorf("%s is named %q, released: %v", b, got, b.Released())
		}
	}
	if got := (Build{}).Ref(); got != "main" {
		t.Errorf("a build that says nothing is named %q", got)
	}
}
