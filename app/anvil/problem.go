package anvil

import (
	"errors"
	"fmt"
	"strings"
)

// Code is the stable name of a problem, as documented in docs/errors.md.
type Code string

// Problem is what went wrong, told to a person: what happened, and what to do
// next. It reads `CODE: what happened. What to do. (ids)`. It never carries a
// secret or unescaped input from outside.
type Problem struct {
	Code Code     `json:"code"`
	What string   `json:"what"`          // one sentence, no final stop needed
	Next string   `json:"next"`          // what the reader can do
	IDs  []string `json:"ids,omitempty"` // delivery, task, run: whatever finds it in the logs
	// Places is where it is in the repository, for annotations: not all of it, where
	// there is much.
	Places []Place `json:"places,omitempty"`
	// Cause is the chain for the operator's log. It is never shown or stored.
	Cause error `json:"-"`
}

// Place is a line of a file that something is said about.
type Place struct {
	Path string `json:"path"`           // as git has it
	Line int    `json:"line,omitempty"` // from 1; 0 is the file as a whole
	What string `json:"what"`           // in a few words
}

// MaxPlaces is how many places a problem has at most.
const MaxPlaces = 200

// Problemf returns a problem with a formatted sentence.
func Problemf(code Code, next, what string, args ...any) *Problem {
	return &Problem{Code: code, Next: next, What: fmt.Sprintf(what, args...)}
}

// Because returns a copy of p that carries cause for the log.
func (p *Problem) Because(cause error) *Problem {
	q := *p
	q.Cause = cause
	return &q
}

// At returns a copy of p that says where it is.
func (p *Problem) At(places []Place) *Problem {
	q := *p
	q.Places = places[:min(len(places), MaxPlaces)]
	return &q
}

func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", p.Code, sentence(p.What))
	if p.Next != "" {
		b.WriteString(" " + sentence(p.Next))
	}
	if len(p.IDs) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(p.IDs, ", "))
	}
	return b.String()
}

func (p *Problem) Unwrap() error { return p.Cause }

// AsProblem returns the problem in err's chain, or nil.
func AsProblem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, "…") || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}
