/** The pure parts of the inspector. Numbers are those of the pitfalls in the design (FRONTEND, section d). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Fold, parse, stringify } from '../../Sources/AgentEventsServer/Page/agent-events.js';
import { AsOf, canonical } from '../../Sources/AgentEventsServer/Page/inspector/core/as-of.js';
import { compareRuns, stepsOf } from '../../Sources/AgentEventsServer/Page/inspector/core/divergence.js';
import { History, proofInWords } from '../../Sources/AgentEventsServer/Page/inspector/core/history.js';
import { readLink, resolve, sentence, writeLink } from '../../Sources/AgentEventsServer/Page/inspector/core/link.js';
import { readEvents } from '../../Sources/AgentEventsServer/Page/inspector/core/ndjson.js';
import { Order } from '../../Sources/AgentEventsServer/Page/inspector/core/order.js';
import { query } from '../../Sources/AgentEventsServer/Page/inspector/core/query.js';
import { Scale, panned, visibleRows, zoomed } from '../../Sources/AgentEventsServer/Page/inspector/core/scale.js';
import { Spans, idleGaps } from '../../Sources/AgentEventsServer/Page/inspector/core/spans.js';
import { summary } from '../../Sources/AgentEventsServer/Page/inspector/core/words.js';
import { Clock, duration } from '../../Sources/AgentEventsServer/Page/inspector/core/time.js';
import { Recorder, long, refund } from './support/sample-history.mjs';

const historyOf = events => {
  const history = new History();
  for (const event of events) history.append(event);
  return history;
};
const spansOf = events => {
  const spans = new Spans();
  events.forEach((event, index) => spans.apply(event, index));
  return spans;
};
const faultsOf = (events, options) => {
  const order = new Order(options);
  return events.map(event => order.receive(event)?.code).filter(Boolean);
};

describe('reading a recording', () => {
  test('lines, blank ones, a mark at the beginning, and what the service says beside the events', () => {
    const { text, events } = refund();
    const read = readEvents(`\uFEFF\n${text.replace(/\n/g, '\r\n')}\n{"op":"live","thread_id":"t","cursor":"1-1"}\n`, parse);
    assert.deepEqual(read.faults, []);
    assert.deepEqual(read.events.map(event => event.id), events.map(event => event.id));
    assert.equal(read.lines.get(read.events[0]), 2);
  });

  test('a page of the service', () => {
    const { events } = refund();
    const read = readEvents(JSON.stringify({ events, next: null, head: '1-1' }), parse);
    assert.equal(read.events.length, events.length);
  });

  test('faults have their lines, and do not hide the other events', () => {
    const lines = refund().text.split('\n');
    lines[1] = '{"type":';
    lines[3] = '[1]';
    lines[4] = lines[4].replace('"seq":5', '"seq":6');
    lines[5] = lines[5].replace(/"time":"[^"]*"/, '"time":"yesterday"');
    const { faults, events } = readEvents(lines.join('\n'), parse);
    assert.deepEqual(faults.map(({ line, code }) => [line, code]), [
      [2, 'json.malformed'], [4, 'message.invalid'], [5, 'event.invalid_id'], [6, 'event.invalid_value'],
    ]);
    assert.equal(events.length, refund().events.length - 4);
    assert.equal(readEvents('', parse).faults[0].code, 'recording.empty');
  });

  test('22 integers of 64 bits, lone surrogates and U+2028 come out as they came in', () => {
    const line = '{"type":"custom","id":"1-1","seq":1,"thread_id":"t","run_id":"r","agent":"a","time":"2026-11-28T10:00:00.000Z",'
      + '"data":{"name":"n","value":[9223372036854775807,1.50,-0,"\\ud800","\u2028"]}}';
    assert.equal(stringify(readEvents(line, parse).events[0]), line);
  });
});

describe('completeness', () => {
  test('a whole history of two generations', () => {
    const { proof } = historyOf(refund().events);
    assert.ok(proof.dense && proof.begins_at_start);
    assert.equal(proofInWords(proof), `1–${refund().seq} dense, 2 generations, 0 gaps, 0 merged ranges`);
  });

  test('a missing event, one that came twice, and one whose time goes back are seen', () => {
    const { events } = refund();
    assert.deepEqual(historyOf(events.toSpliced(4, 2)).proof.gaps, [{ from: 5, to: 6 }]);
    assert.equal(historyOf(events.toSpliced(4, 0, events[3])).proof.repeats, 1);
    const back = structuredClone(events);
    back[6].time = back[0].time;
    assert.equal(historyOf(back).proof.time_backwards, 1);
  });

  test('a merged range counts as its events, and only fragments merge', () => {
    const { events } = refund();
    const first = events.findIndex(({ type }) => type === 'message_delta');
    const merged = { ...events[first + 3], from_seq: events[first].seq };
    const history = historyOf([...events.slice(0, first), merged, ...events.slice(first + 4)]);
    assert.ok(history.proof.dense);
    assert.equal(history.proof.merged_ranges, 1);
    assert.equal(history.proof.merged_events, 4);
    assert.equal(history.indexOfSequence(events[first + 1].seq), first);
    assert.equal(historyOf([{ ...events.find(({ type }) => type === 'tool_executing'), from_seq: 1 }]).proof.dense, false);
  });
});

describe('order', () => {
  test('what the service wrote keeps it', () => {
    assert.deepEqual(faultsOf(refund().events), []);
    assert.deepEqual(faultsOf(long(2000).events), []);
  });

  const { events } = refund();
  const at = (type, test = () => true) => events.findIndex(event => event.type === type && test(event));
  for (const [name, code, change] of [
    ['no start', 'order.not_started', list => list.toSpliced(at('agent_started'), 1)],
    ['two starts', 'order.already_started', list => list.toSpliced(3, 0, list[1])],
    ['a call that was not opened', 'order.call_not_open', list => list.toSpliced(at('tool_executing'), 1)],
    ['a call that is open twice', 'order.call_reused', list => list.toSpliced(at('tool_executing'), 0,
      list[at('tool_executing')])],
    ['an end too much', 'order.already_ended', list => [...list, list.at(-1)]],
    ['a completion with an open call', 'order.work_open', list => list.filter(event => !(event.type === 'tool_completed'
      && event.data.call_id === 'c_2' && event.run_id === 'r_desk'))],
    ['a fragment after the message', 'order.message_closed',
      list => list.toSpliced(list.findLastIndex(event => event.type === 'message_completed') + 1, 0,
      list.findLast(event => event.type === 'message_delta'))],
    ['work while paused', 'order.paused', list => list.toSpliced(at('agent_paused') + 1, 0,
      list[at('tool_executing', event => event.run_id === 'r_shop')])],
    ['a message that is completed while paused', 'order.paused', list => list.toSpliced(at('agent_paused') + 1, 0,
      { ...list[at('message_delta', event => event.run_id === 'r_shop')], data: { message_id: 'm_x', text: '' } })],
    ['a resumption of what runs', 'order.not_paused', list => list.toSpliced(at('agent_paused'), 1)],
    ['another agent', 'order.agent_mismatch', list => list.map((event,
      index) => (index === 4 ? { ...event, agent: 'other' } : event))],
    ['an answer to nothing', 'order.approval_not_open', list => list.toSpliced(at('approval_requested'), 1)],
    ['a request twice', 'order.approval_reused', list => list.toSpliced(at('approval_resolved') + 1, 0,
      list[at('approval_requested')])],
    ['a child of what has not started', 'order.parent_not_open',
      list => list.map(event => (event.run_id === 'r_refunds' && event.type === 'agent_started'
      ? { ...event, data: { parent_run_id: 'r_x' } } : event))],
  ]) {
    test(`${name} breaks ${code}`, () => assert.equal(faultsOf(change(events))[0], code));
  }

  test('what closes a paused run is no fault, and without the end it is one', () => {
    const r = new Recorder();
    const run = r.start('r_1', 'guide');
    r.put('message_delta', { message_id: 'm', text: 'half' }, run).put('agent_paused', {}, run)
      .put('message_completed', { message_id: 'm', role: 'assistant', text: 'half' }, run);
    assert.deepEqual(faultsOf([...r.events, ...new Recorder().put('agent_cancelled', { duration_ms: 1 }, run).events]), []);
    r.put('agent_resumed', {}, run);
    assert.deepEqual(faultsOf(r.events), ['order.paused']);
    assert.deepEqual(faultsOf(new Recorder().put('custom', { name: 'a.b', value: 1 }).events), []);
  });

  test('a history whose beginning was trimmed breaks nothing', () => {
    assert.deepEqual(faultsOf(events.slice(8), { isWhole: false }), []);
  });

  test('says what is open and what is legal at each event', () => {
    const order = new Order();
    for (const event of events.slice(0, at('approval_requested') + 1)) order.receive(event);
    const state = order.describe('r_refunds');
    assert.deepEqual([state.state, state.waiting, state.open.map(({ kind }) => kind)], ['running', true, ['call', 'approval']]);
    assert.ok(order.describe('r_desk').waiting);
    assert.ok(!order.legal('r_refunds').includes('agent_completed'));
    assert.ok(order.legal('r_refunds').includes('approval_resolved'));
    assert.deepEqual(order.legal('r_new'), ['agent_queued', 'agent_started']);
  });
});

describe('where the time went', () => {
  const spans = spansOf(refund().events);
  const desk = spans.runs.get('r_desk');

  test('every millisecond of every run belongs to exactly one kind', () => {
    for (const events of [refund().events, long(3000).events]) {
      for (const run of spansOf(events).runs.values()) {
        const whole = (run.end ?? Date.parse(events.at(-1).time)) - run.start;
        const slices = run.attribution.slices;
        assert.equal(slices.reduce((sum, { from, to }) => sum + to - from, 0),
          run.isOpen ? slices.at(-1)?.to - run.start : whole);
        slices.forEach((slice, index) => assert.equal(slice.from, index ? slices[index - 1].to : run.start));
      }
    }
  });

  test('tools, parallel ones, a child, a person, streaming, and nothing open', () => {
    const totals = Object.fromEntries(desk.attribution.totals().map(({ kind, label, ms }) => [`${kind} ${label}`, ms]));
    assert.equal(totals['person waiting for a person'], 18_240);
    assert.equal(totals['tool lookup_order ∥ search_policy'], 790);
    assert.equal(totals['tool search_policy'], 640 + 720);
    assert.equal(totals['child refunds'], 420 + 1310 + 240 + 4 + 1480 + 120);
    assert.ok(totals['streaming streaming'] > 1000);
    assert.ok(totals['thinking thinking'] > 0);
    const shop = spans.runs.get('r_shop').attribution.totals();
    assert.equal(shop.find(({ kind }) => kind === 'paused').ms, 5900);
  });

  test('the longest silence with nothing open names the event before it', () => {
    const { from, to, after } = desk.attribution.silence;
    assert.equal(to - from, 4200);
    assert.equal(refund().events[after].data.tool, 'search_policy');
  });

  test('36 a run that is open grows with the clock, and stops at its end', () => {
    const { events } = refund();
    const open = spansOf(events.slice(0, -1)).runs.get('r_again');
    const last = Date.parse(events.at(-2).time);
    const sum = now => open.attribution.totals(now).reduce((whole, { ms }) => whole + ms, 0);
    assert.equal(sum(last + 3_600_000) - sum(last), 3_600_000);
    const ended = spansOf(events).runs.get('r_again');
    assert.deepEqual(ended.attribution.totals(last + 3_600_000), ended.attribution.totals());
  });
});

describe('histories that keep no order', () => {
  const lines = readFileSync(new URL('goldens/histories.ndjson', import.meta.url), 'utf8').split('\n').filter(Boolean);

  test('are shown as far as they go: nothing is thrown, and times add up', () => {
    assert.equal(lines.length, 40);
    for (const line of lines) {
      const { events } = parse(line);
      const spans = spansOf(events);
      faultsOf(events);
      const last = Date.parse(events.at(-1)?.time ?? 0);
      for (const run of spans.runs.values()) {
        const slices = run.attribution.upTo(last);
        slices.forEach((slice, index) => assert.ok(slice.to > slice.from
          && (index === 0 || slice.from === slices[index - 1].to)));
      }
      assert.equal(spans.rows().length, spans.all.length);
      assert.ok(spans.story.every((item, index) => index === 0 || item.first >= spans.story[index - 1].first));
      idleGaps(spans);
      for (const event of events) assert.equal(typeof summary(event), 'string');
    }
  });
});

describe('spans', () => {
  const spans = spansOf(refund().events);

  test('children lie below the call that started them, each before what happened in it', () => {
    const rows = spans.rows().map(({ span, depth }) => `${'  '.repeat(depth)}${span.kind} ${span.name}`);
    const call = rows.indexOf('  tool delegate');
    assert.deepEqual(rows.slice(call, call + 5), [
      '  tool delegate', '    run refunds', '      tool check_fraud', '      tool issue_refund',
      '        approval Refund 129.90 € to u_ada for order 7731?',
    ]);
    assert.ok(spans.rows(span => span.name === 'delegate').length < rows.length);
  });

  test('a repair is set apart from what the agent wrote, and generations are breaks', () => {
    const { events } = refund();
    const repair = spans.breaks.find(({ kind }) => kind === 'repair');
    assert.equal(repair.closings, 1);
    assert.deepEqual([...spans.repaired].map(index => events[index].type).sort(), ['agent_failed', 'message_completed']);
    assert.equal(spans.breaks.filter(({ kind }) => kind === 'generation').length, 1);
    assert.equal(spans.runs.get('r_shop').status, 'lost');
  });

  test('49 idle gaps are those in which nothing but waiting happened', () => {
    const gaps = idleGaps(spans);
    assert.ok(gaps.some(({ from, to }) => to - from > 90_000));
    assert.ok(gaps.some(({ from, to }) => to - from === 18_240));
    assert.deepEqual(idleGaps(spansOf([])), []);
  });
});

describe('scale', () => {
  test('49 one short span, an instant, and three spans in a day: each is wide enough to be seen at 320 px', () => {
    for (const [start, end, from, to] of [[0, 40, 0, 40], [0, 0, 0, 0], [0, 86_400_000, 43_200_000, 43_200_040]]) {
      const box = new Scale({ start, end, width: 320 }).box(from, to);
      assert.ok(box.width >= 3 && box.x >= 0 && box.x < 320);
    }
  });

  test('time and pixels are each other\'s inverse, with and without gaps, zoomed or not', () => {
    for (const gaps of [[], [{ from: 20_000, to: 80_000 }, { from: 90_000, to: 99_000 }]]) {
      for (const view of [{ from: 0, to: 1 }, { from: 0.2, to: 0.3 }]) {
        const scale = new Scale({ start: 0, end: 100_000, width: 900, gaps, view });
        for (const x of [0, 13, 450, 899]) assert.ok(Math.abs(scale.x(scale.time(x)) - x) < 1e-6);
      }
    }
  });

  test('idle gaps take the same few pixels each, and the rest keeps its proportion', () => {
    const scale = new Scale({ start: 0, end: 1_000_000, width: 1000, gaps: [{ from: 1000, to: 999_000 }] });
    assert.ok(Math.abs(scale.gapBoxes[0].width - 28) < 0.01);
    assert.ok(Math.abs(scale.x(1000) - 486) < 0.5);
    assert.ok(scale.ticks().every(({ time }) => time <= 1000 || time >= 999_000));
  });

  test('zooming keeps what is under the pointer, and never leaves the whole', () => {
    const before = new Scale({ start: 0, end: 1000, width: 1000 });
    const view = zoomed({ from: 0, to: 1 }, 0.5, 0.3);
    const after = new Scale({ start: 0, end: 1000, width: 1000, view });
    assert.ok(Math.abs(before.time(300) - after.time(300)) < 1e-9);
    assert.deepEqual(zoomed(view, 100), { from: 0, to: 1 });
    assert.deepEqual(panned({ from: 0.5, to: 1 }, 3), { from: 0.5, to: 1 });
  });

  test('31 of a hundred thousand rows a window has a few', () => {
    const { first, last } = visibleRows({ scrollTop: 1_300_000, height: 900, rowHeight: 26, count: 100_000 });
    assert.ok(last - first < 60 && first <= 50_000 && last > 50_000);
    assert.deepEqual(visibleRows({ scrollTop: 0, height: 900, rowHeight: 26, count: 0 }), { first: 0, last: 0 });
  });
});

describe('state at a cursor', () => {
  test('at every event it is the fold of the events up to it', () => {
    const { events } = long(1500);
    const history = historyOf(events);
    const asOf = new AsOf(history, Fold);
    events.forEach((event, index) => asOf.apply(event, index));
    const fold = new Fold();
    events.forEach((event, index) => {
      fold.apply(event);
      if (index % 97 === 0 || index > 1490) assert.equal(canonical(asOf.at(index)), canonical(fold.state));
    });
    for (const index of [0, 511, 512, 1024, 1498]) assert.ok(asOf.prove(index, { parse, stringify }).holds);
  });

  test('a state that is another one is noticed', () => {
    const { events } = long(600);
    const history = historyOf(events);
    const asOf = new AsOf(history, Fold);
    events.forEach((event, index) => asOf.apply(event, index));
    history.events.splice(590, 1);
    assert.ok(!asOf.prove(100, { parse, stringify }).holds);
  });
});

describe('39 links', () => {
  const { events, generation, seq } = refund();
  const history = historyOf(events);
  const first = events[0].id.split('-')[0];

  test('are read as they are written', () => {
    for (const thread of ['t_7', 'auth0|5f7c', 'a@example.org', 'mcp/server/1', 'x#y?z%']) {
      assert.deepEqual(readLink(writeLink(thread, '3-42')), { thread, cursor: '3-42' });
      assert.equal(readLink(writeLink(thread)).thread, thread);
    }
    assert.ok(readLink('#t_7@42').malformed);
    assert.ok(readLink('#%zz').malformed);
    assert.ok(readLink('#<img>@x').malformed);
    assert.deepEqual(readLink(''), {});
  });

  test('lead to the event, and to no other one', () => {
    assert.deepEqual(resolve(history, events[41].id), { kind: 'event', index: 41 });
    assert.equal(resolve(history, `${generation}-${seq + 5}`).kind, 'later');
    const lost = resolve(history, `${first}-${seq}`);
    assert.equal(lost.kind, 'lost');
    assert.equal(lost.after, events.findLast(event => event.id.startsWith(first)).id);
    assert.match(sentence(`${first}-${seq}`, lost), /was lost; the log diverged after/);
    assert.equal(resolve(history, '5-3').kind, 'lost');
    const trimmed = historyOf(events.slice(20));
    assert.deepEqual(resolve(trimmed, events[3].id), { kind: 'trimmed', oldest: events[20].id });
    assert.equal(resolve(historyOf([]), '3-42').kind, 'empty');
  });
});

describe('filters', () => {
  const { events } = refund();
  const count = text => events.filter(query(text, JSON.stringify).test).length;
  test('words, members, exclusions and quotes', () => {
    assert.equal(count(''), events.length);
    assert.equal(count('type:tool_completed status:failed'), 1);
    assert.equal(count('tool:search_catalogue -type:tool_executing'), 2);
    assert.equal(count('run:"r_shop" type:agent_failed'), 1);
    assert.ok(count('is:failed') >= 2);
    assert.equal(count('"price list is locked"'), 1);
    assert.deepEqual(query('colour:red', JSON.stringify).unknown, ['colour:']);
  });
});

describe('two runs', () => {
  test('differ first where they do something else, and not in times and ids', () => {
    const one = new Recorder();
    const other = new Recorder({ thread: 't_x', generation: '9', start: 0 });
    for (const [recorder, pause, order] of [[one, 10, 7], [other, 900, 8]]) {
      const run = recorder.start('r_1', 'guide', { input: 'x' });
      recorder.think(run, 'th', 'the same thought').wait(pause);
      recorder.call(run, `c_${pause}`, 'lookup', { order }).wait(pause).done(run, `c_${pause}`, 'lookup', { order }, pause);
      recorder.say(run, `m_${pause}`, 'Done.').complete(run);
    }
    const { rows, first } = compareRuns(stepsOf(one.events, 'r_1'), stepsOf(other.events, 'r_1'));
    assert.equal(rows[first].one.title, 'lookup');
    assert.deepEqual(rows[first].differs, ['arguments', 'result']);
    assert.equal(compareRuns(stepsOf(one.events, 'r_1'), stepsOf(one.events, 'r_1')).first, -1);
  });
});

describe('37 times', () => {
  const night = Date.parse('2026-10-25T00:59:59.999Z');
  test('one zone for all, printed, also in the night in which the clock goes back', () => {
    const berlin = new Clock('local', 0, 'Europe/Berlin');
    assert.equal(berlin.full(night), '2026-10-25 02:59:59.999 UTC+2');
    assert.equal(berlin.full(night + 1), '2026-10-25 02:00:00.000 UTC+1');
    assert.equal(new Clock('utc').full(night), '2026-10-25 00:59:59.999 UTC');
    assert.equal(new Clock('relative', night).full(night + 61_250), '+01:01.250 since start');
  });

  test('durations', () => {
    assert.deepEqual([0, 999, 1234, 14_230, 59_990, 125_000, 3_725_000, 90_000_000].map(duration),
      ['0 ms', '999 ms', '1.23 s', '14.2 s', '1 m 00 s', '2 m 05 s', '1 h 02 m', '1 d 01 h']);
  });
});
