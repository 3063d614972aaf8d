// Package linear is the few calls that we make of Linear, as an agent of one workspace.
//
// A [Client] acts as the app itself: it gets its token by the app's own credentials, and
// another one when that runs out or is revoked, so there is nothing to be kept or rotated.
// What people see is an [Activity] in an agent session. Its id is ours ([ID]), made from
// what it is about, and Linear takes an id once: so an activity whose answer was lost can
// be created again without standing there twice.
//
// Every failure is an [*Error]. Whether waiting helps, and until when, says [RetryAt]:
// Linear's own time after its rate limit.
//
// Beside it is lineartest, a Linear that is simulated.
package linear
