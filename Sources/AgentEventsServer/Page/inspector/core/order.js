/**
 * The order of a thread's events, as the service enforces it: what is open in each run, what may come next, and which rule an
 * event breaks. Pure. The states of a run:
 *
 *     not started ──> queued ──> running ⇄ paused ──> ended
 */

export const TYPES = [
  'agent_queued', 'agent_started', 'agent_thinking', 'agent_progress', 'input_taken', 'message_delta', 'message_completed',
  'tool_executing', 'tool_progress', 'tool_completed', 'approval_requested', 'approval_resolved', 'usage_reported',
    'agent_paused',
  'agent_resumed', 'agent_completed', 'agent_failed', 'agent_cancelled', 'custom',
];
const THREAD_TYPES = new Set(['user_message', 'state_updated']);
/** What the service logs before the end of a run, to close what is open. */
const CLOSINGS = new Set(['message_completed', 'tool_completed', 'approval_resolved', 'agent_failed', 'agent_cancelled']);
export const ENDS = { agent_completed: 'completed', agent_failed: 'failed', agent_cancelled: 'cancelled' };
const WHILE_PAUSED = new Set([
  'agent_resumed', 'tool_progress', 'tool_completed', 'approval_resolved', 'usage_reported', 'agent_failed', 'agent_cancelled',
]);
/** What ends a wait for people does not include: a further request, a part of the answers, usage. */
const KEEPS_WAITING = new Set(['approval_requested', 'approval_resolved', 'usage_reported']);

class Run {
  state = 'not started';
  how;
  waiting = false;
  calls = new Map();
  messages = new Set();
  approvals = new Map();
  children = new Map();
  closedMessages = new Set();
  usedApprovals = new Set();
  /** Each state that the run came to, with the event that brought it there: `[state, id]`. */
  path = [['not started', undefined]];
  constructor(id) { this.id = id; }

  get standing() { return this.state === 'running' && this.waiting ? 'waiting' : this.state; }

  note(id) { if (this.path.at(-1)[0] !== this.standing) this.path.push([this.standing, id]); }

  get open() {
    return [
      ...[...this.calls].map(([id, call]) => ({ kind: 'call', id, name: call.tool })),
      ...[...this.messages].map(id => ({ kind: 'message', id })),
      ...[...this.approvals].map(([id]) => ({ kind: 'approval', id })),
      ...[...this.children].map(([id, child]) => ({ kind: 'child run', id, name: child.agent })),
    ];
  }

  get isOpen() { return this.calls.size + this.messages.size + this.approvals.size + this.children.size > 0; }
}

export class Order {
  runs = new Map();
  /** @param {{isWhole?: boolean}} options whether the history begins with the thread: else a run may have begun before. */
  constructor({ isWhole = true } = {}) { this.isWhole = isWhole; }

  /** Checks an event, and takes it in any case, as far as that is possible. @returns {{code, message, legal}|undefined} */
  receive(event) {
    const { type, run_id: id } = event;
    if (THREAD_TYPES.has(type) || (type === 'custom' && id === undefined)) return undefined;
    if (id === undefined) return TYPES.includes(type) ? { code: 'event.missing_field', message: `${type} names no run`,
      legal: [] } : undefined;
    let run = this.runs.get(id);
    if (!run) {
      this.runs.set(id, run = new Run(id));
      if (!this.isWhole && type !== 'agent_started' && type !== 'agent_queued') {
        Object.assign(run, { state: 'running', agent: event.agent, isCut: true });
      }
    }
    const fault = this.#suspected(run, event) ?? this.#check(run, event);
    if (fault) Object.assign(fault, { legal: this.legal(id), state: this.describe(id) });
    this.#apply(run, event);
    for (let each = run; each; each = each.parent) each.note(event.id);
    return fault;
  }

  /** A message that is completed while its run is paused is a fault, unless the run is being closed: then its end follows. */
  #suspected(run, { type, data }) {
    const suspect = run.suspect;
    if (run.state === 'paused' && type === 'message_completed' && run.messages.has(data.message_id)) {
      run.suspect ??= reject('paused', 'a message was completed while the run was paused, and the run did not end');
    } else if (suspect && !CLOSINGS.has(type)) {
      run.suspect = undefined;
      return suspect;
    }
    return undefined;
  }

  #check(run, { type, data, agent }) {
    if (!TYPES.includes(type)) return undefined;
    if (type === 'agent_queued' && run.state !== 'not started') return reject('already_started',
      'the run was queued or started before');
    if (type === 'agent_started' && !['not started', 'queued'].includes(run.state)) {
      return reject('already_started', 'a run of this id has started before');
    }
    if (run.state === 'ended') return reject('already_ended', 'nothing follows the terminal event of a run');
    if (run.state === 'not started' && type !== 'agent_queued' && type !== 'agent_started') {
      return reject('not_started', 'the first event of a run is agent_started or agent_queued');
    }
    if (run.agent !== undefined && agent !== undefined && agent !== run.agent) {
      return reject('agent_mismatch', `the event names ${agent}, the run is one of ${run.agent}`);
    }
    if (run.state === 'queued') return this.#checkQueued(type, data);
    if (run.state === 'paused' && !WHILE_PAUSED.has(type) && !run.suspect) return reject('paused',
      `the run is paused and takes no ${type}`);
    return run.isCut ? undefined : this.#checkItems(run, type, data);
  }

  #checkQueued(type, data) {
    if (type === 'agent_started' || type === 'agent_cancelled') return undefined;
    if (type === 'agent_failed' && data.error?.code === 'run.not_started_in_time') return undefined;
    return reject('not_started', 'the run is queued, agent_started comes before its work');
  }

  #checkItems(run, type, data) {
    switch (type) {
      case 'agent_started': {
        const parent = data.parent_run_id;
        if (parent === undefined) return undefined;
        const state = this.runs.get(parent)?.state ?? (this.isWhole ? 'not started' : 'running');
        return state === 'running' ? undefined : reject('parent_not_open', `the parent ${parent} is ${state}`);
      }
      case 'message_delta':
      case 'message_completed':
        return run.closedMessages.has(data.message_id) ? reject('message_closed', `message ${data.message_id} is completed`)
          : undefined;
      case 'tool_executing':
        return run.calls.has(data.call_id) ? reject('call_reused', `call ${data.call_id} is open already`) : undefined;
      case 'tool_progress':
        return run.calls.has(data.call_id) ? undefined : reject('call_not_open', `call ${data.call_id} is not open`);
      case 'tool_completed': {
        const call = run.calls.get(data.call_id);
        if (!call) return reject('call_not_open', `call ${data.call_id} is not open`);
        return call.tool === data.tool ? undefined : reject('call_not_open',
          `call ${data.call_id} is one of ${call.tool}, not ${data.tool}`);
      }
      case 'approval_requested':
        if (run.usedApprovals.has(data.approval_id)) return reject('approval_reused', `approval ${data.approval_id} is not new`);
        return data.call_id === undefined || run.calls.has(data.call_id)
          ? undefined : reject('call_not_open', `call ${data.call_id} is not open`);
      case 'approval_resolved':
        return run.approvals.has(data.approval_id) ? undefined
          : reject('approval_not_open', `approval ${data.approval_id} is not open`);
      case 'agent_resumed':
        return run.state === 'paused' ? undefined : reject('not_paused', 'the run is not paused');
      case 'agent_completed':
        return run.isOpen ? reject('work_open', `still open: ${inWords(run.open)}`) : undefined;
      case 'agent_failed':
      case 'agent_cancelled': // The service closes what is open first.
        return run.isOpen ? reject('work_open', `the run ends with work open: ${inWords(run.open)}`) : undefined;
      default:
        return undefined;
    }
  }

  #apply(run, { type, data, agent }) {
    run.agent ??= agent;
    if (!KEEPS_WAITING.has(type)) this.#goOn(run);
    switch (type) {
      case 'agent_queued': run.state = 'queued'; break;
      case 'agent_started': {
        run.state = 'running';
        const parent = this.runs.get(data.parent_run_id);
        if (parent) {
          run.parent = parent;
          parent.children.set(run.id, { agent, call: data.parent_call_id });
        }
        break;
      }
      case 'message_delta': run.messages.add(data.message_id); break;
      case 'message_completed':
        run.messages.delete(data.message_id);
        run.closedMessages.add(data.message_id);
        break;
      case 'tool_executing': run.calls.set(data.call_id, { tool: data.tool }); break;
      case 'tool_completed': run.calls.delete(data.call_id); break;
      case 'approval_requested':
        run.approvals.set(data.approval_id, { call: data.call_id });
        run.usedApprovals.add(data.approval_id);
        this.#wait(run);
        break;
      case 'approval_resolved':
        run.approvals.delete(data.approval_id);
        if (run.approvals.size === 0) this.#goOn(run);
        break;
      case 'agent_paused': run.state = 'paused'; break;
      case 'agent_resumed': run.state = 'running'; break;
      case 'agent_completed':
      case 'agent_failed':
      case 'agent_cancelled':
        Object.assign(run, { state: 'ended', how: ENDS[type] });
        for (const kind of ['calls', 'messages', 'approvals', 'children']) run[kind].clear();
        run.parent?.children.delete(run.id);
    }
  }

  #wait(run) {
    for (let each = run; each; each = each.parent) {
      const excused = new Set([...each.children.values(), ...each.approvals.values()].map(item => item.call));
      const waits = [...each.calls.keys()].every(call => excused.has(call))
        && [...each.children.keys()].every(child => this.runs.get(child)?.waiting);
      if (!waits) return;
      each.waiting = true;
    }
  }

  #goOn(run) {
    for (let each = run; each?.waiting; each = each.parent) each.waiting = false;
  }

  /** The types of which some event would be accepted now. */
  legal(id) {
    const run = this.runs.get(id);
    return TYPES.filter(type => this.#accepts(run, type));
  }

  #accepts(run, type) {
    const state = run?.state ?? 'not started';
    if (state === 'ended') return false;
    if (state === 'not started') return type === 'agent_queued' || type === 'agent_started';
    if (state === 'queued') return ['agent_started', 'agent_failed', 'agent_cancelled'].includes(type);
    if (state === 'paused' && !WHILE_PAUSED.has(type)) return false;
    switch (type) {
      case 'agent_queued': case 'agent_started': return false;
      case 'agent_resumed': return state === 'paused';
      case 'tool_progress': case 'tool_completed': return run.calls.size > 0;
      case 'approval_resolved': return run.approvals.size > 0;
      case 'agent_completed': return !run.isOpen;
      default: return true;
    }
  }

  /** The rule by which an event of a type would be refused now. */
  refusal(id, type) {
    const run = this.runs.get(id);
    if (this.#accepts(run, type)) return undefined;
    const state = run?.state ?? 'not started';
    if (state === 'ended') return 'order.already_ended';
    if (state === 'not started') return 'order.not_started';
    if (type === 'agent_queued' || type === 'agent_started') return 'order.already_started';
    if (state === 'queued') return 'order.not_started';
    if (type === 'agent_resumed') return 'order.not_paused';
    if (state === 'paused' && !WHILE_PAUSED.has(type)) return 'order.paused';
    if (type === 'approval_resolved') return 'order.approval_not_open';
    return type === 'agent_completed' ? 'order.work_open' : 'order.call_not_open';
  }

  /** A run as of now, for people: state, what is open, what may come. */
  describe(id) {
    const run = this.runs.get(id);
    if (!run) return { state: 'not started', open: [], waiting: false, path: [['not started', undefined]] };
    return { state: run.state, how: run.how, waiting: run.waiting, agent: run.agent, open: run.open, path: run.path };
  }
}

const reject = (rule, message) => ({ code: `order.${rule}`, message });
const inWords = open => open.map(({ kind, name, id }) => `${kind} ${name ?? id}`).join(', ');
