// Package tools is what an agent may ask of the server while it works: one MCP
// server over streamable HTTP, at [runapi.PathTools] with the run's lease token.
//
// A [Tool] has a name, a schema for its arguments, and a quota. A call goes this way:
// the token is the run's, the tool is known, the arguments fit the schema, and then, in
// one transaction, the run is at work, the quota is not used up, and the call is
// written into the audit trail together with everything that it changes here. Only
// after that anything is asked of GitHub or of a server of the operator's. So a call
// that cannot be audited does nothing; after a crash the trail has at worst a call
// that was allowed and not made.
//
// What is refused is an answer and no failure of the protocol: a result that is an
// error, with MCP_DENIED or another code, which a model can read. It has a row in the
// trail too.
//
// The agent is not trusted. It gets no token of ours, and none of its own goes
// further: a server of the operator's is asked by us, with a secret that stays here
// ([Remote]). What it wants to say to people passes the sanitiser. What people said to
// each other it gets only if they may give instructions, and as it stood when the
// task began: later edits are not followed.
//
// Known gaps: there is no service for Superset workspaces yet; its tool has its contract
// and refuses. What a server of the operator's answers is passed on as it is, but for the
// values of that server's headers, which are hidden; encoded in some way they are not found.
package tools
