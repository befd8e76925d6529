/** Names and numbers from outside: prototypes (SEC-55), exact JSON, and what is no message. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Fold, parse, stringify } from '../../Sources/AgentEventsServer/Page/agent-events.js';
import { Page, read, settle } from './support/page.mjs';

let page;
beforeEach(() => { page = new Page(); });
afterEach(() => page.close());

const NAMES = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf', 'then', '0'];

describe('hostile', () => {
  test('SEC-55 names of prototypes as ids and keys, in threads, agents, runs, tools, state and usage', async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    const client = page.client();
    for (const name of NAMES) {
      const thread = await page.live(client, {}, name);
      const events = read(thread);
      await settle();
      const options = { thread: name, run: name, agent: name };
      page.service.emit('agent_started', {}, options);
      const nested = parse(`{"${name}":{"${name}":1.0,"polluted":true},"large":12345678901234567890}`);
      page.service.emit('tool_executing', { call_id: name, tool: name, arguments: nested }, options);
      page.service.emit('state_updated', { key: name, version: 1, value: nested }, { thread: name });
      page.service.emit('usage_reported', { input_tokens: 1, output_tokens: 1, ...Object.fromEntries([[name, 5]]) }, options);
      page.service.emit('usage_reported', { input_tokens: 1, output_tokens: 1, ...Object.fromEntries([[name, 6]]) }, options);
      page.service.emit('approval_requested', { approval_id: name, call_id: name, prompt: name }, options);
      page.service.emit('agent_completed', { result: nested, duration_ms: 1 }, { ...options, run: 'r_2' });
      await page.clock.advance(50);
      assert.equal(stringify(thread.state.entries[0].value), stringify(nested), name);
      assert.equal(Object.hasOwn(thread.state.entries[0].value, name), true, name);
      const usage = thread.state.runs.find(run => run.run_id === name).usage;
      assert.equal(Object.getOwnPropertyDescriptor(usage, name).value, 11, name);
      assert.equal(Object.getPrototypeOf(usage), Object.prototype, name);
      assert.deepEqual(thread.ended.get('r_2'), { how: 'completed' });
      assert.equal(thread.ended.get(name), undefined);
      assert.equal(events.length, 7);
      await thread.respond(name, true);
    }
    assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), before);
    assert.equal({}.polluted, undefined);
  });

  test('SEC-55 types of later versions with names of prototypes end no run', async () => {
    const thread = await page.live(page.client());
    const ended = [];
    thread.addEventListener('ended', ({ detail }) => ended.push(detail));
    page.service.emit('agent_started');
    for (const name of NAMES) page.service.emit(name);
    await page.clock.advance(50);
    assert.deepEqual([thread.state.runs[0].status, thread.cursor, ended], ['running', '3-9', []]);
  });

  test('what is no message leads to a new connection, and nothing is lost', async () => {
    const thread = await page.live(page.client());
    for (const text of ['{', 'null', '[]', '"text"', '7', '{}', '{"op":"later","thread_id":"t_7"}', '{"op":"live","thread_id":"t_9"}',
      '{"op":"unsubscribed","thread_id":"t_9"}', '{"op":"error","code":"x","message":"y"}', '{"op":"accepted","req":99}']) {
      page.service.say(page.service.connection, text);
      await page.clock.advance(1000);
    }
    page.service.emitRun();
    await page.clock.advance(1000);
    assert.equal(thread.state.runs[0].status, 'completed');
    assert.ok(page.service.opened <= 6, `${page.service.opened} connections`);
  });

  test('a thread that nobody follows is passed over', async () => {
    const client = page.client();
    const thread = await page.live(client);
    page.service.say(page.service.connection, { type: 'custom', id: '3-1', seq: 1, thread_id: 't_8', data: {} });
    await page.clock.advance(20);
    assert.equal(thread.cursor, null);
  });

  for (const [text, value] of [
    ['[9223372036854775807]', [2n ** 63n - 1n]], ['[-9007199254740993]', [-9007199254740993n]], ['[9007199254740991]', [9007199254740991]],
    ['[1.0]', [1]], ['[0.10]', [0.1]], ['[-0]', [-0]], ['[1E+400]', [Infinity]], ['[1e-7, 1.50,"1.0"]', [1e-7, 1.5, '1.0']],
    ['{"a":{"b":[1.0,{"c":12345678901234567890}]}}', { a: { b: [1, { c: 12345678901234567890n }] } }],
    ['["\\"1.0\\\\",1.0]', ['"1.0\\', 1]], ['["\\ud83d \\ude00\u2028",1.0]', ['\ud83d \ude00\u2028', 1]], ['[{"1.0":",5.0"}, 5.0]', [{ '1.0': ',5.0' }, 5]],
  ]) {
    test(`JSON is read exactly, and written as it was: ${text}`, () => {
      const parsed = parse(text);
      assert.deepEqual(parsed, value);
      assert.equal(stringify(parsed), text.replaceAll(', ', ','));
    });
  }

  test('JSON is written as JSON.stringify does, but for integers that a Number does not hold', () => {
    for (const value of [null, true, 'a"\u2028', [undefined, 1, () => 1], { a: undefined, b: new Date(0), c: { d: [] } }, NaN, 0.1]) {
      assert.equal(stringify(value), JSON.stringify(value));
    }
    assert.equal(stringify({ a: [2n ** 64n] }), '{"a":[18446744073709551616]}');
  });

  test('a text of a megabyte of escapes beside a number that has to be kept', () => {
    const text = `{"text":"${'\\"\\\\'.repeat(262_144)}","n":1.0}`;
    assert.equal(parse(text).text.length, 524_288);
    assert.equal(stringify(parse(text)), text);
  });

  test('the limits of the state count the bytes of the service\'s JSON', () => {
    const state = new Fold().state;
    const limits = { ...state.limits, entry_bytes: 20 };
    const write = literal => {
      const fold = new Fold({ ...state, limits });
      for (const [index, value] of ['1', literal].entries()) {
        fold.apply(parse(`{"type":"state_updated","id":"3-${index + 1}","data":{"key":"k${index}","version":1,"value":${value}}}`));
      }
      return fold.state.dropped.entries;
    };
    assert.equal(write('1.0000000000000'), 0); // 3 and 17 bytes.
    assert.equal(write('1.00000000000000'), 1);
    assert.equal(write('"é\u2028😀ab"'), 0);
    assert.equal(write('"é\u2028😀abcde"'), 1);
  });

  test('a thought keeps the end that has room, cut between characters, with a byte order mark as it is', () => {
    const fold = new Fold({ ...new Fold().state, limits: { ...new Fold().state.limits, thought_bytes: 7 } });
    const think = text => fold.apply({ type: 'agent_thinking', id: '3-1', run_id: 'r_1', agent: 'guide', data: { thought_id: 'th_1', text } });
    think('1234567');
    assert.deepEqual(fold.state.runs[0].thought, { thought_id: 'th_1', text: '1234567' });
    think('\uFEFF😀');
    assert.deepEqual(fold.state.runs[0].thought, { thought_id: 'th_1', text: '\uFEFF😀', cut: true });
    think('é');
    assert.equal(fold.state.runs[0].thought.text, '😀é');
  });
});
