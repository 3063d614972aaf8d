// Package hook is the door: it lets webhook calls in, and nothing else.
//
// A call is checked (method, type, headers, size, the SHA-256 signature, that
// the body is one clean JSON document), then stored together with the job that
// will decide it, in one transaction, and only then answered. Nothing is asked
// of anybody else on this path, so the answer is fast whatever state GitHub is
// in, and what was answered with 2xx is never lost. A delivery id is accepted
// once, for ever: GitHub keeps it on a redelivery, so an equal call is
// answered as a duplicate and a different one as a conflict. GitHub does not sign
// the id, so the store also knows a command by its body: one that was captured
// and is sent again under a new id is a duplicate too.
//
// Until a signature is known a body may come from anybody. What all bodies take
// together, from the first byte to the answer, is bounded, and counted as it arrives
// rather than as it is promised; beyond the bound a call is told to come again.
//
// Behind the checks stands go-githubapp's dispatcher with a [githubapp.Scheduler]
// that commits before it returns. The checks come first because go-github
// accepts a SHA-1 signature where the SHA-256 one is missing, and none where the
// secret is empty.
//
// Linear's door is one of its own, with the same order of things: checked, stored with
// its jobs, answered.
package hook
