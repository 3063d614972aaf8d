// Package dispatch starts a run at a provider, finds it again, and stops it.
//
// The first provider is GitHub Actions; others fit behind [Provider]. Starting a
// workflow is not idempotent, and the answer can get lost after the request was
// accepted. So the order is fixed: the base commit and the rules are settled,
// then the intent with the hash of a fresh nonce is committed, then the provider
// is asked, once, without any retry below us. Without a clear answer the run is
// uncertain, which is a state and not an error: the provider's own list is looked
// through for the run's name, and only when it is still not there after
// [Dispatcher.Settle] does a new intent with a new nonce replace the old one. If
// both were started after all, the nonce decides: the job with the old one is
// refused at its claim and ends without having done anything.
package dispatch
