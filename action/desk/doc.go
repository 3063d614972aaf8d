// Package desk stands in for the server where there is none: it answers the contract
// of package runapi to the runner of its own process, from an assignment file, and
// puts what the runner hands over into a directory.
//
// So a run without a server is led by the very code that leads one with a server. The
// desk listens on this machine only and takes one run, with a token that never leaves
// the process. Model calls that come in through the runner's local endpoint go on to
// the provider from here, where the key is added; the meter counts what they take, and
// once a limit is met no more calls go out. The key is in this process's memory and
// nowhere else: not in its environment ([TakeSecrets]), its files, the agent's
// environment, the log or the directory.
//
// What a server would check before it publishes is checked by whoever reads the
// directory (package app/standalone): the desk believes its runner.
package desk
