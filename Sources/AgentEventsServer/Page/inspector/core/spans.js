/** What happened, as spans of time: runs, and in them calls, messages, thoughts, requests to people, pauses. Pure. */
import { Attribution } from './attribution.js';
import { generationOf } from './history.js';
import { ENDS } from './order.js';

/**
 * A span. `kind` is run, queue, tool, message, thought, approval, pause, user or mark; `end` is undefined while it is open.
 * `first` and `last` are indices of events; `parts` those of the fragments of a message or a thought.
 */
export class Span {
  end;
  status = 'open';
  children = [];
  constructor(kind, id, name, index, start, run, parent) {
    Object.assign(this, { kind, id, name, first: index, last: index, start, run, parent });
  }

  get isOpen() { return this.end === undefined; }
  get depth() { return this.parent ? this.parent.depth + 1 : 0; }
}

export class Spans {
  roots = [];
  runs = new Map();
  openRuns = new Set();
  all = [];
  /** What people see, in its order: spans other than runs and queues, and `{kind: 'end', run, first}`. */
  story = [];
  /** Rises when a row appears. */
  version = 0;
  /** Instants in which another generation begins, and runs that were repaired: `{index, time, kind, …}`. */
  breaks = [];
  /** Events that the repair of a run wrote in the agent's place. */
  repaired = new Set();
  start;
  end;
  /** The span that each event is of, by index. */
  byIndex = [];
  #touched;
  #open = new Map();
  #events = [];
  #generation;

  /** Takes the next event of a history. */
  apply(event, index) {
    const time = Date.parse(event.time);
    this.#events[index] = event;
    this.start ??= time;
    this.end = Math.max(time, this.end ?? time);
    const generation = generationOf(event.id);
    if (this.#generation !== undefined && this.#generation !== generation) {
      this.breaks.push({ kind: 'generation', index, time, from: this.#generation, to: generation });
    }
    this.#generation = generation;
    if (event.run_id === undefined) return this.#threadEvent(event, index, time);
    const run = this.#touched = this.#run(event, index, time);
    const before = run.attribution.mark(time, index);
    this.#runEvent(event, index, time, run);
    run.last = index;
    this.byIndex[index] = this.#touched;
    run.attribution.setOpen(this.#openIn(run), event, before);
    for (let each = run.parentRun; each; each = each.parentRun) {
      each.attribution.mark(time);
      each.attribution.setOpen(this.#openIn(each));
    }
  }

  #add(span) {
    (span.parent?.children ?? this.roots).push(span);
    this.all.push(span);
    this.#touched = span;
    if (span.kind !== 'run' && span.kind !== 'queue') this.story.push(span);
    this.version++;
    return span;
  }

  #threadEvent(event, index, time) {
    const { type, data } = event;
    const kind = type === 'user_message' ? 'user' : 'mark';
    const name = type === 'user_message' ? data.user_id : type === 'state_updated' ? data.key : type;
    const span = this.#add(new Span(kind, data.message_id ?? `${index}`, name, index, time));
    Object.assign(span, { end: time, status: 'done', event });
    this.byIndex[index] = span;
  }

  #run(event, index, time) {
    const { run_id: id, agent, data, type } = event;
    const known = this.runs.get(id);
    if (known) return known;
    const parentRun = type === 'agent_started' ? this.runs.get(data.parent_run_id) : undefined;
    const call = parentRun && this.#open.get(`call ${parentRun.id} ${data.parent_call_id}`);
    const run = new Span('run', id, agent ?? 'agent', index, time, undefined, call ?? parentRun);
    run.run = run;
    run.attribution = new Attribution(time);
    run.calls = new Set();
    run.messages = new Set();
    run.approvals = new Set();
    run.childRuns = new Set();
    run.isCut = type !== 'agent_started' && type !== 'agent_queued';
    run.status = 'running';
    run.event = event;
    if (parentRun) {
      run.parentRun = parentRun;
      run.parentCall = call;
      parentRun.childRuns.add(run);
    }
    this.runs.set(id, run);
    this.openRuns.add(run);
    return this.#add(run);
  }

  #openIn(run) {
    return {
      state: run.status, calls: run.calls, approvals: run.approvals, messages: run.messages, childRuns: run.childRuns,
    };
  }

  #item(kind, key, run, id, name, index, time, parent = run) {
    const span = this.#add(new Span(kind, id, name, index, time, run, parent));
    this.#open.set(`${key} ${run.id} ${id}`, span);
    return span;
  }

  #close(key, run, id, index, time, status) {
    const span = this.#open.get(`${key} ${run.id} ${id}`);
    if (!span) return undefined;
    this.#open.delete(`${key} ${run.id} ${id}`);
    Object.assign(span, { end: time, last: index, status });
    return this.#touched = span;
  }

  #runEvent(event, index, time, run) {
    const { type, data } = event;
    if (type !== 'agent_thinking') run.thought = undefined;
    switch (type) {
      case 'agent_queued':
        run.status = 'queued';
        run.queue = this.#add(new Span('queue', `${run.id} queue`, 'queued', index, time, run, run));
        break;
      case 'agent_started':
        run.status = 'running';
        run.startEvent = event;
        if (run.queue) Object.assign(run.queue, { end: time, last: index, status: 'done' });
        break;
      case 'agent_thinking': {
        const open = run.thought?.id === data.thought_id ? run.thought : undefined;
        const span = open ?? this.#add(new Span('thought', data.thought_id, 'thinking', index, time, run, run));
        Object.assign(span, { end: time, last: index, status: 'done' });
        this.#touched = span;
        (span.parts ??= []).push(index);
        span.text = (span.text ?? '') + data.text;
        run.thought = span;
        break;
      }
      case 'message_delta':
      case 'message_completed': {
        const key = `message ${run.id} ${data.message_id}`;
        let span = this.#open.get(key);
        if (!span) {
          span = this.#item('message', 'message', run, data.message_id, 'message', index, time);
          Object.assign(span, { parts: [], text: '', length: 0 });
          run.messages.add(span);
        }
        this.#touched = span;
        span.parts.push(index);
        span.last = index;
        if (type === 'message_delta') {
          span.length += data.text.length;
          if (span.text.length < 200) span.text += data.text;
        } else {
          this.#close('message', run, data.message_id, index, time, data.interrupted ? 'interrupted' : 'done');
          Object.assign(span, { role: data.role, text: data.text.slice(0, 200), length: data.text.length });
          run.messages.delete(span);
        }
        break;
      }
      case 'tool_executing': {
        const span = this.#item('tool', 'call', run, data.call_id, data.tool, index, time);
        span.event = event;
        run.calls.add(span);
        break;
      }
      case 'tool_progress': {
        const span = this.#open.get(`call ${run.id} ${data.call_id}`);
        if (span) Object.assign(this.#touched = span, { last: index, progress: data });
        break;
      }
      case 'tool_completed': {
        const span = this.#close('call', run, data.call_id, index, time, data.status);
        if (!span) break;
        span.endEvent = event;
        run.calls.delete(span);
        break;
      }
      case 'approval_requested': {
        const call = this.#open.get(`call ${run.id} ${data.call_id}`);
        const span = this.#item('approval', 'approval', run, data.approval_id, data.prompt, index, time, call ?? run);
        Object.assign(span, { event, call });
        run.approvals.add(span);
        break;
      }
      case 'approval_resolved': {
        const span = this.#close('approval', run, data.approval_id, index, time, data.decision);
        if (!span) break;
        span.endEvent = event;
        run.approvals.delete(span);
        break;
      }
      case 'agent_paused': {
        run.status = 'paused';
        run.pause = this.#add(new Span('pause', `${run.id} ${index}`, data.reason ?? 'paused', index, time, run, run));
        run.pause.event = event;
        if (data.reason === 'process_lost') this.breaks.push({ kind: 'process', index, time, run });
        break;
      }
      case 'agent_resumed':
        run.status = 'running';
        if (run.pause) Object.assign(this.#touched = run.pause, { end: time, last: index, status: 'done', endEvent: event });
        break;
      case 'agent_completed':
      case 'agent_failed':
      case 'agent_cancelled':
        this.#end(event, index, time, run);
    }
  }

  #end(event, index, time, run) {
    const isLost = event.type === 'agent_failed' && event.data.error?.code === 'run.lost';
    for (const span of [...run.calls, ...run.messages, ...run.approvals]) Object.assign(span,
      { end: time, last: index, status: 'unended' });
    for (const each of [run.calls, run.messages, run.approvals, run.childRuns]) each.clear();
    for (const span of [run.pause, run.queue]) {
      if (span?.isOpen) Object.assign(span, { end: time, last: index, status: 'done' });
    }
    run.parentRun?.childRuns.delete(run);
    Object.assign(run, { end: time, status: isLost ? 'lost' : ENDS[event.type], endEvent: event });
    this.openRuns.delete(run);
    run.attribution.finish(time);
    this.story.push({ kind: 'end', run, first: index, last: index, event });
    if (isLost) this.#repair(event, index, time, run);
  }

  /** The closings that a repair wrote come right before its `run.lost`, innermost first, in one commit with one time. */
  #repair(event, index, time, run) {
    this.repaired.add(index);
    let first = index;
    for (let at = index - 1; at >= 0; at--) {
      const each = this.#events[at];
      const isOfTree = each.run_id === run.id || this.#isBelow(this.runs.get(each.run_id), run);
      if (each.time !== event.time || !isOfTree || !isClosing(each)) break;
      this.repaired.add(at);
      first = at;
    }
    this.breaks.push({ kind: 'repair', index: first, last: index, time, run, closings: index - first });
  }

  #isBelow(run, other) {
    for (let each = run?.parentRun; each; each = each.parentRun) if (each === other) return true;
    return false;
  }

  /** The rows of a waterfall, each before what happened in it; what is below a folded span is left out. */
  rows(isFolded = () => false) {
    const rows = [];
    const walk = (spans, depth) => {
      for (const span of spans) {
        rows.push({ span, depth });
        if (span.children.length && !isFolded(span)) walk(span.children, depth + 1);
      }
    };
    walk(this.roots, 0);
    return rows;
  }
}

function isClosing({ type, data }) {
  switch (type) {
    case 'tool_completed': return data.status === 'cancelled' && String(data.error?.code).startsWith('tool.');
    case 'approval_resolved': return data.decision === 'cancelled';
    case 'message_completed': return true;
    case 'agent_cancelled': return String(data.reason).startsWith('parent run');
    default: return false;
  }
}

/** Stretches in which nothing but waiting happened, and that take more than a part of the whole: `{from, to}`. */
export function idleGaps(spans, now, part = 0.05) {
  if (spans.start === undefined) return [];
  const end = Math.max(spans.end, now ?? spans.end);
  const whole = end - spans.start;
  const busy = [[spans.start, spans.start], [spans.end, end]];
  for (const span of spans.all) {
    if (span.kind === 'tool' && !span.children.length) busy.push([span.start, span.end ?? end]);
    else if (span.kind === 'message' || span.kind === 'thought') busy.push([span.start, span.end ?? end]);
    else busy.push([span.start, span.start], [span.end ?? span.start, span.end ?? span.start]);
  }
  busy.sort((one, other) => one[0] - other[0]);
  const gaps = [];
  let last = spans.start;
  for (const [from, to] of busy) {
    if (from - last > whole * part && from - last > 20) gaps.push({ from: last, to: from });
    last = Math.max(last, to);
  }
  return gaps;
}
