// Package modeltest is a model provider that follows a script. It speaks the
// protocols that real coding agents speak (OpenAI Responses, OpenAI Chat Completions,
// Anthropic Messages and Google generateContent, each streamed and not) over a real
// socket, so that Codex, Claude Code and others run against it unchanged. The demo without a key runs on it, and
// so do the tests.
//
// Three nouns carry it:
//
//   - A [Script] says what the model does after an instruction that it matches: an
//     ordered list of [Step]s in terms of what an agent can do (say, shell, write,
//     plan, tool), not of one agent's tools. Each becomes a call of the tool that the
//     request at hand offers for it.
//   - A [Turn] is one answer of the model: some text and at most one tool call. Steps
//     that only speak, think or disturb belong to the turn of the step after them.
//   - A [Request] of the ledger is one call that reached the server, in order of
//     arrival: what tests count.
//
// Which turn comes next is read from the request: the script by the last instruction,
// the place in it by the tool results that follow. The server keeps no conversation, so
// an agent that was resumed on another machine goes on where its own history says. And
// what a script says may be made from that history ([Sight]), so that an agent which
// lost it is found out. Only disturbances that happen a limited number of times are
// counted by the server.
//
// Usage is made up from the place in the script alone, see [Usage]: the same
// conversation always costs the same.
//
// It is no model: text that no script matches gets the script without a pattern, or
// the answer that there is none.
package modeltest
