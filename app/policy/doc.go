// Package policy reads a repository's own rules and says what they, the command
// and the server together decide.
//
// The rules are .github/anvil.yml on the repository's default branch, never on
// another branch: what an agent or a pull request proposes does not govern
// itself. [Parse] turns its text into [anvil.Rules] or into a problem with line
// and column. [Evaluate] then chooses engine, model, base branch and
// verification for one command: what the command says comes first, then the
// rules, then the server's defaults. Every [Choice] says why it was made, and
// people are shown it.
//
// The package is pure: the same text and the same [Offer] always give the same
// answer.
package policy
