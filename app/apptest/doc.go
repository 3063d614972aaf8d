// Package apptest tells stories of the whole product and checks them: people who
// comment, people who attack, runners that die, a server that is killed.
//
// Three nouns carry it:
//
//   - [Programs] are the four programs of this module, built once from the source
//     at hand. What is tested is what is shipped.
//   - A [World] is one simulated GitHub and one server, each a process of its own,
//     with a directory of its own. So worlds run side by side, and killing a
//     server leaves its GitHub as it was.
//   - A [Record] reads the server's database from outside, without changing it:
//     what was decided, where each task is.
//
// What happened in the outside world is never asked of the server: it is counted
// in the simulator's own lists and ledger. The record serves to know when to look,
// and to see reasons that are shown to nobody.
//
// Nothing here waits for a fixed time. [Await] looks again and again until
// something is so, and says what it was waiting for when its patience ends.
//
// The stories themselves are the files testdata/*.txtar, one promise each; the
// words that they are written in are explained in testdata/README.md. Stories
// that need a program to be told (killing the server at each of its steps, for
// one) are Go tests beside them.
package apptest
