// Package app is the Anvil server: a comment comes in, a reviewed pull request
// goes out, and the agent that writes the code never holds a secret.
//
// # The life of a task
//
// Each hop reads one row, commits one transaction, and in it enqueues the next
// hop. Every hop can be run twice; a crash between any two instructions loses
// nothing and doubles nothing.
//
// Receive (package hook). GitHub calls the webhook. The call is verified, stored
// as a Delivery together with the job that will decide it, in one transaction, and
// then answered. Nobody is asked anything on this path. What GitHub could not deliver is
// looked for each minute, and asked for again (missed).
//
// Decide (intake, policy). The stored payload is read by a pure function: is
// there a command in it, and whose? Then GitHub is asked what that person may
// do, and the rules whether it may be done here. What is ignored is kept with its reason; what is refused is answered.
//
// In Linear issues are delegated to this server as an agent, and people speak to it in the
// agent's sessions. A door of its own takes what Linear tells, a sign is given at once
// (greet), and once it is known who somebody is at GitHub, that they may write, and which
// repository it is about, a tracking issue is opened there. From then on the session is
// that thread: what is said in either place counts, and both show the same.
//
// In Slack people say what they want, too. Who somebody there is at GitHub, they say by
// signing in there (web): they are told an address that is theirs alone, and what they
// asked for before goes on from here once they are known.
//
// Open (intake). A Command becomes a Task in the thread's Session with a queued
// Run.
//
// Announce (publish, words by notify). A reaction, then one comment that is
// edited in place at every later hop. Where people listen while an agent works, what it says
// is told on (speak).
//
// Schedule (schedule). A queued Run gets a slot when there is one and it is its
// turn.
//
// Dispatch (dispatch). A run that is to bring a pull request up to date begins at the pull
// request's base, with which its branch is merged. Base commit and rules are settled, intent and nonce are
// committed, and the workflow is started, once. An answer that got lost leaves
// the run uncertain, and it is looked for before anything is asked again.
//
// Claim (lease). The job's OIDC token and nonce become a Lease. The first valid
// claim wins.
//
// Work and Verify happen on the runner: package action tells that part. Its
// events, artifacts and renewals come in through package lease; what the agent asks
// of a model comes in through package gateway, which adds the key, meters it and
// keeps it within budget.
//
// Ask (tools). While it works, the agent may ask the server for what it needs to
// know, and people for what it can't: by tools, each call written into the audit
// trail first. A run whose agent has asked a person ends and waits, without a runner;
// the answer, a command in the thread, opens the next attempt, which goes on in the
// same conversation (package lease keeps what a run left, sealed).
//
// Keep (images). The image of a run's environment is kept for later runs: in a registry,
// at which the server gives the run a login, or in the archive of its repository.
//
// Finish (lease). The runner hands over an outcome and a bundle, once.
//
// Inspect (inspect). The bundle is checked in a bare quarantine repository:
// base, refs, paths, entries, sizes, secrets, protected files. What touches a
// protected file is held for a person.
//
// Deliver (publish). The checked tree becomes one commit of ours; branch, read
// back, pull request, check run, each written down before it is made.
//
// Conclude (publish, notify). The comment and the reaction say how it ended; the
// session waits for the next instruction. Whatever shows a task, here and at every
// hop before, is rendered from one notify.Document.
//
// Review (publish). Where the rules want it, a second check run on the pull request's head
// waits for the approval of somebody who has no part in it, whatever is pushed or
// dismissed meanwhile.
//
// Reap (lease, dispatch). A runner that never came or went silent loses its run,
// and the task gets another attempt or an end with a cause.
//
// # The map
//
// [github.com/seed-bc0cc349/anvil/app/anvil] has the nouns and the one state
// machine, [github.com/seed-bc0cc349/anvil/app/runapi] the contract with the
// runner. Services that hops use: store and queue (one SQLite database), blob
// (artifacts by digest), seal (what only this server can read in it), github (the
// few calls we make; beside it githubtest, a GitHub that is simulated, as
// gateway/modeltest is a model that follows a script), linear (the same of Linear, with
// lineartest), git (the git program,
// hardened), policy (who may have what), rulebook (the rules in force, from a repository
// and its organisation), sanitize (text from outside made safe),
// secret (what looks like one, found and masked).
//
// Without a server, package standalone plays Decide in one job of GitHub Actions and
// Inspect to Conclude in another, with the same hops. What the first needs of grammar
// and rules is in the program anvil and handed to anvil-runner as a file, because the
// import law keeps it out of there. Package onboard opens a repository's first pull
// request.
//
// # The import law
//
// The hops import nouns and services, never each other and never store: each
// declares the store methods that it needs, and this package, the only place
// where parts meet, passes them in. anvil and runapi import the standard library
// only. What runs in a job imports nothing of app but runapi. The table in
// imports_test.go is the law.
package app
