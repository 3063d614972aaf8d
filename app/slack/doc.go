// Package slack makes the few calls of Slack that Anvil needs, in one workspace, as one
// app; package slacktest beside it is a Slack that is simulated.
//
// A [Client] makes a call once and does not wait: what failed is an [*Error] that says
// whether and when the same makes sense again ([RetryAt]). While Slack has said to wait, no
// call of the same kind to the same channel is sent.
//
// A [Message] is posted in a way that fetches nothing it links to. Posting has no key at
// Slack by which twice would be once: a message carries its key in its metadata, which
// people don't see and nobody but the app can write, and [Client.Find] looks for it.
//
// [Client.Listen] is Socket Mode: what Slack has to tell comes over a connection that the
// server opens, and is acknowledged only after it was taken.
package slack
