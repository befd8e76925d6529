/** What a thread refused, beside its events: where each stands, and how it is found (FRONTEND b.4, 2). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import './support/as-served.mjs';
import { History } from '../../Sources/AgentEventsServer/Page/inspector/core/history.js';
import { query } from '../../Sources/AgentEventsServer/Page/inspector/core/query.js';
import { asEvent, keyOf, placed, placeOf, refusalInWords } from '../../Sources/AgentEventsServer/Page/inspector/core/refusals.js';

const { Session } = await import('../../Sources/AgentEventsServer/Page/inspector/session.js');

const event = (id, more = {}) => ({ type: 'custom', id, seq: Number(id.split('-')[1]), thread_id: 't', time: '2026-11-28T10:00:00.000Z',
  data: { name: 'n', value: 1 }, ...more });
const historyOf = ids => {
  const history = new History();
  for (const id of ids) history.append(event(id));
  return history;
};
const refusal = (head, more = {}) => ({ head, code: 'order.call_not_open', message: 'call c_2 is not open', type: 'tool_completed',
  run_id: 'r_1', state: 'running', legal: ['tool_executing'], event: { type: 'tool_completed', run_id: 'r_1', data: { call_id: 'c_2', tool: 'search' } },
  event_bytes: 90, index: 0, count: 1, by: 'u_1', times: 1, time: '2026-11-28T10:00:01.000Z', last_time: '2026-11-28T10:00:01.000Z', ...more });

test('a refusal stands at the event that was the head', () => {
  const history = historyOf(['3-1', '3-2', '3-3']);
  assert.equal(placeOf(history, refusal('3-2')), 1);
  assert.equal(placeOf(history, refusal(null)), -1);
});

test('one whose event has not come yet has no place, and gets it with the event', () => {
  const history = historyOf(['3-1', '3-2']);
  assert.equal(placeOf(history, refusal('3-3')), undefined);
  assert.equal(placeOf(new History(), refusal('3-1')), undefined);
  history.append(event('3-3'));
  assert.equal(placeOf(history, refusal('3-3')), 2);
});

test('one before what is trimmed comes first, one whose event was lost stands where it was', () => {
  const history = historyOf(['3-7', '3-8', '4-9']);
  assert.equal(placeOf(history, refusal('3-2')), -1);
  assert.equal(placeOf(history, refusal('3-9')), 2);
});

test('several at one event keep their order', () => {
  const all = [refusal('3-1', { code: 'a' }), refusal('3-2', { code: 'b' }), refusal('3-1', { code: 'c' }), refusal('3-9', { code: 'd' })];
  const places = placed(historyOf(['3-1', '3-2']), all);
  assert.deepEqual([...places].map(([index, list]) => [index, list.map(each => each.code)]), [[0, ['a', 'c']], [1, ['b']]]);
});

test('filters find it by its rule, its event and that it was refused', () => {
  const one = asEvent(refusal('3-1'));
  const finds = text => query(text, each => JSON.stringify(each)).test(one);
  for (const text of ['is:refused', 'is:failed', 'code:order.call_not_open', 'type:tool_completed', 'tool:search', 'by:u_1', 'run:r_1', '"not open"']) {
    assert.ok(finds(text), text);
  }
  for (const text of ['-is:refused', 'code:order.paused', 'tool:fetch']) assert.ok(!finds(text), text);
  assert.ok(!query('is:refused', JSON.stringify).test(event('3-1')));
});

test('it is said in one line', () => {
  assert.equal(refusalInWords(refusal('3-1')), 'order.call_not_open: call c_2 is not open');
  assert.equal(refusalInWords(refusal('3-1', { count: 2, times: 3 })), 'order.call_not_open: call c_2 is not open · with 1 other event · 3 times');
});

test('a session takes what is new, and places what waited for its event', () => {
  const session = new Session('t');
  session.append(event('3-1', { type: 'user_message', data: { message_id: 'm', user_id: 'u', text: 'x' } }));
  const none = session.refusalsAt;
  assert.equal(session.refusalsAt, none);
  assert.ok(session.setRefusals({ refusals: [refusal('3-1'), refusal('3-2')], forgotten: 0 }));
  assert.ok(!session.setRefusals({ refusals: [refusal('3-1'), refusal('3-2')], forgotten: 0 }));
  assert.deepEqual([...session.refusalsAt.keys()], [0]);
  session.append(event('3-2'));
  assert.deepEqual([...session.refusalsAt.keys()], [0, 1]);
  const places = session.refusalsAt;
  session.append(event('3-3'));
  assert.equal(session.refusalsAt, places);
  assert.ok(session.setRefusals({ refusals: [refusal('3-1', { times: 2 }), refusal('3-2')], forgotten: 0 }));
  assert.equal(session.refusalsAt.get(0)[0].times, 2);
  assert.equal(keyOf(session.refusals[0]), keyOf(refusal('3-1')));
});
