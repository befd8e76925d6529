/** The list of threads: what its machine takes, over a service that is made up, and over the real one. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Unauthorized } from '../../Sources/AgentEventsServer/Page/agent-events.js';
import { ListMachine, followThreads, inOrder } from '../../Sources/AgentEventsServer/Page/agent-events-threads.js';
import { Page, settle } from './support/page.mjs';
import { connect, guidedService, hasEnded, skip, until } from './support/real.mjs';
import { WebSocket } from './support/web-socket.mjs';

const card = (thread_id, second, more) => ({
  thread_id, updated_at: `2026-11-28T10:00:0${second}.000Z`, head: '3-1', status: 'idle', ...more,
});
const ids = threads => threads.map(({ thread_id: id }) => id);

describe('the machine of the list', () => {
  test('the latest first, and of one time the greater id', () => {
    assert.deepEqual(ids(inOrder([card('a', 1), card('c', 2), card('b', 2), card('d', 0)])), ['c', 'b', 'a', 'd']);
    // Those of which no time is known are the last ones.
    assert.deepEqual(ids(inOrder([{ thread_id: 'x' }, card('a', 1), { thread_id: 'y' }, card('b', 2)])), ['b', 'a', 'y', 'x']);
  });

  test('a list is what the service tells of it', () => {
    const machine = phases.following();
    assert.ok(!machine.live);
    machine.take({ threads: [card('a', 1), card('b', 2)], gone: [], next: '1-a' });
    assert.deepEqual([ids(machine.threads), machine.next, machine.live], [['b', 'a'], '1-a', true]);
    const running = card('a', 3, { status: 'running' });
    assert.deepEqual(machine.take({ threads: [running], gone: ['b'], next: null }), { threads: [running], gone: ['b'] });
    assert.deepEqual([machine.threads, machine.next], [[running], null]);
    // Names of prototypes are names of threads, too.
    machine.take({ threads: [card('__proto__', 4), card('constructor', 5)], gone: [], next: null });
    assert.deepEqual(ids(machine.threads), ['constructor', '__proto__', 'a']);
  });

  test('a card that is as it was has not changed', () => {
    const machine = phases.following();
    machine.take({ threads: [card('a', 1, { runs: 2n ** 60n }), card('b', 2)], gone: [], next: null });
    const later = card('b', 3);
    const told = machine.take({ threads: [card('a', 1, { runs: 2n ** 60n }), later, card('c', 0)], gone: [], next: null });
    assert.deepEqual(told, { threads: [later, card('c', 0)], gone: [] });
  });

  test('a question is the one that was asked, whatever becomes of its object', () => {
    const question = { q: 'x' };
    const machine = new ListMachine();
    machine.turnTo(question);
    question.q = 'y';
    assert.equal(machine.ask().q, 'x');
    assert.equal(machine.turnTo(question), true);
    assert.equal(machine.ask().q, 'y');
  });

  test('what is forgotten has gone', () => {
    const machine = phases.following();
    machine.take({ threads: [card('a', 1)], gone: [], next: '1-a' });
    assert.deepEqual(machine.forget(), { threads: [], gone: ['a'] });
    assert.deepEqual([machine.threads, machine.next], [[], null]);
  });

  test('after another connection the first message is the whole list, and what it lacks has gone', () => {
    const machine = phases.following();
    machine.take({ threads: [card('a', 1), card('b', 2), card('c', 3)], gone: [], next: null });
    machine.restart();
    assert.deepEqual([ids(machine.threads), machine.live], [['c', 'b', 'a'], false]);
    machine.ask();
    machine.watching();
    assert.deepEqual(machine.take({ threads: [card('b', 4)], gone: [], next: null }).gone.sort(), ['a', 'c']);
    assert.deepEqual([ids(machine.threads), machine.live], [['b'], true]);
    assert.deepEqual(machine.take({ threads: [card('d', 5)], gone: [], next: null }).gone, []);
  });

  test('what has come says that the next refusal is the first one again', () => {
    const machine = phases.following();
    const pauses = [machine.refused(0.5), machine.refused(0.5)];
    machine.restart();
    machine.ask();
    machine.watching();
    machine.take({ threads: [], gone: [], next: null });
    assert.deepEqual([...pauses, machine.refused(0.5)], [250, 500, 250]);
  });

  const asked = { op: 'watch', q: 'x' };
  const inputs = {
    ask: machine => machine.ask(),
    watching: machine => machine.watching(),
    take: machine => machine.take({ threads: [], gone: [], next: null }),
    turnTo: machine => machine.turnTo({ q: 'y' }),
    'turnTo the same': machine => machine.turnTo({ q: 'x' }),
    refused: machine => machine.refused(0.5),
    restart: machine => machine.restart(),
    'restart over': machine => machine.restart('over'),
  };
  const phases = {
    idle: (machine = new ListMachine()) => (machine.turnTo({ q: 'x' }), machine),
    asked: (machine = phases.idle()) => (machine.ask(), machine),
    following: (machine = phases.asked()) => (machine.watching(), machine),
    waiting: (machine = phases.asked()) => (machine.refused(0.5), machine),
    over: (machine = phases.asked()) => (machine.restart('over'), machine),
  };
  // The phase after it, and what it returned, where it returned something.
  const nothing = { threads: [], gone: [] };
  const table = {
    idle: [['asked', asked], 'idle', 'idle', ['idle', false], 'idle', ['waiting', 250], 'idle', 'over'],
    asked: ['asked', 'following', 'asked', ['idle', true], 'asked', ['waiting', 250], 'idle', 'over'],
    following: ['following', 'following', ['following', nothing], ['idle', true], 'following', ['waiting', 250], 'idle', 'over'],
    waiting: ['waiting', 'waiting', 'waiting', ['waiting', false], 'waiting', ['waiting', 500], 'idle', 'over'],
    over: ['over', 'over', 'over', ['idle', false], ['idle', false], ['over', 250], 'over', 'over'],
  };
  for (const [phase, row] of Object.entries(table)) {
    for (const [index, [name, input]] of Object.entries(inputs).entries()) {
      test(`in the phase ${phase}: ${name}`, () => {
        const machine = phases[phase]();
        assert.equal(machine.phase, phase);
        const returned = input(machine);
        assert.deepEqual(returned === undefined ? machine.phase : [machine.phase, returned], row[index]);
        if (machine.phase !== 'following') assert.ok(!machine.live);
      });
    }
  }
});

describe('the list', () => {
  let page;
  let client;
  beforeEach(() => {
    page = new Page();
    client = page.client();
    page.service.list([card('a', 1), card('b', 2)]);
  });
  afterEach(() => page.close());

  test('comes over the connection of the client, and shows once in a frame what becomes of it', async () => {
    const thread = client.thread('t_7');
    const list = followThreads(client, { status: 'idle', limit: 20 });
    let told = 0;
    const changes = [];
    list.subscribe(() => told++);
    list.addEventListener('change', ({ detail }) => changes.push(detail));
    assert.deepEqual(list.getSnapshot(), { threads: [], next: null, live: false, error: null });
    await page.clock.advance(20);
    const { req, ...asked } = page.service.received.find(({ op }) => op === 'watch');
    assert.deepEqual(asked, { op: 'watch', status: 'idle', limit: 20 });
    assert.deepEqual([ids(list.getSnapshot().threads), list.live, thread.live], [['b', 'a'], true, true]);
    told = 0;
    const before = list.getSnapshot();
    for (let second = 3; second < 9; second++) page.service.list([card('a', second)]);
    page.service.list([], ['b']);
    await settle();
    assert.equal(list.getSnapshot(), before);
    assert.deepEqual(list.threads, [card('a', 8)]);
    await page.clock.advance(20);
    assert.deepEqual(list.getSnapshot().threads, [card('a', 8)]);
    assert.equal(told, 1);
    assert.deepEqual(changes.at(-1), { threads: [], gone: ['b'] });
    assert.deepEqual([page.service.opened, page.service.count('watch'), page.errors], [1, 1, []]);
  });

  test('is the same object for each call, and another question takes the place of the one before', async () => {
    const list = followThreads(client, { q: 'a' });
    await page.clock.advance(20);
    assert.equal(followThreads(client, { q: 'a' }), list);
    await page.clock.advance(20);
    assert.equal(page.service.count('watch'), 1);
    page.service.list([], ['a', 'b']);
    page.service.cards.set('c', card('c', 3));
    followThreads(client, { q: 'ab' });
    followThreads(client, { q: 'abc' });
    page.service.list([card('a', 9)]); // Of the question before: it is of no interest.
    assert.deepEqual([ids(list.threads), list.live], [[], false]);
    page.service.cards.delete('a');
    await page.clock.advance(20);
    assert.deepEqual([ids(list.threads), list.live], [['c'], true]);
    const told = page.service.received.filter(({ op }) => op.endsWith('watch')).map(({ op, q }) => q ?? op);
    assert.deepEqual(told, ['a', 'unwatch', 'abc']);
    assert.deepEqual(page.errors, []);
  });

  test('comes back with the connection, and has then what happened meanwhile', async () => {
    const list = followThreads(client);
    await page.clock.advance(20);
    page.service.isDown = true;
    page.service.kill();
    await page.clock.advance(20);
    assert.deepEqual([ids(list.getSnapshot().threads), list.getSnapshot().live], [['b', 'a'], false]);
    page.service.isDown = false;
    page.service.list([card('c', 3)], ['a']);
    const changes = [];
    list.addEventListener('change', ({ detail }) => changes.push(detail));
    await page.clock.advance(1000);
    assert.deepEqual([ids(list.getSnapshot().threads), list.getSnapshot().live], [['c', 'b'], true]);
    assert.deepEqual(changes, [{ threads: [card('c', 3)], gone: ['a'] }]);
    // With nothing else to follow, the connection is tried again and again all the same.
    page.service.isDown = true;
    page.service.kill();
    await page.clock.advance(300_000);
    page.service.isDown = false;
    await page.clock.advance(30_000);
    assert.ok(list.live);
  });

  test('a refused question is told, and the next one is asked', async () => {
    page.service.onWatch = ({ status }) => (status === 'odd' ? { code: 'message.invalid', retryable: false } : undefined);
    const list = followThreads(client, { status: 'odd' });
    await page.clock.advance(20);
    assert.deepEqual([list.getSnapshot().error.code, list.live], ['message.invalid', false]);
    page.service.kill();
    await page.clock.advance(2000);
    assert.equal(page.service.count('watch'), 1);
    list.ask({ status: 'idle' });
    assert.equal(list.error, null);
    await page.clock.advance(20);
    assert.deepEqual([list.getSnapshot().error, ids(list.threads)], [null, ['b', 'a']]);
    assert.equal(page.service.count('unwatch'), 0);
  });

  test('what may succeed later is asked again, later and later', async () => {
    let refusals = 0;
    page.service.onWatch = () => (++refusals < 4 ? { code: 'service.busy', retryable: true, retry_after_ms: 300 } : undefined);
    const list = followThreads(client);
    await page.clock.advance(299);
    assert.deepEqual([refusals, list.error], [1, null]);
    await page.clock.advance(10_000);
    assert.deepEqual([refusals, list.live], [4, true]);
  });

  test('a service that ends the list says why; an error that is about nothing does not end it', async () => {
    const list = followThreads(client);
    await page.clock.advance(20);
    page.service.say(page.service.connection, { op: 'error', code: 'message.invalid', message: 'no', retryable: false });
    assert.deepEqual([list.error, page.errors.length], [null, 1]);
    page.service.say(page.service.connection, { op: 'unwatched', code: 'auth.scope_missing' });
    assert.deepEqual([list.error.code, list.live], ['auth.scope_missing', false]);
    page.service.list([card('c', 3)]);
    assert.deepEqual(ids(list.threads), ['b', 'a']);
  });

  test('a list that has ended is asked again by its own question, too', async () => {
    const list = followThreads(client, { q: 'a' });
    await page.clock.advance(20);
    page.service.end('threads.unlisted');
    assert.equal(list.error.code, 'threads.unlisted');
    assert.equal(followThreads(client, { q: 'a' }), list);
    await page.clock.advance(20);
    assert.deepEqual([list.error, list.live, page.service.count('watch')], [null, true, 2]);
  });

  test('what ended for want of a scope is asked again with another token, and with another connection', async () => {
    page.service.expiresAt = () => page.clock.time + 3_600_000;
    const list = followThreads(client, { q: 'a' });
    await page.clock.advance(20);
    page.service.end('auth.scope_missing');
    await page.clock.advance(1000);
    assert.deepEqual([list.getSnapshot().error.code, page.service.count('watch')], ['auth.scope_missing', 1]);
    client.setToken('wider');
    await page.clock.advance(20);
    assert.deepEqual([list.getSnapshot().error, list.live, page.service.count('watch')], [null, true, 2]);
    page.service.end('auth.scope_missing');
    page.service.onWatch = () => ({ code: 'auth.scope_missing', retryable: false });
    page.service.kill();
    await page.clock.advance(2000);
    assert.deepEqual([list.getSnapshot().error.code, page.service.count('watch')], ['auth.scope_missing', 3]);
    const { q } = page.service.received.findLast(({ op }) => op === 'watch');
    assert.deepEqual([q, page.errors], ['a', []]);
  });

  test('a list that the service ends while it is left: the next question is asked all the same', async () => {
    const list = followThreads(client);
    await page.clock.advance(20);
    page.service.connection.watches = false;
    list.ask({ q: 'a' });
    page.service.say(page.service.connection, { op: 'unwatched', code: 'auth.scope_missing' });
    await page.clock.advance(20);
    assert.deepEqual([list.live, list.error, page.errors], [true, null, []]);
  });

  test('disconnect and signals leave nothing, and the next list begins', async () => {
    const { signal } = new AbortController();
    for (let index = 0; index < 100; index++) {
      const list = followThreads(client, { signal });
      await settle();
      list.disconnect();
      list.disconnect();
      list.ask({ q: 'late' });
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    const controller = new AbortController();
    const list = followThreads(client, { signal: controller.signal });
    await page.clock.advance(20);
    controller.abort();
    await page.clock.advance(20);
    assert.equal(page.service.connection.watches, false);
    assert.equal(list.getSnapshot().live, false);
    page.service.list([card('c', 3)]);
    assert.deepEqual(ids(list.threads), ['b', 'a']);
    assert.notEqual(followThreads(client), list);
    await page.clock.advance(20);
    assert.deepEqual([page.service.opened, page.errors], [1, []]);
  });

  for (const [name, code, end] of [
    ['closed', 'client.closed', () => client.close()],
    ['signed out', 'client.signed_out', () => client.setToken(null)],
    ['of another user', 'client.signed_out', async () => {
      page.service.user = 'u_2';
      page.service.kill();
      await page.clock.advance(1000);
    }],
  ]) {
    test(`the list of a client that is ${name} says so, has no cards, and is not asked again`, async () => {
      const list = followThreads(client);
      await page.clock.advance(20);
      const changes = [];
      list.addEventListener('change', ({ detail }) => changes.push(detail));
      await end();
      await page.clock.advance(20);
      const { threads, next, live, error } = list.getSnapshot();
      assert.deepEqual([threads, next, live, error.code], [[], null, false, code]);
      assert.deepEqual(changes, [{ threads: [], gone: ['a', 'b'] }]);
      list.ask({ q: 'late' });
      await page.clock.advance(20);
      assert.deepEqual([list.error.code, page.service.count('watch'), page.errors], [code, 1, []]);
      if (code === 'client.closed') return assert.throws(() => followThreads(client), { code });
      const following = followThreads(client);
      assert.deepEqual([following === list, following.threads, following.error], [false, [], null]);
    });
  }

  test('a list that its page has left has no error, and the cards that it had', async () => {
    const list = followThreads(client);
    await page.clock.advance(20);
    list.disconnect();
    list.ask({ q: 'late' });
    await page.clock.advance(20);
    assert.deepEqual([ids(list.getSnapshot().threads), list.getSnapshot().error], [['b', 'a'], null]);
  });

  test('a client that follows a list has its threads apart, whatever their ids', async () => {
    const list = followThreads(client);
    await page.clock.advance(20);
    for (const id of [undefined, '', 'undefined']) assert.notEqual(client.thread(id), list, `${id}`);
    await page.clock.advance(20);
    client.thread('').disconnect();
    await page.clock.advance(20);
    assert.equal(page.service.count('unwatch'), 0);
    assert.equal(page.service.received.at(-1).op, 'unsubscribe');
    page.service.list([card('c', 3)]);
    assert.deepEqual([ids(list.threads), page.service.connection.watches], [['c', 'b', 'a'], true]);
  });

  for (const [name, leave] of [
    ['another question takes its place', list => list.ask({ q: 'b' })], ['the list is left', list => list.disconnect()],
  ]) {
    for (const retryable of [true, false]) {
      test(`a refusal that comes when ${name} is of no interest, ${retryable ? 'for now' : 'for good'}`, async () => {
        client.thread('t_7');
        await page.clock.advance(20);
        const list = followThreads(client, { q: 'a' });
        page.service.onWatch = ({ q }) => {
          if (q !== 'a') return undefined;
          leave(list);
          return { code: 'limits.rate', retryable };
        };
        await page.clock.advance(10_000);
        assert.deepEqual([page.errors, list.error], [[], null]);
      });
    }
  }

  test('a list of a refused client comes with another token', async () => {
    const refused = page.client({ token: () => { throw new Unauthorized('the session has ended'); } });
    let list = followThreads(refused);
    await page.clock.advance(20);
    assert.equal(list.getSnapshot().error.code, 'client.unauthorized');
    // No question changes that, and no other list and no thread.
    list.ask({ q: 'a' });
    assert.equal(list.error.code, 'client.unauthorized');
    list.disconnect();
    for (const question of [{}, { q: 'a' }]) {
      const next = followThreads(refused, question);
      assert.deepEqual([next.error?.code, next.getSnapshot().error?.code], ['client.unauthorized', 'client.unauthorized']);
      await page.clock.advance(20);
      assert.equal(next.getSnapshot().error?.code, 'client.unauthorized');
      next.disconnect();
    }
    assert.equal(refused.thread('t_7').getSnapshot().error.code, 'client.unauthorized');
    list = followThreads(refused);
    refused.setToken('token');
    await page.clock.advance(20);
    assert.deepEqual([list.getSnapshot().error, list.live], [null, true]);
  });

  test('a list that has come says that the connection is well: it comes back soon the next time, too', async () => {
    const slow = page.client({ random: () => 0.999 });
    const list = followThreads(slow);
    for (let loss = 0; loss < 8; loss++) {
      await page.clock.advance(600);
      assert.ok(list.live, `after ${loss} losses`);
      page.service.kill();
    }
  });

  test('a listener that throws takes the list from nobody', async () => {
    const list = followThreads(client);
    list.subscribe(() => { throw new Error('broken'); });
    let told = 0;
    list.subscribe(() => told++);
    await page.clock.advance(20);
    assert.ok(told > 0);
    assert.equal(page.errors[0].code, 'client.listener');
  });
});

describe('the list of the service', { skip }, () => {
  const service = guidedService();

  const listed = async query => (await service.request('GET', `/v1/threads?${query}`)).body;

  test('follows runs, a kill and a start; what it has is the first page of GET /v1/threads', async () => {
    const client = connect(service);
    const list = followThreads(client, { limit: 3 });
    const statuses = new Set();
    list.addEventListener('change', ({ detail }) => detail.threads.forEach(({ status }) => statuses.add(status)));
    await until(list, () => list.live, 'the list');
    assert.deepEqual([list.threads, list.next], [[], null]);
    for (const id of ['t_1', 't_2', 't_3', 't_4']) {
      await service.request('POST', `/v1/threads/${id}/events`, { type: 'user_message', data: { message_id: 'm', user_id: 'anonymous', text: `of ${id}` } });
    }
    await until(list, () => list.threads[0]?.thread_id === 't_4', 'the fourth thread');
    const thread = client.thread('t_1');
    await thread.send('Which files mention the parser?');
    await until(thread, hasEnded(thread), 'the end of the run');
    await until(list, () => list.threads[0]?.last_outcome === 'completed', 'the end of the run in the list');
    assert.deepEqual(ids(list.threads), ['t_1', 't_4', 't_3']);
    assert.ok(statuses.has('running'), [...statuses]);
    await until(list, () => list.threads[0].head === thread.cursor, 'the last event');
    const page = await listed('limit=3');
    assert.deepEqual({ threads: list.threads, next: list.next }, page);
    await service.kill();
    await service.start();
    await until(list, () => list.live, 'the list again');
    for (const socket of WebSocket.open) socket.cut();
    await service.request('POST', '/v1/threads/t_2/events', { type: 'user_message', data: { message_id: 'n', user_id: 'anonymous', text: 'again' } });
    await until(list, () => list.live && list.threads[0].thread_id === 't_2', 'what happened meanwhile');
    assert.deepEqual({ threads: list.threads, next: list.next }, await listed('limit=3'));
    // Another question, one that is refused, and one more.
    list.ask({ q: 'OF T_3' });
    await until(list, () => list.live, 'what matches');
    assert.deepEqual(ids(list.threads), ['t_3']);
    list.ask({ status: 'odd' });
    await until(list, () => list.error, 'the refusal');
    assert.equal(list.error.code, 'message.invalid');
    list.ask({ agent: 'guide' });
    await until(list, () => list.live, 'those of an agent');
    assert.deepEqual(ids(list.threads), ['t_1']);
  });
});
