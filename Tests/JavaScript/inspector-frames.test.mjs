/** The same range in every protocol: what is asked for, what is said of the answer, and links to it (FRONTEND b.4, 9). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROTOCOLS, WINDOW, absence, clientOf, questionOf, refusalInWords, streamInWords,
  verdictInWords } from '../../Sources/AgentEventsServer/Page/inspector/core/frames.js';
import { readLink, writeLink } from '../../Sources/AgentEventsServer/Page/inspector/core/link.js';

const eventsOf = count => Array.from({ length: count }, (_, index) => ({ id: `3-${index + 1}` }));

test('a range is the events after the one before it, up to its last', () => {
  const events = eventsOf(300);
  const ask = more => questionOf({ events, protocol: 'ai-sdk', cursor: 299, ...more });
  assert.deepEqual(ask({ range: [4, 9] }), { protocol: 'ai-sdk', after: '3-4', upto: '3-10' });
  assert.deepEqual(ask({ range: [0, 0] }), { protocol: 'ai-sdk', upto: '3-1' });
  assert.deepEqual(ask({ range: [4, 9], more: '3-7' }), { protocol: 'ai-sdk', after: '3-7', upto: '3-10' });
  assert.equal(ask({ range: [4, 400] }), undefined);
  assert.equal(ask({ events: [] }), undefined);
  assert.equal(ask({ protocol: 'ag-ui' }), undefined);
});

test('without a range it is the last events up to the cursor', () => {
  const events = eventsOf(300);
  assert.deepEqual(questionOf({ events, protocol: 'sse', cursor: 299 }), { protocol: 'sse', after: `3-${300 - WINDOW}`, upto: '3-300' });
  assert.deepEqual(questionOf({ events, protocol: 'sse', cursor: 5 }), { protocol: 'sse', upto: '3-6' });
});

test('a verdict is said with what was checked, or with the rule that is broken', () => {
  for (const [name] of PROTOCOLS) {
    const good = verdictInWords(name, { holds: true, rules: ['a', 'b'], broken: null });
    assert.deepEqual(good, { holds: true, text: `2 rules of ${clientOf(name)} hold` });
    assert.deepEqual(verdictInWords(name, { holds: false, rules: ['a', 'b'], broken: { rule: 'b', problem: 'x is open' } }),
      { holds: false, text: 'broken: b' });
  }
});

test('a stream is named with its run, what a client is told first, and its end', () => {
  const frame = joins => ({ joins, event: '3-4', text: '' });
  assert.equal(streamInWords('ag-ui-1.0', { run_id: 'r_1', frames: [frame(true), frame(true), frame(false)], left_out: 0, ended: true }),
    'run r_1 · first told what was before: 2 frames · then its stream ends');
  assert.equal(streamInWords('ai-sdk', { run_id: 'r_1', frames: [frame(true)], left_out: 7, ended: false }),
    'run r_1 · first told what was before: 8 frames · 7 of them left out');
  assert.equal(streamInWords('sse', { run_id: null, frames: [frame(false)], left_out: 0, ended: false }), 'the thread · begins in this range');
  assert.match(absence('ai-sdk', { streams: [] }), /204/);
  assert.equal(absence('ai-sdk', { streams: [{}] }), undefined);
});

test('a service that has no such route is told apart from a thread that is not there', () => {
  assert.match(refusalInWords({ status: 404, code: 'path.unknown', message: 'no path' }), /--interop none/);
  assert.equal(refusalInWords({ status: 404, code: 'thread.unknown', message: 'none' }), 'thread.unknown: none');
  assert.equal(refusalInWords({ status: 409, code: 'cursor.trimmed', message: 'gone' }), 'cursor.trimmed: gone');
});

test('links have the protocol and the range, and threads may be named like them', () => {
  for (const thread of ['t_7', 'a@b', 'x?frames=sse', 'a&b?c#d', 'q?frames=sse&range=3-1..3-2']) {
    for (const cursor of ['3-42', undefined]) {
      const place = { thread, cursor };
      assert.deepEqual(readLink(writeLink(thread, cursor)), place);
      assert.deepEqual(readLink(writeLink(thread, cursor, { frames: 'ai-sdk' })), { ...place, frames: 'ai-sdk' });
      assert.deepEqual(readLink(writeLink(thread, cursor, { frames: 'ag-ui-1.0', range: ['3-4', '3-9'] })),
        { ...place, frames: 'ag-ui-1.0', range: ['3-4', '3-9'] });
      assert.deepEqual(readLink(writeLink(thread, cursor, { range: ['3-4', '3-9'] })), place);
    }
  }
  assert.equal(readLink('#t_7?frames=smtp').frames, undefined);
  assert.equal(readLink('#t_7@3-4?frames=sse&range=3-4').frames, undefined);
  assert.equal(readLink('#t_7@3-4?frames=sse&range=3-4').malformed, 't_7@3-4?frames=sse&range=3-4');
});
