package redact

import "testing"

// Every rule can be compiled, and none of gitleaks' but the guess is left out.
func TestRules(t *testing.T) {
	t.Parallel()
	r, err := readRules()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.all) < 220 {
		t.Errorf("only %d rules", len(r.all))
	}
	for _, rule := range r.all {
		rule.expression()
	}
}
