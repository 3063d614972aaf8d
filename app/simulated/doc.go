// Package simulated is what the simulated services have in common, GitHub's
// ([githubtest]) as well as Slack's ([slacktest]) and Linear's ([lineartest]).
//
//   - An [Entry] of a [Ledger] is one request that reached the service, in the order
//     of arrival. Tests count there: what happened, not what a client believes has
//     happened.
//   - A [Fault] makes chosen requests fail in a chosen way: before the effect, after
//     it, or in between, where a client's process can be killed.
//
// Both wrap handlers. The ledger belongs outside the faults, so that it shows what a
// client was told.
//
// [githubtest]: https://pkg.go.dev/github.com/seed-bc0cc349/anvil/app/github/githubtest
// [slacktest]: https://pkg.go.dev/github.com/seed-bc0cc349/anvil/app/slack/slacktest
// [lineartest]: https://pkg.go.dev/github.com/seed-bc0cc349/anvil/app/linear/lineartest
package simulated
