/** Order and boundedness: what comes twice, not at all, merged, or faster than it is read. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Fold, ThreadMachine } from '../../Sources/AgentEventsServer/Page/agent-events.js';
import { seededRandom } from './support/clock.mjs';
import { Page, read, sequences, settle, texts, upTo } from './support/page.mjs';

let page;
beforeEach(() => { page = new Page(); });
afterEach(() => page.close());

const fold = events => events.reduce((state, event) => (state.apply(event), state), new Fold()).state;

describe('order', () => {
  for (const [reason, tamper] of [
    ['gap', (text, seq) => (seq === 3 ? [] : [text])],
    ['duplicate', (text, seq) => (seq === 3 ? [text, text] : [text])],
  ]) {
    test(`a ${reason} is found, healed by asking again, and told`, async () => {
      const thread = await page.live();
      const events = read(thread);
      const told = [];
      thread.addEventListener('recovered', ({ detail }) => told.push(detail));
      await settle();
      page.service.tamper = texts => texts.flatMap(text => tamper(text, JSON.parse(text).seq));
      page.service.emit('agent_started');
      for (const text of ['a', 'b', 'c']) page.service.emit('message_delta', { message_id: 'm_1', text });
      page.service.tamper = texts => texts;
      await page.clock.advance(100);
      page.service.emit('agent_failed', { error: { code: 'x', message: 'y', retryable: false }, duration_ms: 1 });
      await page.clock.advance(100);
      assert.deepEqual(sequences(events), upTo(5));
      assert.deepEqual(thread.state, fold(page.service.thread()));
      assert.equal(told.length, 1);
      assert.deepEqual({ ...told[0], missed: 0 }, { how: 'resumed', reason, missed: 0 });
      assert.equal(page.service.opened, 1);
    });
  }

  test('a service that leaves out the same event again and again is asked more and more slowly', async () => {
    const thread = await page.live(page.client({ random: () => 0.999 }));
    page.service.tamper = texts => texts.filter(text => JSON.parse(text).seq !== 2);
    page.service.emitRun();
    const counts = [];
    for (let index = 0; index < 4; index++) {
      const before = page.service.count('subscribe');
      await page.clock.advance(10_000);
      counts.push(page.service.count('subscribe') - before);
    }
    assert.ok(counts[0] < 8 && counts.at(-1) <= 1, `subscriptions in 10 s each: ${counts}`);
    page.service.tamper = texts => texts;
    await page.clock.advance(60_000);
    assert.deepEqual(texts(thread), ['hello']);
  });

  test('a merged range counts as the events it stands for', async () => {
    const thread = await page.live();
    const events = read(thread);
    await settle();
    const say = members => {
      const event = { thread_id: 't_7', run_id: 'r_1', agent: 'guide', time: '2026-11-28T10:00:00.000Z', ...members };
      page.service.thread().push(event);
      page.service.say(page.service.connection, event);
    };
    say({ type: 'agent_started', id: '3-1', seq: 1, data: {} });
    say({ type: 'message_delta', id: '3-9', seq: 9, from_seq: 2, data: { message_id: 'm_1', text: 'abcdefgh' } });
    say({ type: 'message_delta', id: '3-10', seq: 10, data: { message_id: 'm_1', text: 'i' } });
    await page.clock.advance(20);
    assert.deepEqual(sequences(events), upTo(10));
    assert.deepEqual(texts(thread), ['abcdefghi']);
    assert.equal(page.service.count('subscribe'), 1);
    // A range that has seen and unseen events is no event of ours.
    say({ type: 'message_delta', id: '3-12', seq: 12, from_seq: 10, data: { message_id: 'm_1', text: 'ijk' } });
    page.service.thread().pop();
    await page.clock.advance(20);
    assert.equal(page.service.count('subscribe'), 2);
    assert.deepEqual(texts(thread), ['abcdefghi']);
  });

  test('a history that has diverged: the state is replaced, and the reason told', async () => {
    const thread = await page.live();
    const events = read(thread);
    await settle();
    page.service.emitRun('r_1', 'of the lost history');
    page.service.kill();
    page.service.threads.clear();
    page.service.generation = 4;
    page.service.emitRun('r_2', 'of the true one');
    page.service.emit('agent_started', {}, { run: 'r_3' });
    await page.clock.advance(1000);
    assert.deepEqual(thread.recovered, { how: 'reset', reason: 'diverged', missed: 1 });
    assert.deepEqual(texts(thread), ['of the true one']);
    assert.deepEqual([...thread.ended], [['r_2', { how: 'completed' }]]);
    page.service.emit('agent_paused', {}, { run: 'r_3' });
    await page.clock.advance(1100);
    assert.equal(events.at(-1).id, '4-6');
    assert.deepEqual(thread.state, fold(page.service.thread()));
    assert.equal(page.service.connection.acks.at(-1), '4-6');
  });

  test('what a reader has not read of a history that is void is not given to it', async () => {
    const thread = await page.live();
    const reader = thread[Symbol.asyncIterator]();
    const first = reader.next();
    page.service.emitRun('r_1', 'of the lost history');
    assert.equal((await first).value.id, '3-1');
    page.service.kill();
    page.service.threads.clear();
    page.service.generation = 4;
    page.service.emit('agent_started');
    await page.clock.advance(1000);
    const next = reader.next();
    page.service.emit('agent_paused');
    await page.clock.advance(20);
    assert.equal((await next).value.id, '4-2');
    reader.return();
  });

  test('a thread that is left and followed again while nothing comes of it', async () => {
    const client = page.client();
    const thread = await page.live(client);
    page.clock.sleep(600_000); // The connection is found to be gone when the thread is left.
    thread.disconnect();
    const again = client.thread('t_7');
    page.service.emitRun();
    await page.clock.advance(2000);
    assert.ok(again.live);
    assert.deepEqual(texts(again), ['hello']);
  });

  test('a state in parts is joined, also with a character cut by nothing but its escapes', async () => {
    const reference = new Fold();
    const client = page.client();
    const thread = client.thread('t_7');
    page.service.emitRun('r_1', 'Größe 🔍 "\\ \u2028');
    page.service.thread().forEach(event => reference.apply(event));
    const say = page.service.say.bind(page.service);
    page.service.say = (connection, message) => {
      if (message.op !== 'snapshot') return say(connection, message);
      const text = JSON.stringify(message.state);
      const size = Math.ceil(text.length / 7);
      say(connection, { ...message, part: 1, parts: 9, state: undefined, state_json: 'left over' });
      for (let part = 1; part <= 7; part++) {
        say(connection, { ...message, part, parts: 7, state: undefined, state_json: text.slice((part - 1) * size, part * size) });
      }
    };
    await page.clock.advance(100);
    assert.deepEqual(thread.state, reference.state);
    assert.ok(thread.live);
  });

  test('a reader that does not read holds one page, and gets every event once when it does', async () => {
    const thread = await page.live(page.client(), { merge: false });
    const reader = thread[Symbol.asyncIterator]();
    const first = reader.next();
    page.service.emit('agent_started');
    for (let index = 0; index < 4999; index++) page.service.emit('message_delta', { message_id: 'm_1', text: '.' });
    await page.clock.advance(5000);
    const held = [...thread._readers][0].events.length;
    assert.ok(held <= 1000, `${held} events are held`);
    assert.equal(thread.live, false);
    assert.equal(page.service.connection.subscriptions.size, 0);
    const seen = [(await first).value];
    while (seen.length < 5000) {
      const next = reader.next();
      await page.clock.advance(0);
      seen.push((await next).value);
    }
    assert.deepEqual(sequences(seen), upTo(5000));
    await page.clock.advance(2000);
    assert.ok(thread.live);
    assert.deepEqual(thread.state, fold(page.service.thread()));
    // The last one is handled when the next is asked for.
    assert.equal(page.service.connection.acks.at(-1), '3-4999');
    reader.return();
  });

  test('an event is acknowledged when the reader has done with it, and not before', async () => {
    const thread = await page.live(page.client(), { consumer: 'tab' });
    const reader = thread[Symbol.asyncIterator]();
    const first = reader.next();
    page.service.emitRun();
    await page.clock.advance(2000);
    assert.equal((await first).value.id, '3-1');
    assert.deepEqual(page.service.connection.acks, []);
    await reader.next();
    await page.clock.advance(2000);
    assert.deepEqual(page.service.connection.acks, ['3-1']);
    thread.disconnect();
  });

  test('several readers of one thread each get every event', async () => {
    const thread = await page.live();
    const readers = [read(thread), read(thread)];
    await settle();
    page.service.emitRun();
    await page.clock.advance(20);
    thread.disconnect();
    for (const events of readers) {
      await events.done;
      assert.deepEqual(sequences(events), upTo(4));
    }
  });

  test('the state is that of all events, wherever those for readers begin', async () => {
    const say = text => page.service.emit('message_delta', { message_id: 'm_1', text });
    page.service.emitRun('r_0', 'zero');
    page.service.emit('agent_started');
    for (const text of ['a', 'b', 'c', 'd']) say(text);
    const thread = page.client().thread('t_7', { after: '3-6' });
    const events = read(thread);
    // Fragments that come between the state and the events would be merged with those that the state has.
    page.service.beforeSubscribing = ({ after }) => after === '3-6' && say('e');
    await page.clock.advance(100);
    say('f');
    await page.clock.advance(100);
    assert.deepEqual(sequences(events), [7, 8, 9, 10, 11]);
    assert.deepEqual(texts(thread), ['zero', 'abcdef']);
    assert.deepEqual(thread.state, fold(page.service.thread()));
    assert.deepEqual(thread.recovered, { how: 'resumed', missed: 4 });
    page.service.beforeSubscribing = () => {};
    page.service.kill();
    say('g');
    say('h');
    await page.clock.advance(1000);
    // Where it goes on with the state, they are.
    assert.deepEqual([events.at(-1).from_seq, events.at(-1).seq], [12, 13]);
    assert.deepEqual(thread.state, fold(page.service.thread()));
  });

  for (const code of ['thread.forbidden', 'thread.deleted']) {
    test(`a subscription that the service ends with ${code}`, async () => {
      const thread = await page.live();
      const events = read(thread);
      await settle();
      page.service.say(page.service.connection, { op: 'unsubscribed', thread_id: 't_7', code });
      await assert.rejects(events.done, { code });
      assert.equal(thread.error.code, code);
      page.service.kill();
      await page.clock.advance(1000);
      assert.equal(page.service.count('subscribe'), 1);
    });
  }

  test('a subscription that is refused for now is asked for again, and one for good is not', async () => {
    const thread = await page.live(page.client());
    const refuse = retryable => page.service.say(page.service.connection, {
      op: 'error', req: thread._request, code: 'limits.rate', message: 'slow', retryable, retry_after_ms: 4000 });
    refuse(true);
    await page.clock.advance(3900);
    assert.equal(page.service.count('subscribe'), 1);
    await page.clock.advance(200);
    assert.equal(page.service.count('subscribe'), 2);
    refuse(false);
    await page.clock.advance(60_000);
    assert.equal(page.service.count('subscribe'), 2);
    assert.equal(thread.error.code, 'limits.rate');
  });

  test('whatever the network does, each event comes once and in order, and the state is the fold of all', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const chance = probability => random() < probability;
      const clients = [{}, { after: 'start' }, { merge: false }].map(options => [page.client({ random }), options]);
      const id = `t_${seed}`;
      const followed = clients.map(([client, options]) => {
        const thread = client.thread(id, options);
        return { thread, events: read(thread) };
      });
      await page.clock.advance(20);
      let run = 0;
      for (let step = 0; step < 40; step++) {
        page.service.tamper = texts => texts.flatMap(text => (chance(0.05) ? [] : chance(0.05) ? [text, text] : [text]));
        const options = { thread: id, run: `r_${run}` };
        if (step % 8 === 0) page.service.emit('agent_started', {}, options);
        else if (step % 8 === 7) page.service.emit('agent_completed', { duration_ms: 1 }, { ...options, run: `r_${run++}` });
        else page.service.emit('message_delta', { message_id: 'm_1', text: `${step} ` }, options);
        if (chance(0.1)) page.service.kill();
        if (chance(0.05)) page.window.happens('offline');
        if (chance(0.05)) page.window.happens('online');
        if (chance(0.1)) page.service.generation++;
        if (chance(0.5)) await page.clock.advance(random() * 300);
      }
      page.service.tamper = texts => texts;
      page.window.happens('online');
      await page.clock.advance(60_000);
      for (const { thread, events } of followed) {
        assert.ok(thread.live, `seed ${seed}`);
        assert.deepEqual(sequences(events), upTo(40), `seed ${seed}`);
        assert.deepEqual(thread.state, fold(page.service.thread(id)), `seed ${seed}`);
      }
      for (const [client] of clients) client.close();
      await settle();
    }
  });
});

describe('machine', () => {
  /** Every input in every phase: what changes, and what is taken. */
  const inputs = {
    ask: machine => machine.ask(null) !== undefined,
    subscribed: machine => machine.subscribed('3-5', '3-7') !== undefined,
    snapshot: machine => machine.snapshot('3-9') !== undefined,
    event: machine => machine.event('3-6', 6n, 0.5).delivers === true,
    gap: machine => machine.event('3-8', 8n, 0.5).leaves === true,
    caughtUp: machine => (machine.caughtUp(), machine.live),
    restart: machine => (machine.restart(), false),
  };
  const phases = {
    idle: () => new ThreadMachine('3-5'),
    asked: machine => (machine.ask(null), machine.subscribed('3-5'), machine.snapshot('3-5'), machine.ask('3-5'), machine),
    following: machine => (phases.asked(machine), machine.subscribed('3-5', '3-7'), machine),
    paused: machine => (phases.following(machine), machine.restart('paused'), machine),
    waiting: machine => (phases.following(machine), machine.refused(0.5), machine),
    over: machine => (phases.following(machine), machine.restart('over'), machine),
  };
  // The phase after it, and a star where the input was taken.
  const table = {
    idle: 'asked* idle idle idle idle idle idle',
    asked: 'asked following* asked asked asked asked idle',
    following: 'following following following following* idle* following* idle',
    paused: 'paused paused paused paused paused paused idle',
    waiting: 'waiting waiting waiting waiting waiting waiting idle',
    over: 'over over over over over over over',
  };
  for (const [phase, row] of Object.entries(table)) {
    test(`in the phase ${phase}`, () => {
      const found = Object.values(inputs).map(input => {
        const machine = phases[phase](new ThreadMachine('3-5'));
        assert.equal(machine.phase, phase);
        const isTaken = input(machine);
        return `${machine.phase}${isTaken ? '*' : ''}`;
      });
      assert.equal(found.join(' '), row);
    });
  }
});
