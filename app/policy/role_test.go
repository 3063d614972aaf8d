package policy

import "testing"

func TestOnlyWhoMayWriteMayAsk(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]bool{
		"admin": true, "maintain": true, "write": true,
		"triage": false, "read": false, "none": false, "": false, "Admin": false, "writer": false,
	} {
		if got := MayWrite(role); got != want {
			t.Errorf("MayWrite(%q) = %v", role, got)
		}
	}
}
