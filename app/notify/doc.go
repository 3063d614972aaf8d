// Package notify tells a task's state to the places in which people look.
//
// [Of] is the one pure function from all that is known of a task, an [anvil.Story],
// to a [Document]: title, who asked for what, steps, evidence, links, and what a
// person can do now. Each place renders the document in a file of its own that knows
// nothing else: [Comment], [CheckRun], [PullRequest], [Commit], [Ask], [Status], [Linear]
// and [Plain]. So whoever looks at any of them sees the same state, and a place more is a
// file more.
//
// What comes from outside (the instruction, the agent's words, output of commands,
// names of files, words of GitHub) is a [sanitize.Text] in the document: no place can
// print it but in a form that pings nobody, links nothing and closes nothing. The only
// mention that stays one is the requester's, and that of who answered.
package notify
