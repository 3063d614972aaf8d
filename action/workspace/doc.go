// Package workspace prepares the tree that an agent works in, and makes a
// commit and a bundle of what it left there.
//
// A [Workspace] is a directory of one run. In the order of events:
//
//	base.git     Fetch has the base commit in it, alone and without history
//	agent/       the agent's: a repository of its own (repository.git, which borrows
//	             base.git's objects) and the tree, so that git works for the agent
//	result.git   made after the agent has ended; Collect builds the commit in it
//	submodules/  those of the base commit that may be fetched, a repository each
//	verify/      a fresh checkout of that commit, in which the checks run
//
// The agent may do what it likes with its tree and its repository: rewrite the
// configuration, plant hooks and filters, replace .git, put repositories inside
// the tree. None of it counts, since no git of ours ever runs with a git
// directory that an agent could have written to. Collect works in a directory
// that did not exist while the agent lived, reads the files of the tree and
// nothing else, and has removed every .git in it before. What the agent
// committed is part of the tree, or it is nothing.
//
// git itself runs with an empty home, no system configuration, no hooks, no
// filters, no prompts, and only the transports it needs. The read token is in
// the environment of the one git process that fetches, which has ended before
// anything of the repository's runs. It is never in a file or an argument.
//
// A workspace is not shared between runs: what a run could write to could
// change what the next one reads. What may be shared is the mirror: a bare repository,
// outside of every workspace, of the base commits of earlier runs of the same repository,
// without their history. Then base.git has the mirror's objects in the place of its
// own, no untrusted program can write to them where it is contained, and a run fetches
// what is new, or nothing. Beside the mirror is a tree that the run before made for the next
// one, [Workspace.MakeSpare]. What of it can't be used or read costs time, never the run:
// it is told in Trouble and left, and a mirror begun anew by the next run that has it alone.
package workspace
