/** What the inspector makes of files that are faulty, and of a thread that it comes back to. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import './support/as-served.mjs';
import './support/globals.mjs';
import { Page } from './support/page.mjs';

let page;
let Service;
let Session;
let recordings;
beforeEach(async () => {
  page = new Page();
  globalThis.WebSocket = page.service.WebSocket;
  globalThis.location = { href: 'https://agents.example.com/' };
  ({ Service } = await import('../../Sources/AgentEventsServer/Page/inspector/service.js'));
  ({ Session } = await import('../../Sources/AgentEventsServer/Page/inspector/session.js'));
  ({ recordings } = await import('../../Sources/AgentEventsServer/Page/inspector/recordings.js'));
});
afterEach(() => {
  delete globalThis.WebSocket;
  delete globalThis.location;
  page.close();
});

describe('the inspector', () => {
  const line = (seq, type, data) => JSON.stringify({
    type, id: `1-${seq}`, seq, thread_id: 't', run_id: 'r', agent: 'a', time: '2026-11-28T10:00:00.000Z', data,
  });
  for (const [name, type, data] of [
    ['a fragment without text', 'message_delta', { message_id: 'm' }], ['a message whose text is null', 'message_completed', { message_id: 'm', text: null }],
    ['a failure without error', 'agent_failed', { duration_ms: 1 }], ['half a token', 'usage_reported', { input_tokens: 1.5, output_tokens: 1 }],
  ]) {
    test(`a recording with ${name} is shown, and the line is told`, async () => {
      const text = [line(1, 'agent_started', {}), line(2, type, data), line(3, 'agent_completed', { duration_ms: 1 })].join('\n');
      const [session] = await recordings(new File([text], 'x.ndjson'));
      assert.deepEqual(session.events.map(event => event.seq).map(Number), [1, 3]);
      assert.deepEqual(session.lineFaults.map(fault => [fault.line, fault.code]), [[2, 'event.invalid_value']]);
    });
  }

  test('a thread that is opened again after its log has lost events shows the log, and says what is lost', async () => {
    const service = new Service();
    service.client.close?.();
    service.token = '';
    const session = new Session('t_7');
    page.service.emitRun('r_1', 'one');
    page.service.emitRun('r_2', 'lost');
    const first = new AbortController();
    service.follow(session, first.signal, () => {});
    await page.clock.advance(200);
    assert.equal(session.events.length, 8);
    first.abort();
    await page.clock.advance(100);
    page.service.threads.set('t_7', page.service.thread('t_7').slice(0, 5));
    page.service.generation = 4;
    page.service.emitRun('r_3', 'new');
    const second = new AbortController();
    service.follow(session, second.signal, () => {});
    await page.clock.advance(3000);
    assert.deepEqual(session.events.map(event => event.id), page.service.thread('t_7').map(event => event.id));
    assert.ok(session.history.proof.dense);
    assert.equal(session.lost.length, 3);
    second.abort();
    service.client.close();
  });
});
