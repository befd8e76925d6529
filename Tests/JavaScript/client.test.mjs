/** The pitfalls of clients, by their numbers in the design (FRONTEND, section d). */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { AgentEvents, Fold, Unauthorized } from '../../Sources/AgentEventsServer/Page/agent-events.js';
import { seededRandom } from './support/clock.mjs';
import { Page, read, sequences, settle, texts, upTo } from './support/page.mjs';

let page;
beforeEach(() => { page = new Page(); });
afterEach(() => page.close());

describe('client', () => {
  for (const name of ['localStorage', 'sessionStorage']) {
    test(`1 a ${name} whose getter throws: cursors are kept in memory`, async () => {
      Object.defineProperty(globalThis, name, { configurable: true, get() { throw new Error('SecurityError'); } });
      try {
        const client = page.client({ cursorStore: name.replace('Storage', '') });
        const thread = await page.live(client);
        page.service.emitRun();
        await page.clock.advance(2000);
        assert.deepEqual(texts(thread), ['hello']);
        thread.disconnect();
        page.service.emitRun('r_2');
        const again = await page.live(client);
        assert.deepEqual(again.recovered, { how: 'snapshot', missed: 4 });
        assert.deepEqual(page.errors, []);
      } finally {
        delete globalThis[name];
      }
    });
  }

  test('1 a store that is full when it is written to: cursors are kept in memory', async () => {
    const cursorStore = { get: () => null, set() { throw new Error('QuotaExceededError'); }, delete() {} };
    const client = page.client({ cursorStore });
    const thread = await page.live(client);
    page.service.emitRun();
    await page.clock.advance(2000);
    thread.disconnect();
    assert.equal((await page.live(client)).recovered.how, 'snapshot');
  });

  test('2 a thousand subscriptions that end leave nothing', async () => {
    const client = page.client();
    const kept = await page.live(client);
    const timers = page.clock.timerCount;
    const lasting = new AbortController().signal;
    for (let index = 0; index < 1000; index++) {
      const stop = kept.subscribe(() => {});
      const controller = new AbortController();
      const signal = index % 2 ? controller.signal : lasting;
      const thread = client.thread(`t_${index % 10 + 100}`, { signal });
      const events = read(thread);
      await settle();
      if (index % 2) controller.abort();
      else thread.disconnect();
      await events.done;
      stop();
    }
    await page.clock.advance(3000);
    assert.equal(getEventListeners(lasting, 'abort').length, 0);
    assert.equal(page.service.opened, 1);
    assert.deepEqual([...page.service.connection.subscriptions], ['t_7']);
    assert.ok(page.clock.timerCount <= timers, `${page.clock.timerCount} timers, ${timers} before`);
    const counts = [];
    kept.subscribe(() => counts.push(1));
    page.service.emitRun();
    await page.clock.advance(100);
    assert.equal(counts.length, 1);
  });

  for (const way of ['close', 'setToken(null)']) {
    test(`3 ${way} drops token, cursors and threads`, async () => {
      const stored = new Map();
      const cursorStore = { get: key => stored.get(key), set: (key, value) => void stored.set(key, value), delete: key => void stored.delete(key) };
      let tokens = 0;
      const client = page.client({ cursorStore, token: () => `token-${++tokens}` });
      const thread = await page.live(client);
      const events = read(thread);
      page.service.emitRun();
      await page.clock.advance(2000);
      assert.equal([...stored.values()][0], '3-4');
      // One that was followed before, too.
      const left = await page.live(client, {}, 't_8');
      page.service.emitRun('r_8', 'hello', { thread: 't_8' });
      await page.clock.advance(2000);
      left.disconnect();
      assert.equal(stored.size, 2);
      let told = 0;
      thread.subscribe(() => told++);
      const command = client.thread('t_7').command('app.slow', {});
      page.service.onCommand = () => false;
      const refused = assert.rejects(command, { code: way === 'close' ? 'client.closed' : 'client.signed_out' });
      if (way === 'close') client.close();
      else client.setToken(null);
      await events.done;
      await refused;
      assert.equal(stored.size, 0);
      assert.equal(page.service.connections.length, 0);
      await page.clock.advance(100_000);
      assert.equal(told, 1);
      assert.equal(thread.getSnapshot().live, false);
      assert.equal(page.service.opened, 1);
      if (way === 'close') {
        assert.equal(client.status, 'closed');
        return assert.throws(() => client.thread('t_7'), { code: 'client.closed' });
      }
      // The next user gets nothing of the old one.
      page.service.user = 'u_2';
      page.service.threads.clear();
      client.setToken(() => 'token-of-u_2');
      const next = await page.live(client);
      assert.notEqual(next, thread);
      assert.deepEqual(next.state, new Fold().state);
      assert.equal(next.recovered.how, 'first');
      assert.equal(page.service.connection.token, 'token-of-u_2');
    });
  }

  test('3 a token that turns out to be of another user: the threads of the one before are gone', async () => {
    const client = page.client({ token: () => 'token' });
    const thread = await page.live(client);
    page.service.emitRun();
    await page.clock.advance(100);
    page.service.user = 'u_2';
    page.service.kill();
    await page.clock.advance(1000);
    assert.equal(page.service.connection.subscriptions.size, 0);
    assert.notEqual(client.thread('t_7'), thread);
  });

  test('4 subscribed twice while a token is obtained: one token, one subscription', async () => {
    let tokens = 0;
    let deliver;
    const client = page.client({ token: () => (tokens++, new Promise(resolve => { deliver = resolve; })) });
    const thread = client.thread('t_7');
    await page.clock.advance(100);
    assert.equal(client.thread('t_7'), thread);
    page.window.happens('online');
    page.window.hide(false);
    page.window.happens('offline');
    page.window.happens('online');
    await page.clock.advance(100);
    deliver('token');
    await page.clock.advance(100);
    assert.equal(tokens, 1);
    assert.equal(page.service.opened, 1);
    assert.equal(page.service.count('subscribe'), 1);
    assert.ok(thread.live);
  });

  test('5 no connection after close, also with a refresh due', async () => {
    page.service.expiresAt = () => page.clock.time + 120_000;
    page.service.heartbeat = 10_000_000;
    let tokens = 0;
    const client = page.client({ token: async () => `token-${++tokens}` });
    await page.live(client);
    await page.clock.advance(80_000);
    page.clock.sleep(30_000); // The refresh is due, and no timer has run.
    client.close();
    assert.equal(page.clock.timerCount, 0);
    page.window.happens('offline');
    page.window.happens('online');
    page.window.hide(false);
    page.window.happens('pageshow', { persisted: true });
    await page.clock.advance(600_000);
    assert.equal(page.service.opened, 1);
    assert.equal(page.service.connections.length, 0);
    assert.equal(tokens, 1);
    assert.equal(page.clock.timerCount, 0);
  });

  test('5 closed while a token is obtained: it is not used', async () => {
    let deliver;
    const client = page.client({ token: () => new Promise(resolve => { deliver = resolve; }) });
    client.thread('t_7');
    await page.clock.advance(10);
    client.close();
    deliver('token');
    await page.clock.advance(60_000);
    assert.equal(page.service.opened, 0);
  });

  test('6 Unauthorized stops with a sentence, and another token begins again', async () => {
    const client = page.client({ token: () => { throw new Unauthorized('the session has ended'); } });
    const thread = client.thread('t_7');
    const events = read(thread);
    await page.clock.advance(600_000);
    await assert.rejects(events.done, { code: 'client.unauthorized' });
    assert.equal(client.status, 'refused');
    assert.equal(page.service.opened, 0);
    assert.equal(page.errors.length, 1);
    assert.match(page.errors[0].message, /the session has ended/);
    assert.equal(thread.error, page.errors[0]);
    client.setToken('token');
    await page.clock.advance(100);
    assert.ok(thread.live);
    assert.equal(thread.error, null);
  });

  test('6 a token that is asked of a source which was replaced meanwhile refuses nobody', async () => {
    page.service.expiresAt = () => page.clock.time + 120_000;
    page.service.heartbeat = 1e9;
    let refuse;
    const source = () => refuse === undefined && page.service.opened === 0 ? 'a' : new Promise((_, reject) => { refuse = reject; });
    const client = page.client({ token: source });
    const thread = await page.live(client);
    await page.clock.advance(100_000);
    assert.ok(refuse);
    client.setToken(() => 'b');
    await page.clock.advance(50);
    refuse(new Unauthorized('the old session has ended'));
    await page.clock.advance(1000);
    assert.deepEqual([client.status, page.errors, thread.live], ['connected', [], true]);
  });

  test('6 any other error of the token is tried again, later and later', async () => {
    let tokens = 0;
    const client = page.client({ random: () => 0.999, token: async () => {
      if (++tokens < 6) throw new TypeError('failed to fetch');
      return 'token';
    } });
    const thread = client.thread('t_7');
    await page.clock.advance(400);
    assert.equal(tokens, 1);
    await page.clock.advance(3000);
    assert.equal(tokens, 3);
    await page.clock.advance(20_000);
    assert.equal(tokens, 6);
    assert.ok(thread.live);
    assert.equal(page.errors.at(-1).code, 'client.token');
  });

  test('6 a token that does not count: one more is obtained, and then it stops with the reason', async () => {
    let tokens = 0;
    page.service.accepts = () => 'auth.invalid';
    const client = page.client({ token: () => `token-${++tokens}` });
    client.thread('t_7');
    await page.clock.advance(120_000);
    assert.equal(client.status, 'refused');
    assert.equal(page.errors.at(-1).code, 'auth.invalid');
    assert.ok(tokens <= 3, `${tokens} tokens`);
    const fixed = page.client({ token: 'always the same' });
    fixed.thread('t_7');
    await page.clock.advance(120_000);
    assert.equal(fixed.status, 'refused');
  });

  test('6 an expired token is replaced, and nothing is lost', async () => {
    let tokens = 0;
    const client = page.client({ token: () => `token-${++tokens}` });
    const thread = await page.live(client);
    const events = read(thread);
    page.service.emitRun();
    page.service.kill(4401, 'auth.expired');
    page.service.emitRun('r_2');
    await page.clock.advance(1000);
    assert.equal(page.service.connection.token, 'token-2');
    assert.deepEqual(sequences(events), upTo(8));
  });

  test('7 timers frozen for ten minutes, then visible: the drop is found within a second', async () => {
    const client = page.client();
    const thread = await page.live(client);
    const old = page.service.connection;
    page.window.hide(true);
    page.clock.sleep(600_000);
    old.subscriptions.clear(); // Nothing comes over it any longer.
    page.service.emitRun();
    page.window.hide(false);
    await page.clock.advance(1000);
    assert.notEqual(page.service.connection, old);
    assert.equal(old.readyState, 3);
    assert.deepEqual(texts(thread), ['hello']);
    assert.equal(thread.recovered.how, 'resumed');
  });

  test('7 a command after a sleep looks at the clock first', async () => {
    const client = page.client();
    const thread = await page.live(client);
    const old = page.service.connection;
    page.clock.sleep(600_000);
    const answer = thread.send('hi');
    assert.equal(old.readyState, 3);
    await page.clock.advance(1000);
    assert.equal((await answer).outcome, 'done');
    assert.equal(page.service.count('command'), 1);
  });

  test('7 a connection that is half open after a short absence is asked, and left', async () => {
    const client = page.client();
    await page.live(client);
    const old = page.service.connection;
    page.service.say = () => {}; // Nothing comes any longer.
    page.window.hide(true);
    page.window.hide(false);
    await page.clock.advance(5100);
    assert.equal(old.readyState, 3);
  });

  test('7 silence for two heartbeats is noticed without any of that', async () => {
    const client = page.client();
    await page.live(client);
    const old = page.service.connection;
    await page.clock.advance(49_000);
    assert.equal(old.readyState, 1);
    await page.clock.advance(2000);
    assert.equal(old.readyState, 3);
  });

  test('8 online in a hidden tab connects again; offline while connecting closes the half-open socket', async () => {
    const client = page.client();
    const thread = await page.live(client);
    page.window.hide(true);
    page.window.happens('offline');
    assert.equal(page.service.connections.length, 0);
    page.service.isDown = true;
    await page.clock.advance(200_000);
    page.service.isDown = false;
    page.service.emitRun();
    page.window.happens('online');
    await page.clock.advance(20);
    assert.ok(thread.live);
    assert.deepEqual(texts(thread), ['hello']);

    const sockets = [];
    const Socket = class extends page.service.WebSocket {
      constructor(...rest) {
        super(...rest);
        sockets.push(this);
      }
    };
    const other = page.client({ WebSocket: Socket });
    other.thread('t_8');
    while (!sockets.length) await Promise.resolve();
    assert.equal(sockets[0].readyState, 0);
    page.window.happens('offline');
    assert.equal(sockets[0].readyState, 3);
  });

  test('9 a page that comes back from the back-forward cache connects again', async () => {
    const client = page.client();
    const thread = await page.live(client);
    page.window.happens('pagehide', { persisted: true });
    assert.equal(page.service.connections.length, 0);
    page.clock.sleep(3_600_000);
    page.service.emitRun();
    page.window.happens('pageshow', { persisted: true });
    await page.clock.advance(1000);
    assert.ok(thread.live);
    assert.deepEqual(texts(thread), ['hello']);
    assert.equal(page.service.opened, 2);
    page.window.happens('pageshow', { persisted: false });
    await page.clock.advance(1000);
    assert.equal(page.service.opened, 2);
  });

  test('10 reconnecting is shown only after half a second', async () => {
    const client = page.client({ random: () => 0.5 });
    await page.live(client);
    page.service.kill();
    await page.clock.advance(400);
    assert.deepEqual(page.statuses, ['connecting', 'connected']);
    page.service.isDown = true;
    page.service.kill();
    await page.clock.advance(499);
    assert.equal(client.status, 'connected');
    await page.clock.advance(2);
    assert.equal(client.status, 'reconnecting');
    page.service.isDown = false;
    await page.clock.advance(10_000);
    assert.deepEqual(page.statuses, ['connecting', 'connected', 'reconnecting', 'connected']);
  });

  test('11 a thousand clients after a restart: their first attempts are spread', async () => {
    const clients = Array.from({ length: 1000 }, (_, index) => page.client({ random: seededRandom(index + 1) }));
    clients.forEach((client, index) => client.thread(`t_${index}`));
    await page.clock.advance(20);
    assert.equal(page.service.connections.length, 1000);
    page.service.isDown = true;
    const before = page.service.opened;
    page.service.kill();
    const perSlot = [];
    for (let slot = 0; slot < 10; slot++) {
      const opened = page.service.opened;
      await page.clock.advance(50);
      perSlot.push(page.service.opened - opened);
    }
    assert.ok(page.service.opened - before >= 1000);
    assert.ok(Math.max(...perSlot) < 250 && Math.min(...perSlot) > 40, `in 50 ms each: ${perSlot}`);
  });

  test('11 a drain is kept exactly, and told', async () => {
    const client = page.client();
    const drains = [];
    client.addEventListener('drain', ({ detail }) => drains.push(detail));
    const thread = await page.live(client);
    page.service.say(page.service.connection, { op: 'drain', reconnect_in_ms: 7000 });
    page.service.emitRun();
    await page.clock.advance(100);
    assert.deepEqual(texts(thread), ['hello']);
    page.service.kill(1001, 'reconnect_after_ms=4000');
    await page.clock.advance(3990);
    assert.equal(page.service.opened, 1);
    await page.clock.advance(20);
    assert.equal(page.service.opened, 2);
    assert.deepEqual(drains, [{ reconnect_in_ms: 7000 }]);
    page.service.kill(1012);
    await page.clock.advance(1);
    assert.equal(page.service.opened, 3);
    page.service.kill(4429);
    await page.clock.advance(4990);
    assert.equal(page.service.opened, 3);
    await page.clock.advance(20);
    assert.equal(page.service.opened, 4);
  });

  test('12 a WebSocket of one\'s own keeps everything', async () => {
    const { WebSocket } = globalThis;
    delete globalThis.WebSocket;
    try {
      assert.throws(() => new AgentEvents({ url: 'https://agents.example.com' }), { code: 'client.no_websocket' });
      const thread = await page.live();
      const events = read(thread);
      page.service.emit('agent_started');
      page.service.kill();
      page.service.emit('agent_completed', { duration_ms: 1 });
      await page.clock.advance(1000);
      assert.deepEqual(sequences(events), [1, 2]);
      assert.equal(thread.recovered.how, 'resumed');
    } finally {
      if (WebSocket) globalThis.WebSocket = WebSocket;
    }
  });

  for (const options of [{}, { after: 'start' }, { consumer: 'tab' }]) {
    test(`13 subscribed before the thread exists, with ${JSON.stringify(options)}`, async () => {
      const client = page.client();
      const thread = client.thread('t_7', options);
      const events = read(thread);
      await page.clock.advance(100);
      assert.ok(thread.live);
      assert.equal(thread.cursor, null);
      page.service.kill(); // The connection is not there when it happens.
      page.service.emitRun();
      await page.clock.advance(1000);
      page.service.emitRun('r_2');
      await page.clock.advance(1000);
      assert.deepEqual(sequences(events), upTo(8));
      assert.deepEqual(texts(thread), ['hello', 'hello']);
    });
  }

  test('14 from now on: what is committed between the state and the subscription is in the state', async () => {
    const client = page.client();
    page.service.emit('agent_started');
    page.service.emit('message_delta', { message_id: 'm', text: 'Hel' });
    let subscriptions = 0;
    page.service.beforeSubscribing = () => {
      if (++subscriptions === 2) page.service.emit('message_delta', { message_id: 'm', text: 'lo ' });
    };
    const thread = client.thread('t_7', { after: 'now' });
    await page.clock.advance(100);
    if (subscriptions < 2) page.service.emit('message_delta', { message_id: 'm', text: 'lo ' });
    page.service.emit('message_delta', { message_id: 'm', text: 'you' });
    await page.clock.advance(100);
    assert.deepEqual(texts(thread), ['Hello you']);
  });

  test('14 a reload in the middle of a run and after its end streams no finished message again', async () => {
    const stored = new Map();
    const cursorStore = { get: key => stored.get(key), set: (key, value) => void stored.set(key, value), delete: key => void stored.delete(key) };
    page.service.emitRun('r_0', 'finished');
    page.service.emit('agent_started');
    page.service.emit('message_delta', { message_id: 'm_1', text: 'Hel' });
    const first = await page.live(page.client({ cursorStore }));
    assert.deepEqual(texts(first), ['finished', 'Hel']);
    await page.clock.advance(2000);
    page.service.emit('message_delta', { message_id: 'm_1', text: 'lo' });
    const sent = [];
    page.service.tamper = texts => (sent.push(...texts), texts);
    const second = await page.live(page.client({ cursorStore })); // The page before was left without a word.
    assert.deepEqual(texts(second), ['finished', 'Hello']);
    assert.deepEqual(sent, []);
    assert.deepEqual(second.recovered, { how: 'snapshot', missed: 1 });
    page.service.emit('message_completed', { message_id: 'm_1', role: 'assistant', text: 'Hello!' });
    page.service.emit('agent_completed', { duration_ms: 1 });
    sent.length = 0;
    const third = await page.live(page.client());
    assert.deepEqual(texts(third), ['finished', 'Hello!']);
    assert.deepEqual(sent, []);
    assert.deepEqual(third.ended.get('r_1'), { how: 'completed' });
  });

  test('14 a reader goes on after a reload where it was, each event once', async () => {
    const stored = new Map();
    const cursorStore = { get: key => stored.get(key), set: (key, value) => void stored.set(key, value), delete: key => void stored.delete(key) };
    const before = page.client({ cursorStore });
    const thread = before.thread('t_7');
    const first = read(thread);
    await page.clock.advance(100);
    page.service.emitRun();
    await page.clock.advance(2000);
    page.window.happens('pagehide', { persisted: false });
    page.service.emitRun('r_2');
    const next = page.client({ cursorStore }).thread('t_7');
    const second = read(next);
    await page.clock.advance(100);
    assert.deepEqual(sequences(first).slice(0, 4), upTo(4));
    assert.deepEqual(sequences(second), [5, 6, 7, 8]);
    assert.deepEqual(texts(next), ['hello', 'hello']);
    assert.deepEqual(next.recovered, { how: 'resumed', missed: 4 });
  });

  test('15 an answered approval never appears again, and a nested one appears while it is asked', async () => {
    const thread = await page.live();
    const seen = [];
    thread.subscribe(() => seen.push(thread.getSnapshot().state.approvals.map(approval => approval.approval_id).join()));
    const child = { run: 'r_child', agent: 'finder' };
    page.service.emit('agent_started');
    page.service.emit('tool_executing', { call_id: 'c_1', tool: 'delegate', arguments: {} });
    page.service.emit('agent_started', { parent_run_id: 'r_1', parent_call_id: 'c_1' }, child);
    page.service.emit('approval_requested', { approval_id: 'a_1', prompt: 'Delete?' }, child);
    await page.clock.advance(20);
    assert.deepEqual(seen, ['a_1']);
    assert.deepEqual(thread.state.runs.map(run => run.waiting), [true, true]);
    const answer = await thread.respond('a_1', true, { data: { note: 'yes' } });
    assert.equal(answer.outcome, 'done');
    const { data, run_id } = page.service.received.findLast(message => message.op === 'command');
    assert.deepEqual([run_id, data], ['r_child', { approval_id: 'a_1', decision: 'approved', data: { note: 'yes' } }]);
    await page.clock.advance(20);
    page.service.kill();
    await page.clock.advance(1000);
    const reloaded = await page.live(page.client());
    assert.deepEqual([...thread.state.approvals, ...reloaded.state.approvals], []);
    assert.deepEqual(seen.slice(1).filter(Boolean), []);
    assert.equal((await thread.respondAll(false)).length, 0);
  });

  test('15 respondAll answers what is open, each once', async () => {
    const thread = await page.live();
    page.service.emit('agent_started');
    page.service.emit('approval_requested', { approval_id: 'a_1', prompt: 'One?' });
    page.service.emit('approval_requested', { approval_id: 'a_2', prompt: 'Two?' });
    await page.clock.advance(20);
    const answers = await thread.respondAll('denied');
    assert.deepEqual(answers.map(answer => answer.outcome), ['done', 'done']);
    assert.deepEqual(thread.state.resolved_approvals.map(({ approval_id, decision }) => [approval_id, decision]),
      [['a_1', 'denied'], ['a_2', 'denied']]);
  });

  test('16 a late snapshot never opens a run again', async () => {
    const thread = await page.live();
    page.service.emit('agent_started');
    await page.clock.advance(20);
    const late = { op: 'snapshot', thread_id: 't_7', cursor: thread.cursor, state: thread.state };
    page.service.emit('agent_completed', { duration_ms: 1 });
    await page.clock.advance(20);
    page.service.say(page.service.connection, late);
    page.service.say(page.service.connection, { ...late, part: 1, parts: 1, state: undefined, state_json: JSON.stringify(late.state) });
    await page.clock.advance(20);
    assert.equal(thread.state.runs[0].status, 'completed');
    assert.equal(thread.cursor, '3-2');
  });

  test('17 ten thousand events at once: one notification in a frame, and the state is exact', async () => {
    const thread = await page.live();
    let notifications = 0;
    const snapshots = new Set();
    thread.subscribe(() => notifications++);
    const before = thread.getSnapshot();
    page.service.emit('agent_started');
    for (let index = 0; index < 9_998; index++) page.service.emit('message_delta', { message_id: 'm_1', text: `${index} ` });
    assert.equal(notifications, 0);
    assert.equal(thread.getSnapshot(), before);
    page.service.emit('message_delta', { message_id: 'm_1', text: 'end' });
    const frames = page.clock.frames;
    await page.clock.advance(100);
    assert.equal(notifications, 1);
    assert.equal(page.clock.frames - frames, 1);
    snapshots.add(thread.getSnapshot()).add(thread.getSnapshot());
    assert.equal(snapshots.size, 1);
    assert.equal(thread.getSnapshot().state.cursor, '3-10000');
    const reference = new Fold();
    page.service.thread().forEach(event => reference.apply(event));
    assert.deepEqual(thread.getSnapshot().state, reference.state);
  });

  test('17 a message that has not changed is the same object', async () => {
    const thread = await page.live();
    page.service.emitRun('r_0', 'before');
    await page.clock.advance(20);
    const [before] = thread.getSnapshot().state.messages;
    page.service.emit('agent_started');
    page.service.emit('message_delta', { message_id: 'm_1', text: 'new' });
    await page.clock.advance(20);
    assert.equal(thread.getSnapshot().state.messages[0], before);
  });

  test('17 a hidden page has no frames, and listeners are told all the same', async () => {
    const thread = await page.live();
    let notifications = 0;
    thread.subscribe(() => notifications++);
    globalThis.requestAnimationFrame = () => 0; // As it is while the page is hidden.
    page.service.emitRun();
    assert.equal(notifications, 0);
    page.window.hide(true);
    assert.equal(notifications, 1);
    page.service.emitRun('r_2');
    await page.clock.advance(20);
    assert.equal(notifications, 2);
  });

  test('18 a send whose answer is lost four times is one event', async () => {
    const thread = await page.live();
    page.service.losesAnswers = 4;
    const answer = thread.send('Which files?', { agent: 'guide' });
    await page.clock.advance(60_000);
    assert.equal((await answer).outcome, 'repeated');
    assert.equal(page.service.thread().length, 1);
    const sent = page.service.received.filter(message => message.op === 'command');
    assert.equal(sent.length, 5);
    assert.equal(new Set(sent.map(({ key }) => key)).size, 1);
    assert.deepEqual(sent[0].data, { text: 'Which files?', agent: 'guide' });
  });

  test('18 a key of one\'s own is used, and what is retryable is tried again after the time the service asks for', async () => {
    const thread = await page.live();
    let refusals = 0;
    page.service.onCommand = ({ req, key }, connection) => {
      assert.equal(key, 'k_1');
      if (++refusals > 2) return true;
      page.service.say(connection, { op: 'error', req, code: 'limits.commands', message: 'slow', retryable: true, retry_after_ms: 3000 });
      return false;
    };
    const answer = thread.send('hi', { key: 'k_1' });
    await page.clock.advance(2900);
    assert.equal(refusals, 1);
    await page.clock.advance(3500);
    assert.equal((await answer).outcome, 'done');
  });

  test('18 a refusal rejects with its code', async () => {
    const thread = await page.live();
    page.service.onCommand = ({ req }, connection) => {
      page.service.say(connection, { op: 'error', req, code: 'thread.busy', message: 'a run is open', retryable: false });
      return false;
    };
    await assert.rejects(thread.send('hi', { policy: 'reject' }), { code: 'thread.busy', message: 'a run is open', retryable: false });
    await assert.rejects(thread.send('x'.repeat(1_100_000)), { code: 'event.too_large' });
  });

  test('19 a listener that throws: the cursor was advanced before, nothing comes again, and the error is told', async () => {
    const thread = await page.live();
    let calls = 0;
    const others = [];
    thread.subscribe(() => {
      calls++;
      throw new Error('in the application');
    });
    thread.subscribe(() => others.push(thread.getSnapshot().state.cursor));
    page.service.emitRun();
    await page.clock.advance(20);
    assert.equal(calls, 1);
    assert.deepEqual(others, ['3-4']);
    assert.equal(page.errors.length, 1);
    assert.equal(page.errors[0].code, 'client.listener');
    assert.equal(page.errors[0].cause.message, 'in the application');
    page.service.kill();
    await page.clock.advance(1000);
    assert.equal(page.service.received.findLast(message => message.op === 'subscribe').after, '3-4');
    assert.deepEqual(texts(thread), ['hello']);
  });

  test('20 disconnect leaves the run alive, stop ends it, and both may come twice', async () => {
    const client = page.client();
    const thread = await page.live(client);
    page.service.emit('agent_started');
    await page.clock.advance(20);
    thread.disconnect();
    thread.disconnect();
    await page.clock.advance(100);
    assert.equal(page.service.count('unsubscribe'), 1);
    assert.equal(page.service.count('command'), 0);
    assert.equal(page.service.thread().length, 1);
    const again = await page.live(client);
    assert.equal(again.state.runs[0].status, 'running');
    assert.equal((await again.stop({ reason: 'enough' })).outcome, 'done');
    assert.equal((await again.stop()).outcome, 'unchanged');
    const stop = page.service.received.find(message => message.op === 'command');
    assert.deepEqual([stop.name, stop.as_of, stop.data], ['stop', '3-1', { reason: 'enough' }]);
    await page.clock.advance(20);
    assert.deepEqual(again.ended.get('r_1'), { how: 'cancelled' });
    assert.equal(page.service.thread().at(-1).type, 'agent_cancelled');
  });

  test('21 the service is killed in the middle of a run: nothing says that it has completed', async () => {
    const thread = await page.live();
    const ended = [];
    thread.addEventListener('ended', ({ detail }) => ended.push(detail));
    page.service.emit('agent_started');
    page.service.emit('message_delta', { message_id: 'm_1', text: 'half' });
    await page.clock.advance(20);
    page.service.isDown = true;
    page.service.kill();
    await page.clock.advance(60_000);
    assert.deepEqual([thread.state.runs[0].status, thread.state.messages[0].complete, thread.live], ['running', false, false]);
    assert.equal(thread.ended.size, 0);
    page.service.generation = 9;
    page.service.emit('agent_failed', { error: { code: 'run.lost', message: 'The process ended.', retryable: false }, duration_ms: 1 });
    page.service.isDown = false;
    page.window.happens('online');
    await page.clock.advance(100);
    assert.deepEqual(ended, [{ run_id: 'r_1', how: 'lost', code: 'run.lost' }]);
    assert.deepEqual(thread.getSnapshot().ended.get('r_1'), { how: 'lost', code: 'run.lost' });
  });

  test('22 integers of 64 bits, lone surrogates, an event of a megabyte, line separators', async () => {
    const thread = await page.live();
    const events = read(thread);
    await settle();
    const literal = '{"large":9223372036854775807,"larger":18446744073709551615,"float":1.0,"lone":"\\ud83d","line":"\u2028\u2029"}';
    const result = '"' + 'é'.repeat(524_288) + '"';
    page.service.emit('agent_started');
    page.service.say(page.service.connection, `{"type":"user_message","id":"3-2","seq":2,"thread_id":"t_7","time":"2026-11-28T10:00:00.000Z",`
      + `"data":{"message_id":"m_1","user_id":"u_1","text":"\u2028","data":${literal}}}`);
    page.service.say(page.service.connection, `{"type":"agent_completed","id":"3-3","seq":3,"thread_id":"t_7","run_id":"r_1","agent":"guide",`
      + `"time":"2026-11-28T10:00:00.000Z","data":{"result":${result},"duration_ms":9223372036854775807}}`);
    await page.clock.advance(20);
    const { data } = thread.state.messages[0];
    assert.deepEqual({ ...data }, { large: 2n ** 63n - 1n, larger: 2n ** 64n - 1n, float: 1, lone: '\ud83d', line: '\u2028\u2029' });
    assert.equal(thread.state.runs[0].result.length, 524_288);
    assert.equal(events[2].data.duration_ms, 2n ** 63n - 1n);
    // What is sent back is the same.
    const answer = thread.command('app.echo', { data });
    await settle();
    const { stringify } = await import('../../Sources/AgentEventsServer/Page/agent-events.js');
    assert.equal(stringify(page.service.received.at(-1).data), literal);
    await answer;
  });

  test('a value of the context is gone at its time, before its removal comes', async () => {
    const thread = await page.live();
    const at = pause => new Date(page.clock.time + pause).toISOString();
    page.service.emit('state_updated', { version: 1, key: 'city', value: 'Berlin', expires_at: at(5000), by: 'u_1' }, { run: undefined, agent: undefined });
    page.service.emit('state_updated', { version: 2, key: 'stays', value: null }, { run: undefined, agent: undefined });
    let draws = 0;
    thread.subscribe(() => draws++);
    await page.clock.advance(100);
    assert.deepEqual([...thread.values], [['city', 'Berlin'], ['stays', null]]);
    assert.equal(thread.state.entries[0].by, 'u_1');
    const before = thread.getSnapshot();
    const drawn = draws;
    await page.clock.advance(4880);
    assert.equal(thread.getSnapshot(), before);
    await page.clock.advance(40);
    // Nothing has come; who shows it is told.
    assert.equal(draws, drawn + 1);
    assert.deepEqual([...thread.getSnapshot().values], [['stays', null]]);
    assert.equal(thread.state.entries.length, 2);
    page.service.emit('state_updated', { version: 3, key: 'city', removed: true, reason: 'expired' }, { run: undefined, agent: undefined });
    await page.clock.advance(100);
    assert.deepEqual([...thread.values.keys()], ['stays']);
  });

  test('a thread that is left waits for no value', async () => {
    const thread = await page.live();
    page.service.emit('state_updated', {
      version: 1, key: 'k', value: 1, expires_at: new Date(page.clock.time + 1e6).toISOString(),
    }, { run: undefined, agent: undefined });
    await page.clock.advance(100);
    const timers = page.clock.timerCount;
    thread.disconnect();
    await page.clock.advance(100);
    assert.ok(page.clock.timerCount < timers);
  });

  test('values are set and removed by commands', async () => {
    const thread = await page.live();
    thread.set('city', { name: 'Berlin' }, { key: 'k_1', ttl_ms: 5000, if_version: 0 }).catch(() => {});
    thread.remove('city', { if_version: 3 }).catch(() => {});
    await settle();
    const [set, remove] = page.service.received.filter(({ op }) => op === 'command');
    assert.deepEqual([set.name, set.key], ['set', 'k_1']);
    assert.deepEqual({ ...set.data, value: { ...set.data.value } }, { key: 'city', value: { name: 'Berlin' }, ttl_ms: 5000, if_version: 0 });
    assert.equal(remove.name, 'remove');
    assert.deepEqual({ ...remove.data }, { key: 'city', if_version: 3 });
  });
});
