// Package publish changes the outside world: comment, reaction, branch, pull
// request, check run. Nothing else in the server does.
//
// Every change is an [anvil.Effect]: written down under a key before it is made,
// completed with GitHub's id afterwards. An effect that was written down and not
// completed may have happened, so it is looked for before it is made again: a
// comment by the App with the task's marker, a branch at the commit that we
// would push (its name depends on nothing but the checked tree, the base and the
// task), a pull request from that branch, a check run with the task's
// reference. So each hop may be run twice, and a crash at any point doubles
// nothing.
//
// Places besides GitHub are a [Place] each, such as [Linear]; what they show is the same
// story. A thread there has an issue at GitHub in which its work goes on ([Tracker]).
//
// Three hops are here. [Announcer] shows people where a task is, in one comment
// that is edited in place, and answers what is no task. [Deliverer] publishes a
// checked tree, reads back what GitHub then has, and only then opens the pull
// request. What is said is rendered elsewhere ([Words]); what was checked is
// opened elsewhere ([Quarantine]).
package publish
