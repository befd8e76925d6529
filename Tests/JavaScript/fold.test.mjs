/** The fold gives what the Swift one gives, byte for byte once both are written with sorted members. */
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { canonical } from './support/canonical.mjs';
import { Fold, parse, stringify } from '../../Sources/AgentEventsServer/Page/agent-events.js';

async function compare(path) {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    count++;
    const { before, events, after } = parse(line);
    const fold = new Fold(before);
    for (const event of events) fold.apply(event);
    if (canonical(fold.state) !== canonical(after)) assert.deepEqual(fold.state, after, `line ${count}`);
    // A state that goes through JSON in the middle leads on to the same.
    const middle = new Fold(before);
    const half = Math.floor(events.length / 2);
    for (const event of events.slice(0, half)) middle.apply(event);
    const rest = new Fold(parse(stringify(middle.state)));
    for (const event of events.slice(half)) rest.apply(event);
    if (canonical(rest.state) !== canonical(after)) assert.deepEqual(rest.state, after, `line ${count}, through JSON`);
  }
  return count;
}

describe('fold', () => {
  test('the goldens of the Swift fold', async () => {
    assert.equal(await compare(fileURLToPath(new URL('goldens/histories.ndjson', import.meta.url))), 40);
  });

  test('ten thousand random histories', { skip: !process.env.FOLDED_HISTORIES && 'FOLDED_HISTORIES names no file' }, async () => {
    assert.equal(await compare(process.env.FOLDED_HISTORIES), 10_000);
  });
});
