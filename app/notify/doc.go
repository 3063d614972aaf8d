// Package notify renders a task's state for the places in which people look: the
// comment, the pull request, the check run, the commit.
//
// Every function here is pure: an [anvil.Story] in, text out. All that comes from
// outside (the instruction, the agent's answer, output of commands, names of
// files, words of GitHub) passes through package sanitize on its way, so that
// nobody is pinged, nothing is linked or closed, and no markup is broken by it.
// The only mention that stays one is the requester's.
package notify
