package anvil

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// ApprovalDigest binds the approval of a plan to all that was approved: what was
// asked, the commit that the plan was made for, the plan's words, and the rules as
// they were. If one letter of it is another, it is another digest.
func ApprovalDigest(prompt Prompt, base string, plan string, rules Rules) string {
	h := sha256.New()
	for _, part := range []string{prompt.Digest, base, plan, rules.Digest()} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Digest is over what rules say, not over where they stand: a push to the default
// branch that leaves them alone leaves it alone.
func (r Rules) Digest() string {
	r.Commit, r.Organisation, r.Notices, r.Written = "", nil, nil, false
	text, err := json.Marshal(r)
	if err != nil {
		panic("anvil: rules are always JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Approved returns the run whose plan was approved, if there is one.
func (s Story) Approved() (planned Run, ok bool) {
	for _, r := range s.Runs {
		if r.Question != nil && r.Question.Approved {
			planned, ok = r, true
		}
	}
	return planned, ok
}

// Planning reports whether the present run is to make a plan and nothing else.
func (s Story) Planning() bool {
	_, approved := s.Approved()
	return s.Task.Command.Verb == VerbPlan && !approved
}
