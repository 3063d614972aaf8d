// Package agent runs coding agents. Each kind of agent is an [Engine]; [Engines]
// is the table of them.
//
// An engine gets [Work]: a prompt, the tree to change, a home of its own outside
// the tree, and a confinement to run in. It starts a [Turn], which streams what
// the agent does as [Event]s of one vocabulary, whatever the agent's own may be,
// and ends with an [Answer]: the agent's last words, its version, and a reference
// with which the same conversation can go on later. What the agent changed is not
// in the answer: the tree says that.
//
// All text from an agent is untrusted. An engine passes it on as it is; who shows
// or stores it cleans and redacts it.
//
// [Codex] and [Claude] drive the two CLIs of those names, [ACP] an agent that speaks
// the Agent Client Protocol and finds its model by OpenAI's or Anthropic's variables,
// [Command] any other program. For all of them holds:
//
//   - the program is found on the runner and asked for its version where it will run,
//     before any model is asked; another version than the assignment names is refused;
//   - its own directory lies below the agent's home, new with each run but for the
//     files of an earlier conversation;
//   - models and tools are reached through the runner's local endpoint alone, with a
//     token that opens nothing else;
//   - what the repository says to agents is told as of the base commit, and what it
//     would have them do (settings, hooks, plugins, skills, lists of servers) is off;
//     for ACP and Command that is up to the program.
//
// # The command engine
//
// The kind "command" runs any program that follows this protocol. The program
//
//   - is started in the tree, with the prompt on its standard input (see
//     [Envelope] for its form), and a scrubbed environment with a HOME of its own;
//   - changes files in the tree, which is also a git checkout for it;
//   - prints what it does on standard output. A line that is a JSON object with
//     the key "event" is an event; every other line is text of a message;
//   - prints what only a log needs on standard error;
//   - exits with 0 when it has done what it could, changed or not, and with
//     anything else when it failed;
//   - ends within seconds of a SIGTERM. What it left in the tree is kept;
//   - keeps what it needs to go on with the same conversation later, and no secret, in
//     the directory "conversation" of its HOME. A later run of the thread finds the
//     files there again, and the reference it gave in the variable ANVIL_RESUME;
//   - finds the server's tools, MCP over streamable HTTP, at ANVIL_TOOLS_URL with the
//     bearer token ANVIL_TOOLS_TOKEN, if the server offers them; and in the same way
//     the models that its engine may use, in the three protocols of package gateway, at
//     ANVIL_MODEL_URL with ANVIL_MODEL_TOKEN.
//
// The events, with the keys that each may have:
//
//	{"event":"message","text":"…"}                 the agent speaks
//	{"event":"reasoning","text":"…"}               why it does what it does
//	{"event":"plan","text":"…","steps":["…"]}      what it is going to do
//	{"event":"command","argv":["…"],"exit":0,"output":"…"}
//	{"event":"file_change","path":"…","text":"…"}
//	{"event":"tool_call","text":"…"}
//	{"event":"usage","input_tokens":0,"output_tokens":0,"cost_usd":0}
//	{"event":"error","text":"…"}                   something went wrong; it goes on
//	{"event":"answer","text":"…"}                  its last words
//	{"event":"resume","text":"…"}                  a reference with which it could go on
//
// Without an answer, the last message is the answer. An event of another name is
// shown as a message. Keys that are not listed are passed on with the event.
package agent
