// Package doctor tells what a machine can do as a runner of Anvil, what it lacks, and
// how that is mended.
//
// A [Finding] is what was found out about one subject: good; lacking, which runs can do
// without; or wrong, which they can't. A machine with nothing wrong is ready, and
// [Report.Ready] says so for a script.
//
// Nothing is guessed that can be tried: what contains an agent has contained a trivial
// program, each engine of containers has answered, and clocks are compared with the
// server's. Nothing is left behind but the empty image that containers on the machine's
// own system are made of.
//
// A runner that stays after its job and serves a public repository is wrong whatever
// else it has: there anybody's pull request can bring code that waits for the next job.
package doctor
