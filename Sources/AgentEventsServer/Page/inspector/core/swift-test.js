/**
 * The Swift test that a recording passes, the same to the byte as `agent-events validate --as-test` writes it: what the agents do,
 * in its order, and at the same time what was. Ids, times and durations are not asked for. Pure.
 */
import { readExactly, text } from './swift-literal.js';
import { linesOf, message, ofEvent, pattern, started, thought, tool } from './swift-pattern.js';

const HAS_JSON = { input: 1, arguments: 1, result: 1, schema: 1, data: 1, value: 1 };

/** @param stringify that of agent-events.js @returns {string} */
export function swiftTest(events, stringify) {
  const threads = new Map();
  for (const event of events) {
    if (!threads.has(event.thread_id)) threads.set(event.thread_id, []);
    threads.get(event.thread_id).push({ ...event, data: exact(stringify(event.data)) });
  }
  const lines = [];
  for (const [thread, own] of threads) {
    lines.push(`expectEvents(in: sink, thread: ${text(thread)}) {`);
    lines.push(...patterns(new Parts(own).of('thread'), true).flatMap(each => linesOf(each, 1)), '}');
  }
  return lines.map(line => `${line}\n`).join('');
}

/** The data of an event: members as they are, with JSON and numbers read exactly. */
function exact(json) {
  const data = Object.fromEntries(readExactly(json).members);
  for (const [name, value] of Object.entries(data)) {
    if (!(name in HAS_JSON) && value?.members) data[name] = Object.fromEntries(value.members);
  }
  return data;
}

/** What belongs together is one part, and lies where it belongs: in the thread, in a run, in a call. */
class Parts {
  #runs = new Map();
  #starts = new Map();
  #calls = new Map();
  #openCalls = new Map();
  #callOf = new Map();
  #thoughts = new Map();
  #messages = new Map();
  #approvals = new Map();
  #parts = new Map();

  constructor(events) {
    this.events = events;
    events.forEach((event, index) => this.#note(event, index));
    events.forEach((event, index) => this.#add(event, index));
  }

  of(owner) {
    return (this.#parts.get(owner) ?? []).sort((one, other) => one.from - other.from).map(part => {
      const inner = part.kind === 'run' || part.kind === 'rest' ? `run ${this.events[part.from].run_id}` : part.kind === 'call'
        ? `call ${part.from}` : undefined;
      return { ...part, parts: inner ? this.of(inner) : [] };
    });
  }

  #note(event, index) {
    const { type, data, run_id: run } = event;
    if (run !== undefined) this.#runs.set(run, { from: this.#runs.get(run)?.from ?? index, to: index });
    const named = (id, of = run) => { this.#callOf.set(index, this.#openCalls.get(`${of} ${id}`)?.from); };
    switch (type) {
      case 'agent_started':
        this.#starts.set(run, data);
        if (data.parent_run_id !== undefined && data.parent_call_id !== undefined) named(data.parent_call_id, data.parent_run_id);
        break;
      case 'agent_thinking': {
        const key = `${run} ${data.thought_id}`;
        const known = this.#thoughts.get(key);
        this.#thoughts.set(key, { from: known?.from ?? index, to: index, text: (known?.text ?? '') + data.text });
        break;
      }
      case 'message_delta':
      case 'message_completed': {
        const key = `${run} ${data.message_id}`;
        this.#messages.set(key, { from: this.#messages.get(key)?.from ?? index, to: index,
          completed: type === 'message_completed' ? data : undefined });
        break;
      }
      case 'tool_executing':
        this.#openCalls.set(`${run} ${data.call_id}`, { from: index, start: data });
        named(data.call_id);
        break;
      case 'tool_progress': named(data.call_id); break;
      case 'tool_completed': {
        named(data.call_id);
        const open = this.#openCalls.get(`${run} ${data.call_id}`);
        this.#openCalls.delete(`${run} ${data.call_id}`);
        if (open) this.#calls.set(open.from, { start: open.start, end: data, from: open.from, to: index });
        break;
      }
      case 'approval_requested':
        if (data.call_id === undefined) break;
        named(data.call_id);
        this.#approvals.set(`${run} ${data.approval_id}`, this.#callOf.get(index));
        break;
      case 'approval_resolved': this.#callOf.set(index, this.#approvals.get(`${run} ${data.approval_id}`)); break;
      default:
    }
  }

  #put(owner, part) {
    if (!this.#parts.has(owner)) this.#parts.set(owner, []);
    this.#parts.get(owner).push(part);
  }

  #isInside({ from, to }, call) {
    const outer = this.#calls.get(call);
    return outer !== undefined && outer.from < from && to < outer.to;
  }

  #add(event, index) {
    const { run_id: run, type } = event;
    const span = this.#runs.get(run);
    if (run !== undefined && span.from === index) {
      this.#addRun(event, span);
      if (type === 'agent_started') return;
    }
    const part = this.#partOf(event, index);
    if (part) this.#put(this.#owner(event, index), { isOfThread: run === undefined, ...part });
  }

  #addRun(event, span) {
    const parent = this.#starts.get(event.run_id)?.parent_run_id;
    const outer = parent === undefined ? undefined : this.#runs.get(parent);
    let owner = 'thread';
    if (outer && outer.from < span.from && span.to < outer.to) {
      const call = this.#callOf.get(span.from);
      owner = call !== undefined && this.#isInside(span, call) ? `call ${call}` : `run ${parent}`;
    }
    this.#put(owner, { kind: event.type === 'agent_started' ? 'run' : 'rest', event, ...span, isOfThread: false });
  }

  #owner({ run_id: run, type }, index) {
    if (run === undefined) return 'thread';
    const call = this.#callOf.get(index);
    const isOfCall = ['tool_progress', 'approval_requested', 'approval_resolved'].includes(type) && call !== undefined;
    return isOfCall && this.#isInside({ from: index, to: index }, call) ? `call ${call}` : `run ${run}`;
  }

  /** Undefined for an event of a part that has begun before. */
  #partOf(event, index) {
    const { type, data, run_id: run } = event;
    const alone = { kind: 'event', event, from: index, to: index };
    switch (type) {
      case 'agent_thinking': {
        const known = this.#thoughts.get(`${run} ${data.thought_id}`);
        return known.from === index ? { kind: 'thought', text: known.text, from: known.from, to: known.to } : undefined;
      }
      case 'message_delta':
      case 'message_completed': {
        const { from, to, completed } = this.#messages.get(`${run} ${data.message_id}`);
        if (!completed) return alone;
        return from === index ? { kind: 'message', completed, from, to } : undefined;
      }
      case 'tool_executing': {
        const call = this.#calls.get(this.#callOf.get(index));
        return call ? { kind: 'call', ...call } : alone;
      }
      case 'tool_completed': return this.#calls.get(this.#callOf.get(index)) ? undefined : alone;
      default: return alone;
    }
  }
}

// Parts that came one after the other stand one below the other, and those that came at the same time in `.anyOrder`.

function patterns(parts, isTop) {
  return groups(parts).flatMap(group => {
    const whole = wholeOf(group, isTop);
    if (whole) return ofPart(whole, isTop);
    return [pattern('anyOrder', [], tracks(group).map(track => {
      const inner = track.flatMap(part => ofPart(part, false));
      return inner.length === 1 ? inner[0] : pattern('sequence', [], inner);
    }))];
  });
}

function ofPart(part, isTop) {
  switch (part.kind) {
    case 'event': return [ofEvent(part.event)];
    case 'thought': return [thought(part.text)];
    case 'message': return [message('message', part.completed)];
    case 'call': return [tool(part.start, part.end, patterns(part.parts, false))];
    case 'run': return isTop ? [ofEvent(part.event), ...patterns(part.parts, false)]
      : [started('run', part.event, patterns(part.parts, false))];
    default: return patterns(part.parts, false);
  }
}

function groups(parts) {
  const found = [];
  let end = -1;
  for (const part of parts) {
    if (part.from > end) found.push([]);
    found.at(-1).push(part);
    end = Math.max(end, part.to);
  }
  return found;
}

function wholeOf(group, isTop) {
  if (group.length === 1) return group[0];
  const [first, ...others] = group;
  if (!others.every(other => mayTake(first, other, isTop))) return undefined;
  return { ...first, parts: [...first.parts, ...others].sort((one, other) => one.from - other.from) };
}

const isRun = ({ kind }) => kind === 'run' || kind === 'rest';

/** Whether a part that lies inside of another one may be one of its own. */
function mayTake(part, other, isTop) {
  if (!(part.from < other.from && other.to <= part.to)) return false;
  if (isRun(part)) return isTop && !isRun(other);
  if (part.kind !== 'call' || other.kind === 'call') return false;
  const call = callOf(other);
  return !other.isOfThread && other.to < part.to && (call === undefined || call === part.start.call_id);
}

function callOf({ kind, event }) {
  if (kind !== 'event' && kind !== 'run') return undefined;
  if (event.type === 'agent_started') return event.data.parent_call_id;
  return ['tool_executing', 'tool_progress', 'tool_completed', 'approval_requested'].includes(event.type) ? event.data.call_id
    : undefined;
}

/** As few sequences as there can be, of parts that came one after the other. */
function tracks(group) {
  const found = [];
  for (const part of group) {
    const free = found.find(track => track.at(-1).to < part.from);
    if (free) free.push(part);
    else found.push([part]);
  }
  return found;
}
