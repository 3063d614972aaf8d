// Package inspect checks what a runner proposes before anything of it is published.
//
// A [Proposal] is a git bundle and the facts it must agree with: the base
// commit that the run started from and the head commit that the runner
// reported. [Inspector.Inspect] answers with a [Checked] tree, of which an
// [anvil.Verdict] tells the rest of the product, or with an [anvil.Problem]
// that says why not. Any other error is ours, and worth another try: nothing
// was found out about the proposal.
//
// The order of events, each step refusing before the next one begins:
//
//  1. The bundle's header is read here, byte by byte, and must be exactly
//     what a runner writes: one prerequisite, the base commit; one ref, the
//     head. Git's own reader of bundles would obey more than that.
//  2. A fresh bare repository is made: the quarantine. The base commit is
//     fetched into it from GitHub, so that what is compared against never
//     came from the runner.
//  3. The pack goes through index-pack at its strictest. No object of it is
//     ever checked out, and no program named by it runs.
//  4. The head must descend from the base, be complete, and have another tree.
//  5. The two trees are compared as wholes: number and size of the files,
//     the kind of each entry, the safety of each path, alone and beside all
//     others of the tree.
//  6. What was added is searched for secrets.
//  7. Protected paths are listed, and what links of such names lead to. They are no problem by themselves: a person
//     may release them, and the caller holds until then.
//
// Of the proposal only the tree is used afterwards; its commits, their
// authors and their messages are thrown away with the quarantine.
//
// A crash leaves a quarantine directory behind and nothing else. [New] sweeps
// such leftovers, and the same proposal can be inspected again from the start.
package inspect
