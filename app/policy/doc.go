// Package policy says what the rules of a repository and its organisation, a command
// and the server together decide.
//
// The rules are .github/anvil.yml on the repository's default branch, never on
// another branch: what an agent or a pull request proposes does not govern
// itself. An organisation has a file of the same keys. [Parse] turns the text of one
// into [anvil.Rules] or into a problem with line and column, and [Merge] makes one of
// both: the stricter wins, key by key. [Decide] then takes a command through every rule,
// and [Evaluate] chooses engine, model, base branch and verification for it: what the
// command says comes first, then the rules, then the server's defaults. Every [Step] and
// every [Choice] says why, and people are shown it.
//
// The package is pure: the same texts and the same [Offer] always give the same
// answer. Package rulebook reads the files.
package policy
