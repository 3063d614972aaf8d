// Package prebuild keeps the image of a repository's dev container, so that no run has
// to build it.
//
// A [Config] is the job's environment. [Run] reads the dev container of the commit that
// the job is for, as a run would read it, and looks for its image. If it is kept, nothing
// has changed, nothing is built or pulled, and that took a second or two. If not, it is
// built and pushed, and Run waits for that.
//
// What it guarantees:
//
//   - A run finds what was built here: both make the key of the same files of the same
//     commit, by the same code.
//   - What a run would refuse, it refuses too, before anything is built; and what was
//     built is refused before it is pushed.
//   - The job's token fetches the commit and logs in at the registry. No build sees it.
//
// Unlike in a run, an image that can't be kept is a failure: keeping it is all that this
// job is for.
package prebuild
