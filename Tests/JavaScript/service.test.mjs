/** The client against the real service, over a real socket: kills, restarts, cuts, five clients. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from './support/clock.mjs';
import { compare, connect, guidedService, hasEnded, ids, read, skip, until } from './support/real.mjs';
import { WebSocket } from './support/web-socket.mjs';

describe('service', { skip }, () => {
  const service = guidedService();

  test('a question and its answer: the events of the log, each once, and the state of the service', async () => {
    const thread = connect(service).thread('t_answer', { after: 'start', merge: false });
    const events = read(thread);
    const { run_id, outcome } = await thread.send('Which files mention the parser?');
    assert.equal(outcome, 'done');
    await until(thread, hasEnded(thread), 'the end of the run');
    await compare(service, thread, events);
    assert.equal(thread.ended.get(run_id).how, 'completed');
    assert.deepEqual(thread.recovered, { how: 'first', missed: 0 });
  });

  test('killed and started again in the middle of runs, with the network cut now and then: five clients', async () => {
    const all = Array.from({ length: 5 }, (_, index) => {
      const client = connect(service);
      const thread = client.thread('t_kill', index < 3 ? { after: 'start', merge: false } : {});
      return { client, thread, events: index < 3 ? read(thread) : undefined };
    });
    const { thread } = all[0];
    const random = seededRandom(7);
    for (let round = 0; round < 2; round++) {
      // The key is the same when it is sent again after the kill: it is one message.
      const sent = thread.send(`Where is the parser, in round ${round}?`);
      sent.catch(() => {});
      const before = thread.state.cursor;
      await until(thread, () => thread.cursor !== before, 'the first event of the round');
      for (const socket of WebSocket.open) if (random() < 0.4) socket.cut();
      if (round < 1) {
        await service.kill();
        await service.start();
      }
      await sent;
      for (const other of all) await until(other.thread, hasEnded(other.thread, round + 1), `the end of the run in round ${round}`);
    }
    const log = await service.events('t_kill');
    assert.equal(log.filter(event => event.type === 'user_message').length, 2);
    for (const { thread, events } of all) await compare(service, thread, events);
    for (const { thread } of all) {
      for (const run of thread.state.runs) {
        const end = log.findLast(event => event.run_id === run.run_id);
        assert.equal(thread.ended.get(run.run_id).code, end.data.error?.code);
      }
    }
  });

  test('13 subscribed before the thread exists; a reader that comes later, and an acknowledged consumer, go on where they were', async () => {
    const stored = new Map();
    const cursorStore = { get: key => stored.get(key), set: (key, value) => void stored.set(key, value), delete() {} };
    const first = connect(service, { cursorStore });
    const thread = first.thread('t_later', { consumer: 'tab' });
    const events = read(thread);
    await until(thread, () => thread.live, 'live');
    await thread.send('Which files mention the parser?');
    await until(thread, hasEnded(thread), 'the end of the run');
    await compare(service, thread, events);
    thread.disconnect();
    await events.done;
    first.close();
    const again = connect(service).thread('t_later', { consumer: 'tab' });
    const rest = read(again);
    await again.send('And the lexer?');
    await until(again, hasEnded(again, 2), 'the end of the second run');
    const log = await service.events('t_later');
    // The last event is handled when the next one is asked for; acknowledged at least is what was read before that.
    assert.deepEqual(ids(rest), ids(log).slice(log.length - rest.length));
    assert.ok(rest.length < log.length && rest.length >= log.length - events.length, `${rest.length} of ${log.length}`);
    await compare(service, again);
  });

  test('20 stop ends the run as cancelled, and both it and disconnect may come twice', async () => {
    const thread = connect(service).thread('t_stop', { after: 'start' });
    await until(thread, () => thread.live, 'live');
    const emitted = await service.request('POST', '/v1/threads/t_stop/events', { type: 'agent_started', run_id: 'r_1', agent: 'guide', data: {} });
    assert.equal(emitted.status, 201);
    await until(thread, () => thread.state.runs.length === 1, 'the run');
    thread.disconnect();
    thread.disconnect();
    const again = connect(service).thread('t_stop');
    await until(again, () => again.live, 'live');
    assert.equal(again.state.runs[0].status, 'running');
    assert.equal((await again.stop({ reason: 'enough' })).outcome, 'done');
    assert.equal((await again.stop()).outcome, 'unchanged');
    await until(again, hasEnded(again), 'the end of the run');
    assert.deepEqual(again.ended.get('r_1'), { how: 'cancelled' });
    assert.equal(again.state.runs[0].reason, 'enough');
  });

  test('22 what another one emits comes as it was: integers of 64 bits, lone surrogates, a megabyte', async () => {
    const thread = connect(service).thread('t_exact', { after: 'start' });
    const events = read(thread);
    const value = '{"large":9223372036854775807,"float":1.0,"lone":"\\ud83d","line":"\u2028","__proto__":{"polluted":1E+400}}';
    const body = `{"type":"state_updated","data":{"key":"constructor","version":1,"value":${value}}}\n`
      + `{"type":"user_message","data":{"message_id":"m_1","user_id":"anonymous","text":"x","data":"${'y'.repeat(1_000_000)}"}}\n`;
    const answer = await fetch(`${service.url}/v1/threads/t_exact/events`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body });
    assert.equal(answer.status, 201, await answer.text());
    await until(thread, () => thread.state.messages.length === 1, 'the message');
    await compare(service, thread, events);
    const entry = thread.state.entries[0].value;
    assert.equal(entry.large, 2n ** 63n - 1n);
    assert.equal(entry.lone, '\ud83d');
    assert.ok(Object.hasOwn(entry, '__proto__'));
    assert.equal({}.polluted, undefined);
  });

  test('an approval is asked and answered', async () => {
    const thread = connect(service).thread('t_ask');
    await until(thread, () => thread.live, 'live');
    const emit = (type, data) => service.request('POST', '/v1/threads/t_ask/events', { type, run_id: 'r_1', agent: 'guide', data });
    await emit('agent_started', {});
    assert.equal((await emit('approval_requested', { approval_id: 'a_1', prompt: 'Delete?' })).status, 201);
    await until(thread, () => thread.state.approvals.length === 1, 'the request');
    assert.equal((await thread.respond('a_1', true)).outcome, 'done');
    assert.equal((await thread.respond('a_1', true)).outcome, 'unchanged');
    await assert.rejects(thread.respond('a_1', false), { code: 'approval.resolved' });
    await until(thread, () => thread.state.approvals.length === 0, 'the answer');
    await compare(service, thread);
    // A service that stops waits for runs from outside.
    assert.equal((await thread.stop()).outcome, 'done');
  });
});
