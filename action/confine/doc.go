// Package confine runs programs that are not trusted: the coding agent, and the
// commands that verify its work.
//
// A [Spec] says what to run. A [Confinement] runs it, and promises that
//
//   - the program sees the environment in the Spec and no other,
//   - asking it to stop ends it in the time that the Spec gives, and
//   - when [Process.Wait] returns, the program and all that it started are gone.
//
// [Environment] builds that environment from an allow list. Nothing of the job
// itself (GITHUB_*, ACTIONS_*, RUNNER_*, INPUT_*, ANVIL_*) is ever in it: those
// variables can mint identity tokens, and name the files through which a step
// changes the steps after it.
//
// [Plain] is the one confinement so far: a child process in a process group of
// its own. Where the system allows it (Linux), a supervisor stands between: it
// adopts whatever the program detaches, ends all of it when the program has
// ended, and does the same when the runner itself is killed.
//
// Known gap: Plain does not hide the machine. The program runs as the runner's
// user, and can read that user's files, reach the network, and look at other
// processes of the same user. A container will stand behind the same interface.
package confine
