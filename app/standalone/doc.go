// Package standalone is Anvil without a server: two jobs of one workflow run.
//
// The first job may read. In it, [Prepare] decides by the triggering event who asks for
// what, with the server's own grammar, permissions and rules, and writes the assignment
// file from which anvil-runner works (package action/desk). That this is a program of
// its own is the import law: anvil-runner links none of it.
//
// The second job may write, and runs nothing of the repository. In it, [Publish] decides
// once more by the same event and believes of the first job's directory only what a
// server would believe of a runner: a report, and a bundle that is inspected. Then the
// server's own hops publish it, on a store that holds this one story in memory.
//
// Twice is the same as once: GitHub is asked for every effect before it is made.
package standalone
