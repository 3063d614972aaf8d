// Package github makes the few calls that Anvil makes of GitHub.
//
// An [App] is our registration at one GitHub, with its private key. It proves
// itself in two ways: as the App (a JWT of two minutes, for itself and for
// getting tokens), and as an installation, with a token. Every call that
// concerns a repository has a token narrowed to that one repository, by id, and
// to the rights which that call needs; see [rights]. A token is kept until
// shortly before it expires, one for each installation, repository and rights,
// and is fetched once however many callers wait for it.
//
// The order of events in a call: the installation is not paused by a rate limit;
// a token is at hand; one request is sent, once; its answer is read up to a cap;
// what went wrong is an [*Error].
//
// What holds:
//
//   - Nothing is sent twice. There are no retries here: only the caller knows
//     whether doing it again is safe, and has written down that it meant to do it.
//   - An error says whether the call may have happened. [Error.Uncertain] is false
//     only where GitHub refused in so many words, or nothing was sent.
//   - A rate limit is obeyed for the whole installation. Until GitHub's time has
//     passed, calls fail with the kind [RateLimited] and nothing is sent.
//   - Tokens go to the API's own host and to no other; redirects elsewhere are
//     not followed, and a redirect never turns a write into a read.
//   - GitHub's words are data from outside: cut short and without control
//     characters before they are put into an error.
//
// A [Verifier] checks the OIDC tokens with which Actions jobs prove who they are.
package github
