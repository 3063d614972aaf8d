// Package lease is the server's side of a run: package runapi's paths, served.
//
// A claim turns an OIDC token and the nonce of the dispatch into a lease: the
// right to act for one run until a time. The token says which workflow run of
// which repository is asking; every claim in it is compared, except the text of
// its subject. The nonce says that it is the one we started. A token is used
// once, and the first valid claim wins: the state machine has one way into
// working, and the database takes it once.
//
// Each claim raises the run's epoch and replaces its lease token, so whoever acts
// with an older one is told that it no longer counts. A workflow run whose answer
// got lost may claim again; another one may not. Every call looks at the run in
// the same transaction that changes it.
//
// A runner that goes silent lets the lease expire; [Reaper] then takes the run
// away from it, and from runners that never came.
package lease
