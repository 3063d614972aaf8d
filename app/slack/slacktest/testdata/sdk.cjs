// What Slack's own client makes of the simulated Slack: node sdk.cjs MODULE URL TOKEN CHANNEL THREAD.
// It prints what it was answered, as JSON.
const [module_, url, token, channel, thread] = process.argv.slice(2);
const { WebClient, ErrorCode } = require(module_);

(async () => {
  const waits = [];
  const client = new WebClient(token, { slackApiUrl: url + '/api/', retryConfig: { retries: 0 }, rejectRateLimitedCalls: true });
  client.on('rate_limited', (seconds) => waits.push(seconds));
  const self = await client.auth.test();
  const text = { type: 'mrkdwn', text: '*hello* &lt;there&gt;' };
  const posted = await client.chat.postMessage({
    channel, thread_ts: thread, text: 'hello', blocks: [{ type: 'section', text }], unfurl_links: false, unfurl_media: false,
    metadata: { event_type: 'anvil_message', event_payload: { key: 'k-1' } },
  });
  await client.chat.update({ channel, ts: posted.ts, text: 'hello again' });
  const replies = await client.conversations.replies({ channel, ts: thread, include_all_metadata: true });
  const link = await client.chat.getPermalink({ channel, message_ts: posted.ts });
  await client.reactions.add({ channel, timestamp: thread, name: 'thumbsup' });
  const refused = async (call) => {
    try {
      await call();
      return 'nothing was refused';
    } catch (e) {
      if (e.code === ErrorCode.RateLimitedError) return 'rate limited, ' + e.retryAfter;
      return e.code === ErrorCode.PlatformError ? e.data.error : String(e);
    }
  };
  const errors = [
    await refused(() => client.chat.postMessage({ channel: 'C0', text: 'hello' })),
    await refused(() => client.chat.postMessage({ channel, text: 'hello', blocks: [{ type: 'header', text }] })),
    await refused(async () => {
      for (let i = 0; i < 10; i++) await client.chat.postMessage({ channel, text: 'hello' });
    }),
  ];
  const last = replies.messages[replies.messages.length - 1];
  console.log(JSON.stringify({ user: self.user_id, text: last.text, key: last.metadata.event_payload.key, link: link.permalink, errors }));
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
