/** The first event in which two runs differ: aligned by what they do, in its order, and not by time. Pure. */
import { canonical } from './as-of.js';

const ASIDE = new Set(['agent_progress', 'tool_progress', 'usage_reported', 'agent_queued', 'message_delta']);

/** The steps of a run: fragments joined, ids and times left out, ends of calls beside their starts in the order of the starts. */
export function stepsOf(events, run) {
  const steps = [];
  const calls = new Map();
  let thought;
  events.forEach((event, index) => {
    if (event.run_id !== run || ASIDE.has(event.type)) return;
    const { type, data } = event;
    if (type !== 'agent_thinking') thought = undefined;
    const step = { type, index, title: type, members: {} };
    switch (type) {
      case 'agent_thinking':
        if (thought?.id === data.thought_id) {
          thought.members.text += data.text;
          return;
        }
        thought = Object.assign(step, { id: data.thought_id, members: { text: data.text }, isLoose: true });
        break;
      case 'agent_started': step.members = { agent: event.agent, input: data.input }; break;
      case 'tool_executing':
        step.title = data.tool;
        step.members = { tool: data.tool, arguments: data.arguments };
        calls.set(data.call_id, step);
        break;
      case 'tool_completed': {
        const start = calls.get(data.call_id);
        if (!start) break;
        start.end = index;
        Object.assign(start.members, { status: data.status, result: data.result, error: data.error?.code });
        return;
      }
      case 'message_completed': step.members = { role: data.role, text: data.text }; break;
      case 'approval_requested': step.members = { prompt: data.prompt }; break;
      case 'approval_resolved': step.members = { decision: data.decision }; break;
      case 'agent_completed': step.members = { result: data.result }; break;
      case 'agent_failed': step.members = { code: data.error?.code, message: data.error?.message }; break;
      case 'agent_cancelled': step.members = { reason: data.reason }; break;
      case 'custom': step.members = { name: data.name, value: data.value }; break;
      default:
    }
    steps.push(step);
  });
  return steps;
}

/**
 * @returns {{rows: {one?, other?, isSame: boolean, differs: string[]}[], first: number}} `first` is the row of the first difference, -1 for none.
 */
export function compareRuns(one, other) {
  const rows = [];
  let first = -1;
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    const differs = differences(one[i], other[i]);
    if (differs.length && first < 0) first = i;
    rows.push({ one: one[i], other: other[i], isSame: differs.length === 0, differs });
  }
  return { rows, first };
}

function differences(one, other) {
  if (!one || !other) return ['missing'];
  if (one.type !== other.type) return ['type'];
  const names = [...new Set([...Object.keys(one.members), ...Object.keys(other.members)])];
  return names.filter(name => canonical(one.members[name] ?? null) !== canonical(other.members[name] ?? null));
}
