// Package git runs the git program in an environment that nobody else has a say in.
//
// A [Program] is one git executable with its hardened environment. A
// [Repository] is a bare directory that belongs to us alone: nothing is ever
// checked out, and git never runs in a tree that an agent wrote to.
//
// Each command is one process started by argument vector, never through a shell:
//
//   - its environment is built from nothing: no home, no system or user
//     configuration, no hooks, no attributes, no replace objects, no prompts, no
//     maintenance in the background; only http and https may be spoken;
//   - what comes from outside stands behind --end-of-options or on standard input;
//   - it has its own process group, which is killed as a whole when the
//     context ends;
//   - what it prints is capped, and the tail of its standard error goes into
//     an [Error] for the operator's log, with the credential blotted out.
//
// A credential is a header in the environment of the one process that needs
// it, tied to the one server it is for. It is never in an argument, a URL or
// a file.
//
// The order of events around a proposal is: [Program.InitBare],
// [Repository.FetchCommit] of the base, [Repository.IndexPack] of what the
// runner sent, reading with [Repository.DiffTree], [Repository.Walk] and
// [Repository.Blobs], [Repository.CommitTree] of the checked tree, and
// [Repository.Push] under an exact lease. A repository is disposable: after a
// crash it is removed and made again.
package git
