// Package sanitize is the one place where text from outside is made safe, on
// its way in to a prompt and on its way out to people.
//
//   - [Prompt] is for text that an agent will read: what a person could not
//     see on GitHub's page is taken out and counted, the rest is left alone.
//   - [Markdown] is for text of an agent that goes into a comment or a pull
//     request: it can notify nobody but the requester, refer to nothing,
//     close nothing, load nothing, command no bot and hide nothing.
//   - [Fence] is for text that is shown as it is, [Line] for titles,
//     [Terminal] for logs, [Path] for names of files, and [Cut] for bodies
//     that must fit.
//   - [PNG] is for pictures, of which nothing is left but what people see.
//
// All are pure functions, and applying one twice is the same as applying it
// once, except for [Fence]. What they let through is decided by one list of
// allowed characters, not by a list of bad ones.
//
// Code in Markdown is text that people see as it is, so it is left as it is.
// What counts as code is decided more narrowly than GitHub does: where the two
// could disagree, it is not code. Text that went through [Markdown] must
// therefore stand at the beginning of a line and after a blank one in the body
// that it becomes part of, or have the same quote sign before each of its
// lines; it must not stand in a list or an HTML block.
package sanitize
