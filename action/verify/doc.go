// Package verify runs the commands that say whether a change is good, and makes
// the record of it.
//
// The commands come from the assignment: from the person who asked, or from the
// repository's settings on its default branch. If there are none, [Detect] looks
// at the tree for what its kind of project is tested with, and says what it
// found. If there is nothing to run, or what it needs is not on the runner, the
// record says "unverified" and why: that is no failure, and no success either.
//
// The commands run in a fresh checkout of the result, not in the tree that the
// agent worked in: what only that tree held (files that git ignores, a changed
// .git, services it started) can't make them pass. They are as untrusted as the
// agent, since the code that they run is the agent's, and run behind the same
// confinement with a home of their own.
package verify
