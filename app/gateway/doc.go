// Package gateway relays a run's model calls to the providers of models, so that
// the agent works without a key.
//
// A Call is one request of a run: it carries the run's lease token, and speaks a
// Protocol (OpenAI's Responses or Chat Completions, Anthropic's Messages, Google's
// generateContent). An
// Upstream is a server of models as configured, with a key of ours. A Meter reads
// from the answer, as it passes, how many tokens it took; prices make money of
// them, and the Ledger holds what each run, task, user, repository and
// organisation has spent against its budgets.
//
// What a call goes through, in order:
//
//   - The path is compared, as it was sent, with a short list. Nothing is decoded or
//     cleaned first, so nothing can be hidden in it.
//   - The token is compared with the run's. A run that is not working, has ended or
//     has asked a person gets no answer from a model; what it has under way is cut
//     when it is stopped.
//   - The body's top level is read: which model, how much output, which tools. The
//     model has to be one of the run's. What would reach outside through the provider
//     (its web search, its connections to other servers, a picture at an address, what
//     it stored for others) is taken out or refused.
//   - The ledger reserves the most that the call can cost, or refuses.
//   - A new request is made for the first upstream that serves the model: our key,
//     headers from a list, no redirects. Until the first byte of an answer has gone
//     to the engine, another try or another upstream can take its place.
//   - The answer passes on as it comes. Our keys are taken out of it, should a
//     provider repeat them.
//   - The ledger settles what it really cost.
//
// Errors have the shape of the provider whose protocol is spoken, and a status that
// says what is wrong: 401 for the token, 402 for a budget, 403 for a model, 404 for a
// path, 413 for a size. What matters more is that an engine stops at it. Codex repeats
// 402 and 403, so runs of that kind hear 400 instead. The end of a run, which no
// status names, is 400 to all.
//
// After a crash: calls are written in batches, a twentieth of a second after they begin
// and after they end. What was under way counts as used with all that was reserved
// for it; calls that began within the last batch, at most, are not known.
//
// Known gaps: one server relays for a run, because the ledger lives in its memory.
// Prices are those of the usual tier and context. A picture that is only named by
// an address counts as an estimate of its tokens.
package gateway
