/** The list of threads of the inspector: what it makes of what the service tells. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ThreadList, inOrder, question } from '../../Sources/AgentEventsServer/Page/inspector/core/thread-list.js';

const card = (thread_id, second, more) => ({ thread_id, updated_at: `2026-11-28T10:00:0${second}.000Z`, ...more });
const ids = threads => threads.map(({ thread_id: id }) => id);

describe('the list of threads', () => {
  test('is the latest first, and of one time the greater id', () => {
    assert.deepEqual(ids(inOrder([card('a', 1), card('c', 2), card('b', 2), card('d', 0)])), ['c', 'b', 'a', 'd']);
    assert.deepEqual(ids(inOrder([{ thread_id: 'x' }, card('a', 1), { thread_id: 'y' }])), ['a', 'y', 'x']);
  });

  test('is what the service tells of it', () => {
    const list = new ThreadList();
    assert.deepEqual(list.take({ threads: [card('a', 1), card('b', 2)], gone: [], next: '1-a' }), []);
    assert.deepEqual([ids(list.threads), list.next], [['b', 'a'], '1-a']);
    assert.deepEqual(list.take({ threads: [card('a', 3, { status: 'running' })], gone: ['b'], next: null }), ['b']);
    assert.deepEqual([list.threads, list.next], [[card('a', 3, { status: 'running' })], undefined]);
    assert.ok(list.has('a') && !list.has('b'));
    // Names of prototypes are names of threads, too.
    list.take({ threads: [card('__proto__', 4), card('constructor', 5)], gone: [], next: null });
    assert.deepEqual(ids(list.threads), ['constructor', '__proto__', 'a']);
  });

  test('is searched by words and states', () => {
    for (const [text, expected] of [
      ['', {}], ['parser', { q: 'parser' }], ['status:waiting', { status: 'waiting' }],
      ['status:running agent:guide the parser', { status: 'running', agent: 'guide', q: 'the parser' }],
      ['mystatus:x', { q: 'mystatus:x' }], ['agent:', { q: 'agent:' }],
    ]) assert.deepEqual(question(text), expected, text);
  });
});
