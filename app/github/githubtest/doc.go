// Package githubtest is a simulated GitHub that speaks the real protocols over a
// real socket: the REST API as far as Anvil uses it, signed webhooks, git smart
// HTTP, Actions with an OIDC issuer, and plain pages for people. The demo runs on
// it, and so do the tests.
//
// Four nouns carry it:
//
//   - A [Server] is one simulated GitHub. All its state is in memory and dies
//     with it; only git repositories, workspaces and job logs are on disk.
//   - An [Entry] of the ledger is one request that reached it, in arrival order.
//     The ledger and the typed lists ([Server.Comments], [Server.PullRequests],
//     [Server.Refs] …) are what tests count: what happened, not what a client
//     believes has happened.
//   - A [Fault] makes chosen requests fail in a chosen way: before the effect,
//     after it, or in between, where a client's process can be killed.
//   - A [Runner] is the command that carries out a job. The simulator reads a
//     workflow file for its trigger, inputs, run-name, permissions and
//     environment; it does not interpret steps. It gives the runner what a real
//     one gives a step, and cancels as a real one does.
//
// What it is strict about, because a lenient fake would hide our faults: every
// App JWT and token is checked (signature, times, expiry), every call needs its
// permission and its repository within the token's reach, pushes that touch
// workflow files need the workflows permission, dispatches are validated against
// the workflow file at the ref, and a webhook is sent once, waits ten seconds,
// and is never sent again unless somebody asks for it.
//
// Lifetimes: [Start] returns a server that answers; [Server.Close] may be called
// any number of times, ends jobs and deliveries, and waits for them.
//
// Addresses, below [Server.URL]: the REST API at /api/v3/, the OIDC issuer at
// /_services/token, people's sign-in for an App at /login/oauth/, git at /OWNER/NAME.git, the control API at /_sim/, pages
// everywhere else. docs/simulator.md is the manual of the control API.
package githubtest
