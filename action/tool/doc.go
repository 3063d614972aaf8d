// Package tool has the programs that a job needs and its machine lacks: the coding agents
// and the dev container CLI, at the versions that Anvil was tried with.
//
// A [Tool] is an archive of npm's registry for each platform, and the digest by which npm
// itself knows it. A [Box] fetches the archive, compares it, and then unpacks it for this
// job alone. Nothing of it is run for that: what npm would start to install a package isn't.
//
// What stays on a machine is the archive, in the tool cache of GitHub's runner. It is
// compared again in each job: an earlier one could have written there. What is unpacked goes
// with the job. After a crash there may be an unfinished file, which nobody reads.
//
// Claude Code's licence does not let others hand it on. So no image of ours has it, and a
// machine has it from Anthropic's own package, at first use.
package tool
