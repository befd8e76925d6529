/** The Swift test of a range is the one that `validate --as-test` writes, which the tests of AgentEventsTesting compile and run. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse, stringify } from '../../Sources/AgentEventsServer/Page/agent-events.js';
import { swiftTest } from '../../Sources/AgentEventsServer/Page/inspector/core/swift-test.js';

const tests = new URL('../AgentEventsTestingTests/', import.meta.url);
const recordings = readdirSync(new URL('Recordings/', tests)).filter(name => name.endsWith('.ndjson'));

describe('a Swift test of a range', () => {
  test('there are recordings', () => assert.ok(recordings.length >= 16));

  for (const recording of recordings) {
    test(`${recording} becomes what the Swift program writes`, () => {
      const name = recording.replace('.ndjson', '');
      const lines = readFileSync(new URL(`Recordings/${recording}`, tests), 'utf8').split('\n').filter(Boolean);
      const events = lines.map(line => parse(line));
      const source = readFileSync(new URL(`Expectation/Recorded/RecordedBlock+${name}.swift`, tests), 'utf8');
      const body = /InMemorySink\) \{\n([^]*)    \}\n\}\n$/.exec(source)[1];
      assert.equal(swiftTest(events, stringify).replace(/^(?=.)/gm, '        '), body);
    });
  }
});
