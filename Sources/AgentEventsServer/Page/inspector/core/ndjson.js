/** Reads events from a text: one JSON object on each line, or a page as `GET …/events` gives it. Pure. */

import { isCursor } from './history.js';

/**
 * @param {string} text
 * @param {(text: string) => any} parse
 * @returns {{events: object[], faults: {line: number, code: string, message: string}[], lines: Map<object, number>}}
 */
export function readEvents(text, parse) {
  const page = readPage(text, parse);
  if (page) return page;
  const events = [];
  const faults = [];
  const lines = new Map();
  let number = 0;
  for (const raw of text.replace(/^\uFEFF/, '').split('\n')) {
    number++;
    const line = raw.trim();
    if (line === '') continue;
    let value;
    try {
      value = parse(line);
    } catch (error) {
      faults.push({ line: number, code: 'json.malformed', message: `no JSON: ${error.message}` });
      continue;
    }
    if (isObject(value) && typeof value.op === 'string') continue; // What the service says beside the events.
    const problem = problemOf(value);
    if (problem) {
      faults.push({ line: number, ...problem });
    } else {
      events.push(value);
      lines.set(value, number);
    }
  }
  if (events.length === 0 && faults.length === 0) {
    faults.push({ line: 1, code: 'recording.empty', message: 'there is no event: nothing was checked' });
  }
  return { events, faults, lines };
}

function readPage(text, parse) {
  if (!/^\s*\{\s*"events"\s*:/.test(text)) return undefined;
  let page;
  try {
    page = parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(page.events)) return undefined;
  const good = page.events.filter(event => !problemOf(event));
  const faults = page.events.flatMap((event, index) => {
    const problem = problemOf(event);
    return problem ? [{ line: index + 1, ...problem }] : [];
  });
  return { events: good, faults, lines: new Map(good.map(event => [event, page.events.indexOf(event) + 1])) };
}

/** Members of `data` that are texts, by type: everything that reads events counts on them. */
const TEXTS = {
  __proto__: null, message_delta: ['message_id', 'text'], message_completed: ['message_id', 'text'],
  user_message: ['message_id', 'text'], agent_thinking: ['thought_id', 'text'], tool_executing: ['call_id', 'tool'],
  tool_progress: ['call_id'], tool_completed: ['call_id', 'tool', 'status'], approval_requested: ['approval_id', 'prompt'],
  approval_resolved: ['approval_id', 'decision'], state_updated: ['key'], custom: ['name'],
};
const isInteger = value => typeof value === 'bigint' || Number.isInteger(value);
const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value);

/** Why a value cannot be shown as an event; undefined when it can. */
export function problemOf(value) {
  if (!isObject(value)) return { code: 'message.invalid', message: 'an event is a JSON object' };
  const missing = ['type', 'id', 'seq', 'thread_id', 'time', 'data'].filter(name => !(name in value));
  if (missing.length) return { code: 'event.missing_field', message: `an event has ${missing.join(', ')}` };
  if (typeof value.type !== 'string') return { code: 'event.invalid_value', message: 'type is a text' };
  if (typeof value.id !== 'string' || !isCursor(value.id)) {
    return { code: 'event.invalid_id', message: 'id is generation-sequence, as 3-42' };
  }
  if (String(value.seq) !== value.id.split('-')[1]) {
    return { code: 'event.invalid_id', message: `seq ${value.seq} is not that of the id ${value.id}` };
  }
  if (typeof value.time !== 'string' || Number.isNaN(Date.parse(value.time))) {
    return { code: 'event.invalid_value', message: 'time is RFC 3339, as 2026-11-21T02:10:00.123Z' };
  }
  if (typeof value.thread_id !== 'string') return { code: 'event.invalid_value', message: 'thread_id is a text' };
  if (!isObject(value.data)) return { code: 'event.invalid_value', message: 'data is an object' };
  const { type, data } = value;
  const wrong = TEXTS[type]?.find(name => typeof data[name] !== 'string');
  if (wrong) return { code: 'event.invalid_value', message: `data.${wrong} of ${type} is a text` };
  if (type === 'agent_failed' && !isObject(data.error)) return { code: 'event.invalid_value', message: 'data.error is an object' };
  if (type === 'usage_reported' && ![data.input_tokens, data.output_tokens].every(isInteger)) {
    return { code: 'event.invalid_value', message: 'tokens are integers' };
  }
  return undefined;
}
