// Package joblog writes the log of the job, as GitHub Actions shows it.
//
// Two kinds of text go there. What the runner says itself may hold workflow
// commands: groups, masks, warnings. What an agent or a check printed may hold
// anything, and must do nothing: it is cleaned of control characters ([Clean]),
// redacted, and printed between stop-commands markers with a random token, each
// line behind a prefix, so that no line of it can begin with a command even if
// one of the two defences fails.
//
// A [Log] keeps a plain copy of everything for the run's log artifact, cut in the
// middle when it grows too long: the beginning and the end are what people read.
package joblog
