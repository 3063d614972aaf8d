// usage: node sdk.mjs DIR URL TOKEN SECRET
// Takes webhooks with Linear's SDK in DIR, prints where, and answers each new session by
// the SDK's own client at URL.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [dir, url, token, secret] = process.argv.slice(2);
const { LinearClient } = await import(pathToFileURL(`${dir}/dist/index.mjs`));
const { LinearWebhookClient } = await import(pathToFileURL(`${dir}/dist/webhooks/index.mjs`));

const linear = new LinearClient({ accessToken: token, apiUrl: `${url}/graphql` });
const handler = new LinearWebhookClient(secret).createHandler();
handler.on("AgentSessionEvent", async (event) => {
  const session = event.agentSession;
  const made = await linear.createAgentActivity({
    agentSessionId: session.id,
    content: { type: "thought", body: `heard ${session.issue.identifier}` },
  });
  const updated = await linear.updateAgentSession(session.id, { externalUrls: [{ label: "Session", url: "https://anvil.example/1" }] });
  const answer = await linear.client.rawRequest(
    `query($id: String!) { team(id: $id) { states(filter: {type: {eq: "started"}}) { nodes { id position } } } }`,
    { id: session.issue.teamId },
  );
  const [first] = answer.data.team.states.nodes.sort((a, b) => a.position - b.position);
  const moved = await linear.updateIssue(session.issueId, { stateId: first.id });
  if (!made.success || !updated.success || !moved.success) throw new Error("no success");
});

const server = createServer(handler);
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/` })));
