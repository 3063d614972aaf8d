package runapi

import "testing"

func TestPromptDigest(t *testing.T) {
	t.Parallel()
	p := Prompt{Instruction: "fix it", IssueNumber: 7, IssueTitle: "Sum", IssueBody: "1+1\ngives 3"}
	// Computed with sha256sum over the documented bytes: a digest that is stored
	// today must be the same in every later version.
	const want = "4730bfec372f2dd8c8190c602b5be4dab0cc3f66a3d23b2e618e66b5d78f4a74"
	if got := p.ComputeDigest(); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	// Texts that run together when they are merely joined are told apart.
	a := Prompt{Instruction: "x\nissue_title 0\n\n", IssueTitle: ""}
	b := Prompt{Instruction: "x\n", IssueTitle: "\n"}
	c := Prompt{Instruction: "", IssueTitle: "x"}
	d := Prompt{Instruction: "x", IssueTitle: ""}
	seen := map[string]bool{}
	// So are what the agent asked and what people answered.
	e, f, g := d, d, d
	e.Exchanges = []Exchange{{Question: "JWT?", Answer: "no"}}
	f.Exchanges = []Exchange{{Question: "JWT?", Answer: "no, Passport"}}
	g.Exchanges = append(e.Exchanges, f.Exchanges...)
	for _, p := range []Prompt{a, b, c, d, e, f, g} {
		seen[p.ComputeDigest()] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d digests for seven different prompts", len(seen))
	}
}
