// Package intake turns a delivery into a decision: what is asked, by whom,
// where, and whether they may.
//
// A [Reader] reads a signed payload into a [Reading]. Most readings are Ignored,
// with a reason that is kept with the delivery. The others hold either a
// [Request], which is a command that nobody has permitted yet, or a [Change] of
// an installation. [Judge] takes a request and what GitHub says of the
// requester's permission, and gives the command, or the problem to answer with.
//
// Both are pure. A reading depends on the signed bytes alone, so that a text
// which is edited a moment later changes nothing, and so that deciding twice
// after a crash decides the same. The [Decider] around them is the decide hop: it
// alone asks GitHub and changes rows.
//
// # Who is heard
//
// People, about their own words. A comment counts when it is created, never when
// it is edited, because whoever may edit others' comments could put a command
// into another person's mouth. The sender must be the comment's author, by id;
// logins change hands. Bots and Apps are not heard, this one least of all, so no
// two of them can keep each other busy. The payload's author_association is
// never looked at: it says "member" of people who may not write.
//
// An answer is given only after the permission is known. Somebody who may not
// ask cannot make the server write comments.
//
// # The grammar
//
// A command is a line whose first characters, after at most three spaces, are
// /anvil and then a space or the line's end:
//
//	/anvil [key=value …] what to do
//
// It must be text that readers of the comment see as the author's own: not in a
// quote, a code block, inline code, HTML or the hidden part of a link.
// What follows is key=value options first (base, engine, model, verify; values
// with spaces in double quotes), then the instruction: the rest of the line and
// all lines up to the next command or the end of the comment, quotes and code
// included, for they are what the instruction speaks of. Where nothing follows
// on the line of /anvil, it begins on the next one. help, status, stop, retry,
// review, repair and handoff, alone on the line, are verbs; approve and release also with
// the name of what they are about. plan and new stand before an instruction, and
// what follows aside is not heard. A second command in a comment is not run, and
// its author is told so.
//
// A comment on a line of a pull request is a command like any other, and brings the
// line with it. A review that asks for changes of a pull request of ours is one
// instruction with all its comments, if the rules say so or somebody asks for it.
//
// What comes from another place than GitHub is read by a [Place], such as [Linear]. Whoever
// speaks there is heard as the account at GitHub that they are linked to.
//
// Checks of others that fail on such a pull request are an instruction too, by the same
// choice of the rules, in the name of whoever asked for the change and at most twice in
// a row.
//
// The label and an assignment to the App's bot are commands without words: do
// what the issue asks.
package intake
