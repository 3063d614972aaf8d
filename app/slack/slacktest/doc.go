// Package slacktest is a simulated Slack that speaks the real protocols over real
// sockets: the Web API as far as Anvil uses it (forms and JSON), the Events API with
// signatures and retries, Socket Mode over WebSockets, interactivity, slash commands and
// files.
//
// Four nouns carry it:
//
//   - A [Server] is one workspace with one app installed. The app is made from its
//     manifest, as on Slack: the manifest says which scopes its token has, which
//     events it is sent, and over which way.
//   - An [Entry] of the ledger is one request that reached it; the lists ([Server.Messages],
//     [Server.Deliveries]) are what tests count.
//   - A [Delivery] is one thing that Slack tells the app, with all attempts at it.
//   - A [Fault] makes chosen requests fail; see package simulated. Paths are names of
//     methods, such as /chat.postMessage; the method DELIVER with the path of an event's
//     type concerns what is sent to the app.
//
// What it is strict about, because a lenient fake would hide our faults: a method needs
// its scope and the bot's membership in the channel; blocks are checked against the
// documented limits; messages are about one a second and channel, with a burst, and
// more is answered 429 with Retry-After; an event that nobody has acknowledged within
// three seconds is sent up to three times more; a revoked token, an archived channel and
// a message of somebody else are errors, with status 200 as on Slack.
//
// Addresses, below [Server.URL]: the Web API at /api/, sockets at /socket, files at
// /files/, answers to interactions at /hooks/, and at / a page with the first channel, to
// type in.
//
// Known gaps. There is no control API: what people do is done on the page, or by calling
// [Server.Say] and its like. Modals and the home tab are not simulated.
package slacktest
