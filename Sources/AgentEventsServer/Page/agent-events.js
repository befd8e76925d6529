/** Follows threads of an agent-events service over one WebSocket, each event once and in order, and folds them: agent-events.d.ts. */

// JSON

const literals = new WeakMap();
/** Begins the texts that stand for numbers in between; nobody else can know it. */
const MARK = `~${Math.random()}${Math.random()}~`;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, 'g');
const SUSPECT = /[[:,]\s*(?:-0|-?\d{16}|-?\d+[.eE])/;
const INTEGER = /^-?\d+$/;

export function parse(text) {
  if (!SUSPECT.test(text)) return JSON.parse(text);
  const marked = text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g, found =>
    found[0] === '"' || String(Number(found)) === found ? found : `"${MARK}${found}"`);
  return JSON.parse(marked, function (key, value) {
    if (typeof value !== 'string' || !value.startsWith(MARK)) return value;
    const literal = value.slice(MARK.length);
    spell(this, key, literal);
    return INTEGER.test(literal) && !Number.isSafeInteger(Number(literal)) ? BigInt(literal) : Number(literal);
  });
}

export const stringify = value => JSON.stringify(value, function (key, member) {
  const literal = spelling(this, key) ?? (typeof member === 'bigint' ? member : undefined);
  return literal === undefined ? member : `${MARK}${literal}`;
})?.replace(MARKED, '$1');

const spelling = (owner, key) => literals.get(owner)?.get(key);

function spell(owner, key, literal) {
  if (literal === undefined) return;
  if (!literals.has(owner)) literals.set(owner, new Map());
  literals.get(owner).set(key, literal);
}

function integer(owner, key) {
  const text = spelling(owner, key) ?? stringify(owner[key]);
  return INTEGER.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? BigInt(text) : undefined;
}

function byteCount(text) {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7F) count += unit < 0x800 || (unit >= 0xD800 && unit < 0xE000) ? 1 : 2;
  }
  return count;
}

const present = object => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

const sequence = cursor => (cursor ? BigInt(cursor.split('-')[1]) : 0n);
const isCursor = text => /^\d+-\d+$/.test(text);

// State

const EMPTY = {
  format: 1, cursor: null, messages: [], runs: [], queue: [], calls: [], approvals: [], entries: [],
  dropped: { messages: 0, runs: 0, entries: 0 },
  limits: {
    message_count: 200, message_bytes: 524288, run_count: 100, run_bytes: 262144, entry_count: 1024,
    entry_bytes: 1179648, thought_bytes: 16384,
  },
};
const LISTS = ['messages', 'runs', 'queue', 'calls', 'approvals', 'resolved_approvals', 'entries'];
const ENDS = { __proto__: null, agent_completed: 'completed', agent_failed: 'failed', agent_cancelled: 'cancelled' };
const WORK = /^(message_(delta|completed)|tool_(executing|progress|completed)|input_taken)$/;
const ASIDE = /^(approval_(requested|resolved)|usage_reported)$/;
const isEnd = run => Object.values(ENDS).includes(run.status);

/** Deeper values are left out. */
const isDeeper = (value, depth = 56) => value !== null && typeof value === 'object'
  && (depth === 0 || Object.values(value).some(member => isDeeper(member, depth - 1)));

function keeping(key, owner, members) {
  const value = isDeeper(owner[key]) ? undefined : owner[key];
  const made = present({ ...members, [key]: value });
  spell(made, key, spelling(owner, key));
  return made;
}

const sizes = new WeakMap();

function size(thing) {
  if (!sizes.has(thing)) {
    const { text, key, error, reason, usage = {} } = thing;
    const { input_tokens, output_tokens, ...other } = usage;
    for (const name in other) spell(other, name, spelling(usage, name));
    const texts = [text, key, error?.code, error?.message, reason, Object.keys(other).length ? stringify(other) : ''];
    for (const name of ['data', 'value', 'result']) {
      if (name in thing) texts.push(stringify(keeping(name, thing, {})).slice(name.length + 4, -1));
    }
    sizes.set(thing, byteCount(texts.join('')));
  }
  return sizes.get(thing);
}

function drop(list, maximumCount, maximumBytes, isOver = () => true, oldest = () => list.findIndex(isOver)) {
  const over = list.filter(isOver);
  let bytes = over.reduce((sum, thing) => sum + size(thing), 0);
  let dropped = 0;
  while (over.length - dropped > 1 && (over.length - dropped > maximumCount || bytes > maximumBytes)) {
    bytes -= size(list.splice(oldest(), 1)[0]);
    dropped++;
  }
  return dropped;
}

export class Fold {
  #state;
  #view;

  constructor(state = EMPTY) {
    this.#state = { ...state, dropped: { ...state.dropped } };
    for (const name of LISTS) this.#state[name] = [...state[name] ?? []];
  }

  get cursor() { return this.#state.cursor; }

  get state() {
    if (!this.#view) {
      const view = this.#view = { ...this.#state, dropped: { ...this.#state.dropped } };
      for (const name of LISTS) view[name] = [...view[name]];
      view.queue = view.queue.map((queued, index) => ({ ...queued, position: index + 1 }));
      if (!view.resolved_approvals.length) delete view.resolved_approvals;
    }
    return this.#view;
  }

  apply(event) {
    const s = this.#state;
    const { type, data, run_id, agent, time } = event;
    const find = (list, key) => list.findLastIndex(thing => thing[key] === data[key] && thing.run_id === run_id);
    this.#view = undefined;
    s.cursor = event.id;
    if (WORK.test(type)) this.#update(event);
    if (ENDS[type]) this.#end(event);
    if (ASIDE.test(type)) this.#open(event); // These do not show that the run goes on.
    switch (type) {
      case 'message_delta':
      case 'message_completed': {
        const { message_id, role = 'assistant', text } = data;
        const index = find(s.messages, 'message_id');
        const before = s.messages[index];
        if (before?.complete) break;
        const complete = type === 'message_completed';
        const whole = complete || !before ? text : before.text + text;
        s.messages[before ? index : s.messages.length] = { message_id, role, text: whole, complete, run_id, agent, time };
        if (complete) this.#dropMessages();
        break;
      }
      case 'user_message': {
        const { message_id, text, user_id } = data;
        s.messages.push(keeping('data', data, { message_id, role: 'user', text, complete: true, user_id, time }));
        this.#dropMessages();
        break;
      }
      case 'state_updated': {
        const { key, version, removed, expires_at, by } = data;
        const index = s.entries.findIndex(entry => entry.key === key);
        if (version <= s.entries[index]?.version) break;
        if (index >= 0) s.entries.splice(index, 1);
        s.entries.push(keeping('value', data, { key, version, removed, expires_at, by, time }));
        // A removed entry goes first: all that it still tells is its version.
        s.dropped.entries += drop(s.entries, s.limits.entry_count, s.limits.entry_bytes, undefined,
          () => Math.max(0, s.entries.slice(0, -1).findIndex(entry => entry.removed)));
        break;
      }
      case 'agent_queued': {
        if (!this.#update(event, { status: 'queued', queued_at: time, deadline_at: data.start_by })) break;
        const { message_ids: ids, not_before } = data;
        s.queue.push(present({ run_id, agent, message_ids: ids?.length ? ids : undefined, queued_at: time, not_before }));
        break;
      }
      case 'agent_started': {
        const { parent_run_id, parent_call_id } = data;
        this.#update(event, { status: 'running', parent_run_id, parent_call_id, started_at: time, deadline_at: undefined });
        s.queue = s.queue.filter(queued => queued.run_id !== run_id);
        this.#goOn(parent_run_id);
        break;
      }
      case 'agent_thinking':
        this.#update(event, { thought: this.#thought(this.#open(event)?.thought, data) });
        break;
      case 'agent_progress':
        this.#update(event, { progress: progress(data) });
        break;
      case 'usage_reported': {
        const run = this.#openRun(run_id);
        if (run) this.#change(run, { usage: sumOfUsage(run.usage, data) });
        break;
      }
      case 'agent_paused':
        this.#update(event, { status: 'paused' });
        break;
      case 'agent_resumed':
        this.#update(event, { status: 'running' });
        break;
      case 'tool_executing': {
        const { call_id, tool, purpose } = data;
        s.calls.push(keeping('arguments', data, { run_id, call_id, tool, purpose, started_at: time }));
        break;
      }
      case 'tool_progress':
      case 'tool_completed': {
        const index = find(s.calls, 'call_id');
        if (index < 0) break;
        if (type === 'tool_completed') s.calls.splice(index, 1);
        else s.calls[index] = { ...s.calls[index], progress: progress(data) };
        break;
      }
      case 'approval_requested': {
        const { approval_id, call_id, prompt, kind, editable, approvers, separate_from, expires_at } = data;
        s.approvals.push(keeping('schema', data, {
          run_id, approval_id, call_id, prompt, kind: kind === 'approval' ? undefined : kind, editable: editable || undefined,
          approvers: approvers?.length ? approvers : undefined, separate_from, requested_at: time, expires_at,
        }));
        this.#wait(run_id);
        break;
      }
      case 'approval_resolved': {
        const { approval_id, decision, by } = data;
        const index = find(s.approvals, 'approval_id');
        if (index < 0) break;
        s.approvals.splice(index, 1);
        s.resolved_approvals.push(present({ run_id, approval_id, decision, by, cursor: event.id }));
        if (s.resolved_approvals.length > 64) s.resolved_approvals.shift();
        if (!s.approvals.some(approval => approval.run_id === run_id)) this.#goOn(run_id);
        break;
      }
      case 'custom':
        this.#goOn(run_id);
    }
  }

  #open({ run_id, agent }) {
    const { runs } = this.#state;
    if (run_id === undefined || agent === undefined) return undefined;
    if (!runs.some(run => run.run_id === run_id)) runs.push({ run_id, agent, status: 'running' });
    return this.#openRun(run_id);
  }

  #openRun(id) { return this.#state.runs.findLast(run => run.run_id === id && !isEnd(run)); }

  #change(run, changes) {
    const { runs } = this.#state;
    runs[runs.lastIndexOf(run)] = present({ ...run, ...changes });
  }

  #update(event, changes) {
    const run = this.#open(event);
    if (run && changes) this.#change(run, changes);
    if (run) this.#goOn(run.run_id);
    return run !== undefined;
  }

  #wait(id) {
    const { runs, approvals, calls } = this.#state;
    for (let run = this.#openRun(id); run; run = this.#openRun(run.parent_run_id)) {
      const isBelow = other => other.run_id === run.run_id;
      const children = runs.filter(other => other.parent_run_id === run.run_id && !isEnd(other));
      const waiting = [...children.map(child => child.parent_call_id), ...approvals.filter(isBelow).map(asked => asked.call_id)];
      const waits = children.every(child => child.waiting) && calls.filter(isBelow).every(call => waiting.includes(call.call_id));
      if (!waits) break;
      this.#change(run, { waiting: true });
    }
  }

  #goOn(id) {
    for (let run = this.#openRun(id); run?.waiting; run = this.#openRun(run.parent_run_id)) {
      this.#change(run, { waiting: undefined });
    }
  }

  #thought(before, { thought_id, text }) {
    const room = this.#state.limits.thought_bytes;
    const thought = before?.thought_id === thought_id ? { ...before, text: before.text + text } : { thought_id, text };
    if (thought.text.length * 3 <= room || byteCount(thought.text) <= room) return thought;
    const bytes = new TextEncoder().encode(thought.text);
    let start = bytes.length - room;
    while ((bytes[start] & 0xC0) === 0x80) start++;
    return { ...thought, text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(start)), cut: true };
  }

  #end(event) {
    const s = this.#state;
    const { type, data, time } = event;
    const id = this.#open(event)?.run_id;
    if (id === undefined) return;
    this.#goOn(id);
    const { waiting, deadline_at, progress, thought, ...run } = this.#openRun(id);
    if (data.usage) run.usage = isDeeper(data.usage) ? undefined : data.usage;
    if (type === 'agent_failed') {
      const { code, message, retryable, details } = data.error;
      run.error = present({ code, message, retryable, details });
    }
    const { reason, by } = type === 'agent_cancelled' ? data : {};
    const ended = { ...run, status: ENDS[type], ended_at: time, reason, by };
    const isOther = other => other.run_id !== id;
    s.runs = s.runs.filter(isOther);
    s.queue = s.queue.filter(isOther);
    s.runs.splice(s.runs.filter(isEnd).length, 0, type === 'agent_completed' ? keeping('result', data, ended) : present(ended));
    s.calls = s.calls.filter(isOther);
    s.approvals = s.approvals.filter(isOther);
    s.messages = s.messages.map(message => (isOther(message) || message.complete ? message : { ...message, complete: true }));
    this.#dropMessages();
    s.dropped.runs += drop(s.runs, s.limits.run_count, s.limits.run_bytes, isEnd);
  }

  #dropMessages() {
    const { messages, limits, dropped } = this.#state;
    dropped.messages += drop(messages, limits.message_count, limits.message_bytes, message => message.complete);
  }
}

const progress = ({ message, fraction, step, total }) => present({ message, fraction, step, total });

function sumOfUsage(before = {}, report) {
  const { model, input_tokens, output_tokens, ...more } = report;
  const { input_tokens: input, output_tokens: output, ...rest } = before;
  const other = new Map(Object.entries(rest));
  for (const key in more) {
    const count = integer(report, key);
    if (key === 'estimated' && more[key]) other.set(key, true);
    if (count === undefined || byteCount(key) > 64) continue;
    if (!other.has(key) && other.size < 16) other.set(key, add(0n, count));
    else if (other.has(key) && integer(before, key) !== undefined) other.set(key, add(integer(before, key), count));
  }
  return { input_tokens: add(input, input_tokens), output_tokens: add(output, output_tokens), ...Object.fromEntries(other) };
}

function add(one = 0, other) {
  const sum = BigInt(one) + BigInt(other);
  const within = BigInt.asIntN(64, sum) === sum ? sum : sum > 0n ? 2n ** 63n - 1n : -(2n ** 63n);
  return Number.isSafeInteger(Number(within)) ? Number(within) : within;
}

// Errors

export class AgentEventsError extends Error {
  name = 'AgentEventsError';
  constructor(code, message, { cause, ...more } = {}) {
    super(message, cause && { cause });
    Object.assign(this, { retryable: false }, more, { code });
  }
}

export class Unauthorized extends Error {
  name = 'Unauthorized';
}

const refusal = ({ op, req, code, message, ...more }) => new AgentEventsError(code, message, more);

// A thread, decided

const backoff = (failures, random) => Math.min(30_000, 250 * 2 ** Math.min(failures, 9)) * random;

/** Decides where a thread resumes and which messages of the service it takes. Pure. */
export class ThreadMachine {
  phase = 'idle';
  live = false;
  #expected;
  #first;
  #hasState = false;
  #awaitsState = false;
  #wasReset = false;
  #wasTold = false;
  #reason;
  failures = 0;

  constructor(position, consumer, merge) { Object.assign(this, { position, consumer, merge }); }

  ask(held) {
    if (this.phase !== 'idle') return undefined;
    const { position, consumer, merge } = this;
    this.phase = 'asked';
    this.#wasReset = false;
    this.#expected = undefined;
    this.#awaitsState = !this.#hasState || position === 'snapshot';
    if (this.#awaitsState) return { after: 'snapshot', consumer: position === 'snapshot' ? consumer : undefined, merge };
    return { after: position, consumer, snapshot: true, merge: position === held ? merge : false };
  }

  subscribed(after, head) {
    if (this.phase !== 'asked') return undefined;
    this.phase = 'following';
    const isPlace = isCursor(this.position);
    if (this.#awaitsState || (isPlace && after !== this.position)) return undefined; // A snapshot or a reset comes.
    if (!isPlace) this.position = after ?? 'start';
    if (after) this.#expected = sequence(after) + 1n;
    return after || this.#wasTold ? this.#recovered('resumed', after, head) : this.#recovered('first');
  }

  reset(reason) {
    if (this.phase !== 'following') return;
    this.#wasReset = this.#awaitsState = true;
    this.#reason = reason;
  }

  /** @returns undefined for a late state, which would reopen runs. */
  snapshot(cursor, known) {
    if (this.phase !== 'following' || !this.#awaitsState) return undefined;
    this.#awaitsState = false;
    this.#hasState = true;
    if (this.position !== 'snapshot' && !this.#wasReset) return this.restart() ?? { leaves: true };
    this.position = cursor ?? 'start';
    this.#expected = sequence(cursor) + 1n;
    return { recovered: this.#recovered(this.#wasReset ? 'reset' : known ? 'snapshot' : 'first', known, known && cursor) };
  }

  event(cursor, from, random) {
    if (this.phase !== 'following' || this.#awaitsState) return {};
    const isKnown = from === 1n || (from === this.#first && this.failures > 1);
    if (this.#expected === undefined ? !isKnown : from !== this.#expected) {
      this.#reason = from < this.#expected ? 'duplicate' : 'gap';
      this.#first = from;
      return { leaves: true, pause: this.#fail(random, this.failures) };
    }
    this.position = cursor; // Before it is delivered, so that nothing is delivered twice.
    this.#expected = sequence(cursor) + 1n;
    this.failures = 0;
    return { delivers: true };
  }

  caughtUp() { this.live = this.phase === 'following'; }

  refused(random) { return this.#fail(random, this.failures + 1); }

  #fail(random, inRow) {
    this.failures++;
    this.restart(inRow ? 'waiting' : 'idle');
    return inRow && backoff(inRow, random);
  }

  restart(phase = 'idle') {
    if (this.phase !== 'over') this.phase = phase;
    this.live = false;
  }

  #recovered(how, from, to) {
    const recovered = present({ how, reason: this.#reason, missed: Math.max(0, Number(sequence(to) - sequence(from))) });
    this.#reason = undefined;
    this.#wasTold = true;
    return recovered;
  }
}

class Teller extends EventTarget {
  _tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}

// A thread, carried out

const PAGE = { events: 1000, characters: 4 << 20 };

/** A thread of a client. Members that begin with `_` are the client's. */
class Thread extends Teller {
  recovered = null;
  _readers = new Set();
  #client;
  #listeners = new Set();
  #fold = new Fold();
  #parts = [];
  #known;
  #acknowledged;
  #expiry;
  #view;

  constructor(client, id, { after, consumer, merge, signal } = {}) {
    super();
    this.id = id;
    this.#client = client;
    this.error = client._stopped ?? null;
    this._usesStored = after === undefined && consumer === undefined;
    this._machine = new ThreadMachine(this._usesStored || after === 'now' ? 'snapshot' : after, consumer, merge);
    this._draw();
    const leave = () => this.disconnect();
    signal?.addEventListener('abort', leave);
    this._forgetSignal = () => signal?.removeEventListener('abort', leave);
  }

  get state() { return this.#fold.state; }
  get cursor() { return this.#fold.cursor; }
  get live() { return this._machine.live; }
  /** Without what is over, whether its removal has come or not. */
  get values() {
    return new Map(this.state.entries.filter(entry => !entry.removed && this.#left(entry) > 0)
      .map(({ key, value }) => [key, value]));
  }
  get ended() { return new Map(this.state.runs.filter(isEnd).map(run => [run.run_id, endOf(run)])); }

  // Fields, to be handed to useSyncExternalStore as they are.
  subscribe = listener => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  getSnapshot = () => this.#view;

  send(text, { key, ...data } = {}) { return this.command('message', { key, data: { text, ...data } }); }

  command(name, { key = crypto.getRandomValues(new Uint32Array(4)).join('-'), run, as_of, data } = {}) {
    return this.#client._command({ op: 'command', thread_id: this.id, key, name, run_id: run, as_of, data });
  }

  respond(approval_id, decision, { key, run, data, grant } = {}) {
    run ??= this.state.approvals.findLast(asked => asked.approval_id === approval_id)?.run_id;
    decision = decision === true ? 'approved' : decision || 'denied';
    return this.command('answer', { key, run, data: { approval_id, decision, data, grant } });
  }

  respondAll(decision, { data } = {}) {
    return Promise.all(this.state.approvals.map(({ approval_id, run_id: run }) => this.respond(approval_id, decision, { run, data })));
  }

  set(name, value, { key, ...rest } = {}) { return this.command('set', { key, data: { key: name, value, ...rest } }); }

  remove(name, { key, ...rest } = {}) { return this.command('remove', { key, data: { key: name, ...rest } }); }

  stop({ key, run, reason } = {}) {
    return this.command('stop', { key, run, as_of: this.cursor ?? undefined, data: reason && { reason } });
  }

  #left = ({ expires_at }) => (expires_at ? Date.parse(expires_at) - this.#client._now() : Infinity);

  disconnect() { this.#client._remove(this); }

  /** An event is handled when the next one is asked for. */
  async *[Symbol.asyncIterator]() {
    const reader = { events: [], characters: 0, handled: this._handled };
    this._readers.add(reader);
    try {
      for (;;) {
        while (reader.events.length) {
          const [event, characters] = reader.events.shift();
          reader.characters -= characters;
          this.#resume();
          yield event;
          reader.handled = event.id;
          this.#client._acknowledgeSoon();
        }
        if (this.error) throw this.error;
        if (this._machine.phase === 'over') return;
        await new Promise(resolve => reader.wake = resolve);
      }
    } finally {
      this._readers.delete(reader);
      this.#resume();
    }
  }

  #hasRoom(part) {
    return [...this._readers].every(reader =>
      reader.events.length < PAGE.events * part && reader.characters < PAGE.characters * part);
  }

  #resume() { if (this.#hasRoom(0.5)) this._again('paused'); }

  _again(phase) {
    if (this._machine.phase !== phase) return;
    this._machine.restart();
    this.#client._subscribe(this);
  }

  _open(known) {
    this._isReady = true;
    this.#known = known;
    if (this._usesStored && this._readers.size && known) this._machine.position = known;
  }

  _receive(message, characters) {
    const machine = this._machine;
    const { op, cursor, part } = message;
    if (op === 'subscribed' && message.req === this._request) this.#recover(machine.subscribed(message.after, message.head));
    if (op === 'reset') machine.reset(message.reason);
    if (op === 'live') {
      machine.caughtUp();
      this.#client._progressed();
    }
    if (op === 'snapshot') {
      if (part === 1) this.#parts = [];
      if (part) this.#parts.push(message.state_json);
      if (!part) this.#snapshot(cursor, message.state);
      else if (this.#parts.length === message.parts) this.#snapshot(cursor, parse(this.#parts.join('')));
    }
    if (!op) this.#event(message, characters);
    this.#client._paint(this);
  }

  #snapshot(cursor, state) {
    this.#parts = [];
    const action = this._machine.snapshot(cursor, this.cursor ?? this.#known);
    if (!action) return;
    this.#fold = new Fold(state);
    for (const reader of action.recovered ? this._readers : []) { // What is unread is void.
      Object.assign(reader, { events: [], characters: 0, handled: cursor });
    }
    this.#recover(action.recovered);
    this.#client._acknowledgeSoon();
    if (action.leaves) this.#client._leave(this.id);
  }

  #event(event, characters) {
    const client = this.#client;
    const last = sequence(event.id);
    const { leaves, pause, delivers } = this._machine.event(event.id, BigInt(event.from_seq ?? last), client._random());
    if (leaves) client._leave(this.id);
    if (pause) client._later(pause, this);
    if (!delivers) return;
    client._progressed();
    if (last > sequence(this.cursor)) {
      this.#fold.apply(event);
      const status = ENDS[event.type];
      if (status) this._tell('ended', { run_id: event.run_id, ...endOf({ status, error: event.data.error }) });
    }
    for (const reader of this._readers) {
      reader.events.push([event, characters]);
      reader.characters += characters;
      reader.wake?.();
    }
    if (!this.#hasRoom(1)) {
      this._machine.restart('paused');
      client._leave(this.id);
    }
    client._acknowledgeSoon();
  }

  #recover(recovered) {
    if (!recovered) return;
    this.recovered = recovered;
    this.error = null;
    this._tell('recovered', recovered);
  }

  get _handled() {
    const { position } = this._machine;
    if (!isCursor(position)) return undefined;
    const least = (one, other) => (sequence(other) < sequence(one) ? other : one);
    return [...this._readers].map(reader => reader.handled).reduce(least, position);
  }

  _acknowledge() {
    const cursor = this._handled;
    return cursor === this.#acknowledged ? undefined : this.#acknowledged = cursor;
  }

  _disconnected() {
    this.#acknowledged = undefined;
    if (this._machine.phase !== 'paused') this._machine.restart();
    this.#client._paint(this);
  }

  _end(error, isOver) {
    this.error = error;
    if (isOver) this._machine.restart('over');
    for (const reader of this._readers) reader.wake?.();
    this.#client._paint(this);
  }

  _draw() {
    const { state, values, live, recovered, ended, error } = this;
    this.#view = { state, values, live, recovered, ended, error };
    clearTimeout(this.#expiry);
    const left = Math.min(...state.entries.map(this.#left).filter(left => left > 0));
    if (left < 2 ** 31 && this._machine.phase !== 'over') this.#expiry = setTimeout(() => this.#client._paint(this), left);
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (cause) {
        this.#client._tell('error', new AgentEventsError('client.listener', `a listener of ${this.id} threw`, { cause }));
      }
    }
  }
}

const endOf = ({ status, error }) => present({ how: error?.code === 'run.lost' ? 'lost' : status, code: error?.code });

// The client

const ITEM = { get: 'getItem', set: 'setItem', delete: 'removeItem' };

export class AgentEvents extends Teller {
  _list = Symbol(); // The id of the list of threads.
  #closing = new AbortController();
  #Socket;
  #store;
  #target;
  #url;
  #source;
  #token;
  #obtaining;
  #expiresAt = Infinity;
  #refreshAt = Infinity;
  #refreshing;
  #cursors = new Map();
  #threads = new Map();
  #leaving = new Map(); // Unsubscribes without an answer: what comes of those threads is old.
  #commands = new Map(); // Without an answer, too: they are sent again.
  #dirty = new Set();
  #timers = new Map();
  #lastRequest = 0;
  #limits = {};
  #user;
  #socket;
  #isOpen = false;
  #attempt = 0;
  #asksInMessage = false;
  #failures = 0;
  #triedOnceMore = false;
  #drainPause;
  #heard = 0;
  #heartbeat = 25_000;
  _stopped;
  #status = 'idle';
  #shown = 'idle';

  constructor({
    url = '/', token, cursorStore, WebSocket = globalThis.WebSocket, now = Date.now, random = Math.random, networkTarget = globalThis,
  } = {}) {
    super();
    if (!WebSocket) throw new AgentEventsError('client.no_websocket', 'there is no WebSocket: give one as an option');
    this._random = random;
    this.#Socket = WebSocket;
    this._now = now;
    this.#target = networkTarget;
    this.#store = cursorStore;
    this.#source = token;
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace('http', 'ws');
    if (this.#url.pathname === '/') this.#url.pathname = '/v1/stream';
    for (const name of ['online', 'offline', 'visibilitychange', 'pageshow', 'pagehide']) {
      networkTarget.addEventListener?.(name, this, { signal: this.#closing.signal });
    }
  }

  get status() { return this.#shown; }

  thread(id, options, Kind = Thread) {
    if (this.#status === 'closed') throw this._stopped;
    if (!this.#threads.has(id)) {
      const thread = new Kind(this, id, options);
      this.#threads.set(id, thread);
      const open = () => (this.#isOpen ? this.#open(thread) : this.#connect());
      queueMicrotask(() => (options?.signal?.aborted ? this._remove(thread) : open()));
    }
    return this.#threads.get(id);
  }

  setToken(token) {
    this.#source = token;
    this.#token = this.#obtaining = this.#refreshing = this._stopped = undefined;
    if (token === null) this.#forget('client.signed_out', 'idle');
    else if (this.#isOpen) this.#refresh();
    else this.#connect(true);
  }

  close() {
    this.#source = this.#token = undefined;
    this.#closing.abort();
    this._stopped = this.#forget('client.closed', 'closed');
  }

  #forget(code, status) {
    this.#hangUp();
    const keys = [...this.#cursors.keys(), ...Array.from(this.#threads.keys(), id => this.#key(id))];
    try {
      keys.push(...Object.keys(this.#webStore() ?? {}).filter(key => key.startsWith(this.#key(''))));
    } catch { /* The browser refuses its store. */ }
    for (const thread of this.#threads.values()) this._remove(thread, code);
    for (const key of keys) this.#stored('delete', key);
    this.#cursors.clear();
    for (const name of this.#timers.keys()) this.#stop(name);
    this.#user = undefined;
    this.#setStatus(status);
    this.#draw();
    return this.#rejectAll(new AgentEventsError(code, 'the client was closed'));
  }

  async #open(thread) {
    thread._opening ??= this.#stored('get', this.#key(thread.id)).then(cursor => thread._open(isCursor(cursor) ? cursor : undefined));
    await thread._opening;
    this._subscribe(thread);
  }

  _subscribe(thread) {
    const { id, _machine, _isReady, cursor } = thread;
    const members = this.#isOpen && _isReady && !this.#leaving.has(id) && this.#threads.get(id) === thread && _machine.ask(cursor);
    if (members) thread._request = this.#ask({ op: 'subscribe', thread_id: id, ...members });
  }

  _leave(id) {
    this.#leaving.set(id, this.#lastRequest + 1);
    this.#ask({ op: id === this._list ? 'unwatch' : 'unsubscribe', thread_id: id });
  }

  _remove(thread, code) {
    const { id, _machine } = thread;
    if (this.#threads.get(id) !== thread) return;
    this.#acknowledge(thread);
    this.#threads.delete(id);
    thread._forgetSignal();
    if (this.#isOpen && ['asked', 'following'].includes(_machine.phase) && !this.#leaving.has(id)) this._leave(id);
    thread._end(null, true, code);
  }

  #left({ thread_id, req, code }, id) {
    const thread = this.#threads.get(id);
    if (req !== undefined && this.#leaving.get(id) === req) {
      this.#leaving.delete(id);
      if (thread) this._subscribe(thread);
    } else if (!this.#leaving.has(id)) {
      thread?._end(new AgentEventsError(code, 'it cannot be read any longer', { thread_id }), true);
    }
  }

  _later(pause, thread) { setTimeout(() => thread._again('waiting'), pause); }

  _acknowledgeSoon() { this.#start('acknowledge', 1000, () => this.#acknowledgeAll()); }

  #acknowledgeAll() {
    this.#stop('acknowledge');
    for (const thread of this.#threads.values()) this.#acknowledge(thread);
  }

  #acknowledge(thread) {
    const cursor = thread._acknowledge();
    if (!cursor) return;
    this.#stored('set', this.#key(thread.id), cursor);
    if (thread._machine.phase === 'following') this.#send({ op: 'ack', thread_id: thread.id, cursor });
  }

  #key(id) { return `agent-events ${this.#url.href} ${this.#user} ${String(id)}`; }

  async #stored(verb, key, value) {
    this.#cursors[verb](key, value);
    try {
      const store = this.#webStore();
      return await (store ? store[ITEM[verb]](key, value) : this.#store?.[verb]?.(key, value)) ?? this.#cursors.get(key);
    } catch {
      return this.#cursors.get(key);
    }
  }

  #webStore() { return typeof this.#store === 'string' ? globalThis[`${this.#store}Storage`] : undefined; }

  _paint(thread) {
    this.#dirty.add(thread);
    if (this.#timers.has('paint')) return;
    const draw = () => this.#draw();
    if (this.#isHidden || !globalThis.requestAnimationFrame) return this.#start('paint', 16, draw);
    const frame = requestAnimationFrame(draw);
    this.#timers.set('paint', () => cancelAnimationFrame(frame));
  }

  #draw() {
    this.#stop('paint');
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const thread of dirty) thread._draw();
  }

  get #isHidden() { return this.#target.document?.hidden; }

  #ask(message) {
    this.#send({ ...message, req: ++this.#lastRequest });
    return this.#lastRequest;
  }

  #send(message) { if (this.#isOpen && this.#isAlive()) this.#socket.send(stringify(message)); }

  async _command(message) {
    const command = { ...message, req: ++this.#lastRequest };
    if (this._stopped) throw this._stopped;
    if (byteCount(stringify(command)) > (this.#limits.max_message_bytes ?? 1 << 20)) {
      throw new AgentEventsError('event.too_large', 'the command is too large');
    }
    if (this.#commands.size >= 64) throw new AgentEventsError('client.busy', 'too many commands have no answer');
    return new Promise((resolve, reject) => {
      this.#commands.set(command.req, { command, resolve, reject, tries: 0 });
      this.#send(command);
      this.#connect();
    });
  }

  #answer(message) {
    const { op, req, ...answer } = message;
    const waiting = this.#commands.get(req);
    if (answer.retryable && waiting && ++waiting.tries < 5) {
      const pause = Math.max(answer.retry_after_ms ?? 0, backoff(waiting.tries, this._random()));
      setTimeout(() => this.#commands.has(req) && this.#send(waiting.command), pause);
      return true;
    }
    if (op === 'error') waiting?.reject(refusal(message));
    else waiting?.resolve(answer);
    return this.#commands.delete(req);
  }

  #rejectAll(error) {
    for (const { reject } of this.#commands.values()) reject(error);
    this.#commands.clear();
    return error;
  }

  async #connect(isNow) {
    if (isNow) this.#stop('reconnect');
    if (this.#socket || this.#timers.has('reconnect') || this._stopped || this.#threads.size + this.#commands.size === 0) return;
    this.#attempt++;
    if (!['connected', 'reconnecting'].includes(this.#status)) this.#setStatus('connecting');
    const { token, isCurrent } = await this.#obtained(false, () => this.#drop());
    if (!isCurrent) return;
    // A browser does not say why an upgrade was refused, so every other attempt asks in a message.
    const inMessage = token && (this.#asksInMessage || /[^\w.~+-]/.test(token));
    this.#asksInMessage = !this.#asksInMessage;
    const protocols = ['agent-events.v1', ...(token && !inMessage ? [`bearer.${token}`] : [])];
    const socket = this.#socket = new this.#Socket(this.#url.href, protocols);
    this.#heard = this._now();
    this.#watch();
    const ifCurrent = work => event => socket === this.#socket && work(event);
    socket.onopen = ifCurrent(() => inMessage && socket.send(stringify({ op: 'auth', token })));
    socket.onmessage = ifCurrent(({ data }) => this.#hear(data));
    socket.onclose = ifCurrent(({ code, reason }) => this.#wasClosed(code, reason));
    socket.onerror = () => {};
  }

  #hear(text) {
    this.#heard = this._now();
    this.#stop('probe');
    let message;
    try {
      message = parse(text);
      if (typeof message.type === 'string') message.op = undefined;
    } catch {
      return this.#drop();
    }
    const { op, thread_id = this._list } = message;
    switch (op) {
      case 'welcome': return this.#welcome(message);
      case 'ping': return this.#send({ op: 'pong' });
      case 'drain':
        this.#drainPause = message.reconnect_in_ms;
        return this._tell('drain', { reconnect_in_ms: message.reconnect_in_ms });
      case 'expiring': return this.#refresh();
      case 'refreshed': this.#replaced(message.expires_at); break;
      case 'accepted': return this.#answer(message);
      case 'unwatched':
      case 'unsubscribed': return this.#left(message, thread_id);
      case 'error': return this.#refused(message);
    }
    if (!op) delete message.op;
    this.#threads.get(thread_id)?._receive(message, text.length);
  }

  #welcome({ user_id, heartbeat_ms = Infinity, limits = {}, expires_at }) {
    if (this.#user !== undefined && this.#user !== user_id) {
      for (const thread of this.#threads.values()) this._remove(thread, 'client.signed_out');
      this.#rejectAll(new AgentEventsError('client.signed_out', 'the token is of another user'));
    }
    this.#isOpen = true;
    this.#asksInMessage = false;
    this.#user = user_id;
    this.#heartbeat = heartbeat_ms;
    this.#limits = limits;
    this.#replaced(expires_at);
    this.#setStatus('connected');
    for (const { command } of this.#commands.values()) this.#send(command);
    for (const thread of this.#threads.values()) this.#open(thread);
  }

  #refused(message) {
    const { req, thread_id, code = '', retryable, retry_after_ms } = message;
    if (!this.#isOpen || code.startsWith('ack.') || this.#answer(message)) return;
    if (req !== undefined && req === this.#refreshing) return this.#failedToReplace();
    for (const [id, leave] of this.#leaving) if (leave === req) return this.#left({ req }, id);
    const thread = [...this.#threads.values()].find(({ id, _request }) => (req ? _request === req : id === thread_id));
    if (!thread || this.#leaving.has(thread.id)) return req || this._tell('error', refusal(message));
    if (!retryable) return thread._end(refusal(message), true);
    this._later(Math.max(retry_after_ms ?? 0, thread._machine.refused(this._random())), thread);
  }

  #wasClosed(code, reason = '') {
    const isLast = typeof this.#source !== 'function' || this.#triedOnceMore;
    if ([1002, 1003, 1007, 1009, 1010, 4400, 4403].includes(code) || (code === 4401 && isLast)) {
      const word = reason.startsWith('auth.') ? reason : 'client.refused';
      return this.#refuse(new AgentEventsError(word, `the service closed the connection: ${code} ${reason}`));
    }
    if (code === 4401) {
      this.#triedOnceMore = true;
      this.#token = undefined;
    }
    const pause = /^reconnect_after_ms=(\d+)/.exec(reason)?.[1];
    if (pause) this.#drainPause = Number(pause);
    this.#drop(code === 1012 ? 0 : this.#drainPause, code === 4429 ? 5000 : 0);
  }

  #drop(pause = this.#drainPause, least = 0) {
    this.#hangUp();
    pause ??= backoff(++this.#failures, this._random());
    this.#start('reconnect', Math.min(Math.max(pause, least), 3_600_000), () => this.#connect());
    if (this.#status === 'connected') this.#setStatus('reconnecting');
  }

  #hangUp() {
    const socket = this.#socket;
    this.#attempt++;
    this.#isOpen = false;
    this.#acknowledgeAll();
    this.#socket = this.#drainPause = this.#refreshing = undefined;
    this.#refreshAt = Infinity;
    this.#leaving.clear();
    for (const name of ['watch', 'probe', 'reconnect']) this.#stop(name);
    for (const thread of this.#threads.values()) thread._disconnected();
    socket?.close();
  }

  #refuse(error) {
    this.#hangUp();
    this.#setStatus('refused');
    this._stopped = this.#rejectAll(error);
    for (const thread of this.#threads.values()) thread._end(error);
    this._tell('error', error);
  }

  _progressed() {
    this.#failures = 0;
    this.#triedOnceMore = false;
  }

  /** Looks at the clock, since timers of a page that sleeps do not run. */
  #isAlive() {
    if (this.#socket && Math.abs(this._now() - this.#heard) >= this.#heartbeat * 2) this.#drop();
    return this.#socket !== undefined;
  }

  #watch() {
    this.#stop('watch');
    if (!this.#isAlive()) return;
    const now = this._now();
    if (now >= this.#refreshAt) this.#refresh();
    const due = Math.min(this.#heard + this.#heartbeat * 2, this.#refreshAt, now + 25_000) - now;
    this.#start('watch', Math.max(due, 10), () => this.#watch());
  }

  handleEvent({ type, persisted }) {
    if (type === 'visibilitychange' ? this.#isHidden : type === 'pagehide') {
      this.#acknowledgeAll();
      this.#draw();
      if (persisted) this.#hangUp();
    } else if (type === 'offline') {
      this.#drop();
    } else if (type !== 'pageshow' || persisted) {
      if (!this.#socket || !this.#isAlive()) return this.#connect(true);
      this.#watch();
      this.#send({ op: 'ping' });
      this.#start('probe', 5000, () => this.#drop());
    }
  }

  async #obtained(isReplaced, otherwise) {
    const attempt = this.#attempt;
    const source = this.#source;
    const isFresh = !isReplaced && this.#token && this.#expiresAt - this._now() > 30_000;
    const asked = typeof source !== 'function' ? source : isFresh ? this.#token : this.#obtaining ??= (async () => source())();
    try {
      const token = await asked;
      const isCurrent = attempt === this.#attempt && source === this.#source;
      if (isCurrent) this.#token = token;
      return { token, isCurrent };
    } catch (cause) {
      if (attempt !== this.#attempt || source !== this.#source) return {};
      const retryable = cause?.name !== 'Unauthorized';
      const error = new AgentEventsError(retryable ? 'client.token' : 'client.unauthorized', `there is no token: ${cause?.message}`, { cause, retryable });
      if (retryable) otherwise(this._tell('error', error));
      else this.#refuse(error);
      return {};
    } finally {
      if (asked === this.#obtaining) this.#obtaining = undefined;
    }
  }

  #replaced(expires_at) {
    const now = this._now();
    this.#refreshing = undefined;
    this.#expiresAt = Date.parse(expires_at) || Infinity;
    const life = this.#expiresAt - now;
    this.#refreshAt = now + Math.max(Math.min(life * (0.72 + 0.16 * this._random()), life - 30_000), life / 2);
    this.#watch();
  }

  async #refresh() {
    if (this.#refreshing !== undefined) return;
    this.#refreshing = 0;
    this.#refreshAt = Infinity;
    const { token, isCurrent } = await this.#obtained(true, () => this.#failedToReplace());
    if (isCurrent) this.#refreshing = this.#ask({ op: 'refresh', token });
  }

  #failedToReplace() {
    this.#refreshing = undefined;
    this.#refreshAt = this._now() + 5000;
    this.#watch();
  }

  #setStatus(status) {
    if (this.#status === status) return;
    this.#status = status;
    this.#stop('status');
    const show = () => this.#shown !== status && this._tell('status', this.#shown = status);
    if (status === 'reconnecting') this.#start('status', 500, show);
    else show();
  }

  #start(name, pause, work) {
    if (this.#timers.has(name)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      work();
    }, pause);
    this.#timers.set(name, () => clearTimeout(timer));
  }

  #stop(name) {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }
}
