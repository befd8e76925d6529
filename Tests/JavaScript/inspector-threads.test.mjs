/** The search of the inspector's list of threads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { question } from '../../Sources/AgentEventsServer/Page/inspector/core/question.js';

test('a list of threads is searched by words and states', () => {
  for (const [text, expected] of [
    ['', {}], ['parser', { q: 'parser' }], ['status:waiting', { status: 'waiting' }],
    ['status:running agent:guide the parser', { status: 'running', agent: 'guide', q: 'the parser' }],
    ['mystatus:x', { q: 'mystatus:x' }], ['agent:', { q: 'agent:' }],
  ]) assert.deepEqual(question(text), expected, text);
});
