/** The fold gives what the Swift one gives, byte for byte once both are written with sorted members. */
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { canonical } from './support/canonical.mjs';
import { Fold, parse, stringify } from '../../Sources/AgentEventsServer/Page/agent-events.js';

function fail(state, expected, place) {
  assert.deepEqual(state, expected, place);
  assert.fail(`${place}: the spelling of a number`);
}

/** @param jsonEach the history of which each goes through JSON, too */
async function compare(path, jsonEach = 1) {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    count++;
    const { before, events, after } = parse(line);
    const expected = canonical(after);
    const fold = new Fold(before);
    for (const event of events) fold.apply(event);
    if (canonical(fold.state) !== expected) fail(fold.state, after, `line ${count}`);
    // A state that goes through JSON in the middle leads on to the same.
    if (count % jsonEach !== 0) continue;
    const middle = new Fold(before);
    const half = Math.floor(events.length / 2);
    for (const event of events.slice(0, half)) middle.apply(event);
    const rest = new Fold(parse(stringify(middle.state)));
    for (const event of events.slice(half)) rest.apply(event);
    if (canonical(rest.state) !== expected) fail(rest.state, after, `line ${count}, through JSON`);
  }
  return count;
}

describe('fold', () => {
  test('the goldens of the Swift fold', async () => {
    assert.equal(await compare(fileURLToPath(new URL('goldens/histories.ndjson', import.meta.url))), 40);
  });

  const run = events => {
    const fold = new Fold();
    events.forEach(([type, data], index) => fold.apply(
      { type, id: `3-${index + 1}`, seq: index + 1, run_id: 'r_1', agent: 'guide', time: '2026-11-28T10:00:00.000Z', data }));
    return fold.state;
  };

  test('sums of tokens stay within 64 bits, and have 16 further names at most', () => {
    const most = 2n ** 63n - 1n;
    const names = count => Object.fromEntries(Array.from({ length: count }, (_, index) => [`n_${index}`, 1]));
    const { usage } = run([
      ['usage_reported', { input_tokens: most, output_tokens: 1, ...names(20) }],
      ['usage_reported', { input_tokens: 5, output_tokens: 2, ['x'.repeat(65)]: 1, ...names(20) }],
    ]).runs[0];
    assert.equal(usage.input_tokens, most);
    assert.equal(usage.output_tokens, 3);
    assert.equal(Object.keys(usage).length, 18);
    assert.equal(usage.n_15, 2);
  });

  test('a run whose start was trimmed appears with a request, and its end closes what is open in it', () => {
    const asked = run([['approval_requested', { approval_id: 'a_1', prompt: 'Delete?' }]]);
    assert.deepEqual(asked.runs, [{ run_id: 'r_1', agent: 'guide', status: 'running', waiting: true }]);
    const ended = run([
      ['message_delta', { message_id: 'm_1', text: 'half' }],
      ['approval_requested', { approval_id: 'a_1', prompt: 'Delete?' }],
      ['tool_executing', { call_id: 'c_1', tool: 'search', arguments: {} }],
      ['agent_failed', { error: { code: 'x', message: 'y', retryable: false }, duration_ms: 1 }],
    ]);
    assert.deepEqual([ended.messages[0].complete, ended.approvals, ended.calls, ended.runs[0].waiting], [true, [], [], undefined]);
  });

  test('ten thousand random histories', { skip: !process.env.FOLDED_HISTORIES && 'FOLDED_HISTORIES names no file' }, async () => {
    assert.equal(await compare(process.env.FOLDED_HISTORIES, 5), 10_000);
  });
});
