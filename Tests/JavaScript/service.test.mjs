/** The client against the real service, over a real socket: kills, restarts, cuts, five clients, tokens that end. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AgentEvents, Fold } from '../../Sources/AgentEventsServer/Page/agent-events.js';
import { seededRandom } from './support/clock.mjs';
import { canonical } from './support/canonical.mjs';
import { Service, folder, isBuilt, token } from './support/service.mjs';
import { WebSocket } from './support/web-socket.mjs';

const skip = !isBuilt && 'the service is not built';
const clients = [];

function connect(service, options = {}) {
  const client = new AgentEvents({ url: service.url, WebSocket, networkTarget: new EventTarget(), ...options });
  clients.push(client);
  return client;
}

/** Everything that a thread's reader gets. */
function read(thread) {
  const events = [];
  events.done = (async () => {
    for await (const event of thread) events.push(event);
  })();
  events.done.catch(() => {});
  return events;
}

/** Waits for a condition, which is looked at after each notification. The deadline is for what hangs. */
function until(thread, condition, what) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: not within two minutes; ${thread.cursor} ${thread.error}`)), 120_000);
    const look = () => {
      if (!condition()) return;
      clearTimeout(timer);
      stop();
      resolve();
    };
    const stop = thread.subscribe(look);
    look();
  });
}

/** Asks one question after the other, up to a time. */
async function askUntil(thread, end) {
  for (let count = 1; count === 1 || Date.now() < end; count++) {
    await thread.send('Which files mention the parser?');
    await until(thread, hasEnded(thread, count), 'the end of the run');
  }
}

const ids = events => events.map(event => event.id);
const isDense = events => events.every((event, index) => event.seq === index + 1);
const ends = thread => thread.state.runs.filter(run => run.ended_at && !run.parent_run_id).length;
const hasEnded = (thread, count = 1) => () => thread.live && ends(thread) >= count && thread.state.runs.every(run => run.ended_at);

/** What the client has is what the log has: each event once, and the state of the service. */
async function compare(service, thread, events, authorization) {
  const log = await service.events(thread.id, authorization);
  await until(thread, () => thread.cursor === log.at(-1).id, 'the end of the log');
  assert.ok(isDense(log));
  if (events) assert.deepEqual(ids(events), ids(log));
  const { body } = await service.request('GET', `/v1/threads/${thread.id}/state`, undefined, authorization);
  assert.equal(canonical(thread.state), canonical(body.state));
  const fold = new Fold();
  log.forEach(event => fold.apply(event));
  assert.equal(canonical(fold.state), canonical(body.state));
}

describe('service', { skip }, () => {
  let place;
  let service;
  before(async () => {
    place = folder();
    service = await new Service('--demo', '--data', place.data).start();
  });
  after(async () => {
    for (const client of clients) client.close();
    await service?.stop();
    place?.remove();
  });

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
  });
});

describe('service with tokens', { skip }, () => {
  let place;
  let service;
  before(async () => {
    place = folder();
    service = await new Service('--in-memory', '--demo', '--auth', 'jwt', '--jwt-secret-file', place.secret).start();
  });
  after(async () => {
    for (const client of clients) client.close();
    await service?.stop();
    place?.remove();
  });

  test('a token is replaced before it ends, over the same connection; nothing is lost', async () => {
    let tokens = 0;
    const firstEnd = Date.now() + 4000;
    const opened = new Set();
    const client = connect(service, {
      token: async () => token('u_1', ++tokens === 1 ? 4 : 600),
      WebSocket: class extends WebSocket {
        constructor(...rest) {
          super(...rest);
          opened.add(this);
        }
      },
    });
    const thread = client.thread('u_1~refresh', { after: 'start', merge: false });
    const events = read(thread);
    await until(thread, () => thread.live, 'live');
    await askUntil(thread, firstEnd);
    assert.equal(tokens, 2);
    assert.equal(opened.size, 1);
    await compare(service, thread, events, token('u_1', 60));
  });

  test('a token that has ended while the client was away: a new one, and the same place', async () => {
    let tokens = 0;
    const firstEnd = Date.now() + 3000;
    const client = connect(service, { token: async () => token('u_2', ++tokens === 1 ? 3 : 600), now: () => Date.now() - 3_600_000 });
    const thread = client.thread('u_2~end', { after: 'start', merge: false });
    const told = [];
    thread.addEventListener('recovered', ({ detail }) => told.push(detail.how));
    const events = read(thread);
    // The clock of this client is an hour late: it replaces nothing in time, and is closed with 4401.
    await askUntil(thread, firstEnd);
    await until(thread, () => told.length > 1 && thread.live, 'the next connection');
    assert.deepEqual([...new Set(told.slice(1))], ['resumed']);
    assert.ok(tokens >= 2);
    await compare(service, thread, events, token('u_2', 60));
  });

  test('a token that does not count: the client stops, and says why', async () => {
    const client = connect(service, { token: () => token('u_3', 600).slice(0, -2) });
    const error = new Promise(resolve => client.addEventListener('error', ({ detail }) => resolve(detail)));
    client.thread('u_3~none');
    assert.equal((await error).code, 'auth.invalid');
    assert.equal(client.status, 'refused');
  });

  test('a thread of somebody else is silent, and a command for it is refused', async () => {
    const client = connect(service, { token: () => token('u_4', 600) });
    const thread = client.thread('u_1~refresh');
    await until(thread, () => thread.live, 'live');
    assert.equal(thread.cursor, null);
    await assert.rejects(thread.send('hi'), { code: 'thread.unknown' });
  });
});
