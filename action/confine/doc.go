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
// [Choose] finds what works on the machine, by running a trivial program in it:
// docker, podman or bubblewrap. Each makes containers in which
//
//   - programs are another user than the runner (see [Evidence] for which), without
//     capabilities and without a way to get any;
//   - there are no processes but their own, no files but those of the [Room] and a
//     system that is read-only, and no network but a loopback. A service of the runner
//     is reached by a port of that loopback ([Confinement].Reach): the first process,
//     [Inside], joins it with a Unix socket that is mounted;
//   - memory, processors, processes, open files and disk are limited as far as the
//     machine lets the runner do it. What does not hold is in the Evidence;
//   - everything ends when the program does, when the runner says so, and when the
//     runner is killed: Inside is PID 1 of its namespace, and goes when the control
//     socket does.
//
// Things are at fixed places inside, so that an engine's conversation can go on on
// any machine. Caches of tools are in the programs' own home. The machine's own are
// to be read only: Go's modules as a proxy that is asked first, Go's builds as links.
//
// [Plain] is for mode none, which only the operator can name: a child process of the
// runner's own user. Where the system allows it (Linux), a supervisor stands between:
// it adopts whatever the program detaches, ends all of it when the program has ended,
// and does the same when the runner itself is killed.
//
// Known gaps. Where the runner is not root, programs in bubblewrap have its number
// outside their user namespace, and in docker in theirs: files and processes of the
// runner are out of sight, not of another owner. Disk is watched, not reserved. A
// runner that is killed leaves an empty cgroup to the next. What a program does to an image is
// gone when it ends: only tree, home and /tmp last. Rootless
// Podman limits nothing where cgroups are of version 1, and says so in the Evidence.
package confine
