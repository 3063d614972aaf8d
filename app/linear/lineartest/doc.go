// Package lineartest is a simulated Linear that speaks the real protocol over real
// sockets: GraphQL, the OAuth token endpoint, and signed webhooks with retries.
//
// Five nouns carry it:
//
//   - A [Server] is one workspace with one agent installed: an OAuth application that
//     acts as itself.
//   - An [AgentSession] begins where a person delegates an issue to the agent or mentions
//     it; an [Activity] is one thing that either of them says in it. The session's status
//     follows from the last activity, as on Linear.
//   - An [Entry] of the ledger is one request that reached it. The path of a GraphQL
//     request is /graphql and the field that it asks for, such as
//     /graphql/agentActivityCreate; that of a token is /oauth/token.
//   - A [Delivery] is one thing that Linear tells the agent, with all attempts at it.
//   - A [Fault] makes chosen requests fail; see package simulated. The method DELIVER
//     with the path of a webhook's type, such as AgentSessionEvent, concerns what is sent.
//
// What it is strict about, because a lenient fake would hide our faults: a document is
// validated against Linear's own types (schema.graphql, the part that is in use) before
// anything happens; the content of an activity has the fields of its type and no others;
// only thoughts and actions may be ephemeral; an id that is given must be a version 4
// UUID and new; a session belongs to the agent; tokens expire, and a revoked one is
// refused; above the request budget the answer is the error RATELIMITED with status 400.
// A delivery that is not answered with 200 within five seconds is sent up to three times
// more, under the same id, with a new timestamp and signature.
//
// Known gaps. There are no pages; what people do is done by calling [Server.Delegate] and
// its like. Complexity is not counted, lists are not paged, and whoever asks for a token
// is granted the scopes that it asks for, if the agent was given them.
package lineartest
