/**
 * Where the time of a run went. Each millisecond between its first and its last event belongs to exactly one kind:
 *
 *     queued · paused · tool · child · person · streaming · thinking · nothing
 *
 * read off what was open, which the order of events proves. Tools and children that run side by side are one entry with all
 * their names. `nothing` is the time in which nothing was open: the model, or lost time. Pure.
 */

export const KINDS = ['tool', 'child', 'streaming', 'thinking', 'person', 'paused', 'queued', 'nothing'];
const NOTHING = { kind: 'nothing', label: 'nothing open' };

export class Attribution {
  /** `{kind, label, from, to}`, one after the other without a gap. */
  slices = [];
  /** The longest silence with nothing open: `{from, to, after}`, where `after` is the index of the event before it. */
  silence;
  #since;
  #now = { kind: 'nothing', label: 'nothing open' };
  #lastTime;
  #lastIndex;
  #lastThought;
  #isOver = false;

  constructor(start) { this.#since = this.#lastTime = start; }

  get current() { return this.#now; }

  /** The time up to now goes to what was open. With an index, an event of the run itself has come. */
  mark(time, index) {
    if (this.#isOver) return this.#now;
    const before = this.#now;
    this.#push(before, this.#since, time);
    if (index !== undefined) {
      if (before.kind === 'nothing' && time - this.#lastTime > (this.silence ? this.silence.to - this.silence.from : 0)) {
        this.silence = { from: this.#lastTime, to: time, after: this.#lastIndex ?? index };
      }
      this.#lastTime = time;
      this.#lastIndex = index;
    }
    this.#since = time;
    return before;
  }

  /** What is open from now on. The time between two fragments of one thought was thinking. */
  setOpen(open, event, before) {
    if (this.#isOver) return;
    const thought = event?.type === 'agent_thinking' ? event.data.thought_id : undefined;
    if (thought !== undefined && thought === this.#lastThought && before?.kind === 'nothing') this.#rename();
    if (event) this.#lastThought = thought;
    this.#now = labelOf(open);
  }

  #push({ kind, label }, from, to) {
    if (to <= from) return;
    const last = this.slices.at(-1);
    if (last && last.kind === kind && last.label === label) last.to = to;
    else this.slices.push({ kind, label, from, to });
    this.lastPushed = from;
  }

  #rename() {
    const last = this.slices.at(-1);
    if (!last || last.to !== this.#since || last.kind !== 'nothing') return;
    const from = Math.max(last.from, this.lastPushed ?? last.from);
    if (from === last.from) this.slices.pop();
    else last.to = from;
    this.#push({ kind: 'thinking', label: 'thinking' }, from, this.#since);
  }

  finish() { this.#isOver = true; }

  /** All slices, the open one up to `now` included. */
  upTo(now) {
    if (this.#isOver || !(now > this.#since)) return this.slices;
    return [...this.slices, { ...this.#now, from: this.#since, to: now, isOpen: true }];
  }

  /** `{kind, label, ms, share}`, the longest first. The sum of all `ms` is the time from the start of the run. */
  totals(now) {
    const slices = this.upTo(now);
    const sums = new Map();
    let whole = 0;
    for (const { kind, label, from, to } of slices) {
      const key = `${kind} ${label}`;
      if (!sums.has(key)) sums.set(key, { kind, label, ms: 0, count: 0 });
      const sum = sums.get(key);
      sum.ms += to - from;
      sum.count++;
      whole += to - from;
    }
    return [...sums.values()].map(sum => ({ ...sum, share: whole ? sum.ms / whole : 0 })).sort((one, other) => other.ms - one.ms);
  }
}

function labelOf({ state, calls, approvals, messages, childRuns }) {
  if (state === 'queued') return { kind: 'queued', label: 'queued' };
  if (state === 'paused') return { kind: 'paused', label: 'paused' };
  const excused = new Set();
  const working = [];
  let waits = approvals.size > 0;
  for (const { call } of approvals) if (call) excused.add(call);
  for (const child of childRuns) {
    if (child.parentCall) excused.add(child.parentCall);
    if (child.attribution.current.kind === 'person') waits = true;
    else working.push(child.name);
  }
  const tools = [...calls].filter(call => !excused.has(call)).map(call => call.name);
  if (tools.length) return { kind: 'tool', label: joined([...tools, ...working]) };
  if (working.length) return { kind: 'child', label: joined(working) };
  if (waits) return { kind: 'person', label: 'waiting for a person' };
  if (messages.size) return { kind: 'streaming', label: 'streaming' };
  return NOTHING;
}

function joined(names) {
  const different = [...new Set(names)].sort();
  return different.length > 3 ? `${different.slice(0, 2).join(' ∥ ')} ∥ ${different.length - 2} more` : different.join(' ∥ ');
}
