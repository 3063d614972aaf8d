// Package web is the server's pages for people in a browser. There is one errand so far:
// to say who one is at GitHub.
//
// # The life of a link
//
// Somebody in Slack asks for a link, or asks for work and is not known ([Links.Offer]).
// They alone are told the address, whose secret is good for ten minutes. Opening it
// changes nothing here: it gives the browser a cookie of its own and sends it on to
// GitHub, with a state and a proof key that are both made of that cookie, so that nobody
// needs to remember them. GitHub sends the browser back with a code, which is exchanged
// for who signed in; that is written down, once. Then a page names both, the person in
// Slack and the account at GitHub, and only a press of its button links them.
//
// What each part keeps out:
//
//   - the secret in the address: whoever was not told it cannot link this person;
//   - the cookie, in state, proof key and form: a sign-in that was begun in one browser is
//     of no use in another, so nobody can be brought to end somebody else's;
//   - the page that names both: whoever opens an address that somebody sent them sees for
//     whom it is before they agree;
//   - one sign-in and one agreement for each offer: what was used is not used again.
package web
