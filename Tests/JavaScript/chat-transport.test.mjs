/** The transport for useChat, in chunks as the AI SDK reads them. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { AgentEventsChatTransport } from '../../Sources/AgentEventsServer/Page/agent-events-chat-transport.js';
import { Page, settle } from './support/page.mjs';

let page;
let client;
let transport;
beforeEach(() => {
  page = new Page();
  client = page.client();
  transport = new AgentEventsChatTransport(client);
});
afterEach(() => page.close());

const question = { id: 'q_1', role: 'user', parts: [{ type: 'text', text: 'Which ' }, { type: 'text', text: 'files?' }] };

/** The service starts a run for each message. */
function answerWith(run) {
  page.service.onCommand = ({ req, name, thread_id, key }, connection) => {
    if (name !== 'message') return true;
    page.service.say(connection, { op: 'accepted', req, thread_id, name, outcome: 'done', cursors: [], run_id: run });
    return false;
  };
}

async function collect(stream) {
  const chunks = [];
  const reader = stream.getReader();
  chunks.done = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
  })();
  chunks.done.catch(() => {});
  await settle();
  return chunks;
}

async function send(options = {}) {
  const sent = transport.sendMessages({ chatId: 't_7', messages: [question], trigger: 'submit-message', ...options });
  await page.clock.advance(50);
  return collect(await sent);
}

describe('chat transport', () => {
  test('a message, thinking, a tool and the end', async () => {
    answerWith('r_1');
    const chunks = await send();
    const { data, key } = page.service.received.find(message => message.op === 'command');
    assert.deepEqual([data, key], [{ text: 'Which files?' }, 'q_1']);
    page.service.emit('agent_started');
    page.service.emit('agent_thinking', { thought_id: 'th_1', text: 'hm' });
    page.service.emit('agent_started', { parent_run_id: 'r_1' }, { run: 'r_child' });
    page.service.emit('message_delta', { message_id: 'm_c', text: 'not of this run' }, { run: 'r_child' });
    page.service.emit('tool_executing', { call_id: 'c_1', tool: 'search', arguments: { q: 1 } });
    page.service.emit('message_delta', { message_id: 'm_1', text: 'He' });
    page.service.emit('tool_completed', { call_id: 'c_1', tool: 'search', status: 'failed', error: { code: 'x', message: 'no' }, duration_ms: 1 });
    page.service.kill(); // The connection is lost in the middle.
    page.service.emit('message_completed', { message_id: 'm_1', role: 'assistant', text: 'Hey' });
    page.service.emit('message_completed', { message_id: 'm_2', role: 'assistant', text: 'whole' });
    page.service.emit('agent_completed', { duration_ms: 1 });
    await page.clock.advance(1000);
    await chunks.done;
    const tool = { toolCallId: 'c_1', dynamic: true, providerExecuted: true };
    assert.deepEqual([...chunks], [
      { type: 'start', messageId: 'r_1' }, { type: 'start-step' },
      { type: 'reasoning-start', id: 'th_1' }, { type: 'reasoning-delta', id: 'th_1', delta: 'hm' },
      { type: 'tool-input-available', ...tool, toolName: 'search', input: { q: 1 } },
      { type: 'text-start', id: 'm_1' }, { type: 'text-delta', id: 'm_1', delta: 'He' },
      { type: 'tool-output-error', ...tool, errorText: 'no' },
      { type: 'text-end', id: 'm_1' },
      { type: 'text-start', id: 'm_2' }, { type: 'text-delta', id: 'm_2', delta: 'whole' }, { type: 'text-end', id: 'm_2' },
      { type: 'reasoning-end', id: 'th_1' },
      { type: 'finish-step' }, { type: 'finish', finishReason: 'stop' },
    ]);
    assert.equal(client.thread('t_7')._readers.size, 0);
  });

  test('resumed in the middle with the text so far, each fragment once; null when nothing is under way', async () => {
    page.service.emitRun('r_0');
    const nothing = transport.reconnectToStream({ chatId: 't_7' });
    await page.clock.advance(100);
    assert.equal(await nothing, null);
    page.service.emit('agent_started');
    page.service.emit('message_delta', { message_id: 'm_1', text: 'He' });
    const resumed = transport.reconnectToStream({ chatId: 't_7' });
    page.service.emit('message_delta', { message_id: 'm_1', text: 'll' });
    const chunks = await collect(await resumed);
    page.service.emit('message_delta', { message_id: 'm_1', text: 'o' });
    page.service.emit('agent_cancelled', { duration_ms: 1 });
    await page.clock.advance(100);
    await chunks.done;
    assert.equal(chunks.filter(chunk => chunk.type === 'text-delta').map(chunk => chunk.delta).join(''), 'Hello');
    assert.deepEqual(chunks.at(-1), { type: 'finish', finishReason: 'other', messageMetadata: { cancelled: true } });
  });

  test('an approval ends the message; its answer goes on with the same one', async () => {
    answerWith('r_1');
    const chunks = await send();
    page.service.emit('agent_started');
    page.service.emit('tool_executing', { call_id: 'c_1', tool: 'delete', arguments: {} });
    page.service.emit('approval_requested', { approval_id: 'a_1', call_id: 'c_1', prompt: 'Delete?' });
    await page.clock.advance(50);
    await chunks.done;
    assert.deepEqual(chunks.slice(-3).map(chunk => chunk.type), ['tool-approval-request', 'finish-step', 'finish']);
    const part = { type: 'dynamic-tool', toolCallId: 'c_1', state: 'approval-responded', approval: { id: 'a_1', approved: true } };
    const more = await send({ messages: [question, { id: 'r_1', role: 'assistant', parts: [part] }] });
    page.service.emit('tool_completed', { call_id: 'c_1', tool: 'delete', status: 'succeeded', result: 7, duration_ms: 1 });
    page.service.emit('agent_completed', { duration_ms: 1 });
    await page.clock.advance(50);
    await more.done;
    assert.deepEqual(more[0], { type: 'start', messageId: 'r_1' });
    assert.equal(more.find(chunk => chunk.type === 'tool-output-available').output, 7);
    assert.deepEqual(page.service.thread().filter(event => event.type === 'approval_resolved').map(event => event.data.decision), ['approved']);
  });

  test('stop stops the run on the service, and a failure is an error', async () => {
    answerWith('r_1');
    const controller = new AbortController();
    const chunks = await send({ abortSignal: controller.signal });
    page.service.emit('agent_started');
    controller.abort();
    await page.clock.advance(100);
    await chunks.done;
    assert.equal(page.service.thread().at(-1).type, 'agent_cancelled');
    answerWith('r_2');
    const failed = await send();
    page.service.emit('agent_started', {}, { run: 'r_2' });
    page.service.emit('agent_failed', { error: { code: 'x', message: 'broken', retryable: false }, duration_ms: 1 }, { run: 'r_2' });
    await page.clock.advance(100);
    await failed.done;
    assert.ok(failed.some(chunk => chunk.type === 'error' && chunk.errorText === 'broken'));
  });

  test('a refusal rejects, and leaves no reader', async () => {
    page.service.onCommand = ({ req }, connection) => {
      page.service.say(connection, { op: 'error', req, code: 'thread.busy', message: 'busy', retryable: false });
      return false;
    };
    const sent = assert.rejects(transport.sendMessages({ chatId: 't_7', messages: [question] }), { code: 'thread.busy' });
    await page.clock.advance(100);
    await sent;
    page.service.emitRun();
    await page.clock.advance(100);
    assert.equal(client.thread('t_7')._readers.size, 0);
  });

  test('it is small', () => {
    const file = new URL('../../Sources/AgentEventsServer/Page/agent-events-chat-transport.js', import.meta.url);
    assert.ok(gzipSync(readFileSync(file), { level: 9 }).length < 2.25 * 1024);
  });

  const kinds = chunks => chunks.map(({ type, approvalId, toolCallId }) => [type, approvalId ?? toolCallId].filter(Boolean).join(' '));

  test('a reload with an open approval shows it', async () => {
    page.service.emit('agent_started');
    page.service.emit('tool_executing', { call_id: 'c_1', tool: 'delete', arguments: {} });
    page.service.emit('approval_requested', { approval_id: 'a_1', call_id: 'c_1', prompt: 'Delete?' });
    const resumed = transport.reconnectToStream({ chatId: 't_7' });
    await page.clock.advance(100);
    const chunks = await collect(await resumed);
    await chunks.done;
    assert.deepEqual(kinds(chunks), [
      'start', 'start-step', 'tool-input-available c_1', 'tool-approval-request a_1', 'finish-step', 'finish',
    ]);
  });

  test('of two approvals that are open both are asked, and what is under way is waited for', async () => {
    answerWith('r_1');
    const chunks = await send();
    page.service.emit('agent_started');
    for (const call of ['c_1', 'c_2', 'c_3']) page.service.emit('tool_executing', { call_id: call, tool: 'delete', arguments: {} });
    for (const n of [1, 2]) page.service.emit('approval_requested', { approval_id: `a_${n}`, call_id: `c_${n}`, prompt: '?' });
    await page.clock.advance(50);
    assert.notEqual(chunks.at(-1).type, 'finish');
    page.service.emit('tool_completed', { call_id: 'c_3', tool: 'delete', status: 'succeeded', result: 3, duration_ms: 1 });
    await page.clock.advance(50);
    await chunks.done;
    assert.deepEqual(kinds(chunks), [
      'start', 'start-step', 'tool-input-available c_1', 'tool-input-available c_2', 'tool-input-available c_3',
      'tool-approval-request a_1', 'tool-approval-request a_2', 'tool-output-available c_3', 'finish-step', 'finish',
    ]);
  });
});
