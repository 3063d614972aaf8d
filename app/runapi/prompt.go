package runapi

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strconv"
)

// ComputeDigest returns the sha256, in hex, over p's texts. The server computes
// it when it takes the snapshot, shows it and stores it; the runner computes it
// again over what it was assigned, so a prompt that changed on the way is seen.
//
// What is hashed is, for each of "instruction", "issue_title" and "issue_body", and
// then for "question" and "answer" of each exchange: the name, a space, the text's
// length in bytes in decimal, a newline, the text and a newline; before them all
// the line "anvil prompt 1", or "anvil prompt 2" if there are exchanges. The
// lengths make two different sets of texts two different inputs, whatever the
// texts contain.
func (p Prompt) ComputeDigest() string {
	h := sha256.New()
	format := "anvil prompt 1\n"
	if len(p.Exchanges) > 0 {
		format = "anvil prompt 2\n"
	}
	io.WriteString(h, format)
	type part struct{ name, text string }
	parts := []part{{"instruction", p.Instruction}, {"issue_title", p.IssueTitle}, {"issue_body", p.IssueBody}}
	for _, e := range p.Exchanges {
		parts = append(parts, part{"question", e.Question}, part{"answer", e.Answer})
	}
	for _, part := range parts {
		io.WriteString(h, part.name+" "+strconv.Itoa(len(part.text))+"\n"+part.text+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}
