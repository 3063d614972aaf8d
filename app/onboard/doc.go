// Package onboard opens the pull request by which a repository begins with Anvil: the
// caller workflow, and rules in which every key is explained and none is set.
//
// It acts with a person's token, because the App asks for no right to write workflow
// files, and GitHub refuses such a push without it. Twice is the same as once: there is
// one branch, [Branch], and an open pull request from it is found instead of made.
package onboard
