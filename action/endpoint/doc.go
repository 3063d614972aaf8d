// Package endpoint is the one service that an agent reaches: it stands between
// the agent and the server, so that the agent holds nothing that counts anywhere
// else.
//
// An [Endpoint] listens on a Unix socket of the runner, which a confinement makes
// reachable inside (see confine.Confinement). It has a token of its own, random
// and new for each run. A request that carries it is passed on in the lease's
// name:
//
//	/v1/…    to the server's model gateway (runapi.PathModel)
//	/mcp     to the server's tools (runapi.PathTools)
//	HEAD /, /api/hello    answered here: engines ask whether anybody is there
//
// Nothing else is. Of a request's headers only those on a short list go on, and
// of an answer's too: the lease token stands in none of them, and a cookie or
// forwarded-for of an agent's making reaches nobody. Redirects are not followed. An
// answer streams as it comes.
//
// When the lease is over, an agent is told 400, which both Codex and Claude Code
// take as the end: they repeat what is answered otherwise.
package endpoint
