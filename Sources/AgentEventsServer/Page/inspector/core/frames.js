/** The frames of a range of a thread in every protocol, as the service tells them. Pure. */

/** `[name of the route, title]`, in the order of the switch. */
export const PROTOCOLS = [['events', 'Ours'], ['sse', 'SSE'], ['ag-ui-1.0', 'AG-UI 1.0'], ['ag-ui-0.x', 'AG-UI 0.x'],
  ['ai-sdk', 'AI SDK'], ['socket.io', 'Socket.IO']];

const CLIENTS = { events: 'our own client, on a WebSocket', sse: 'a client of server-sent events', 'ag-ui-1.0': 'a client of AG-UI 1.0',
  'ag-ui-0.x': 'a client of AG-UI before 1.0', 'ai-sdk': 'a client of the AI SDK 6 or 7', 'socket.io': 'a client of Socket.IO 4' };

export const isProtocol = name => PROTOCOLS.some(([each]) => each === name);
export const clientOf = name => CLIENTS[name];

/** The events that are shown without a range: the last ones up to the cursor. */
export const WINDOW = 100;

/** The cursors that are asked for; undefined where there is no event. `more` is where an earlier answer ended. */
export function questionOf({ events, protocol, range, cursor, more }) {
  if (!events.length || !isProtocol(protocol)) return undefined;
  const [first, last] = range ?? [Math.max(0, cursor - WINDOW + 1), cursor];
  if (!events[first] || !events[last]) return undefined;
  return { protocol, ...(more ? { after: more } : events[first - 1] ? { after: events[first - 1].id } : {}), upto: events[last].id };
}

/** What the verdict says. @returns {{holds: boolean, text: string}} */
export function verdictInWords(protocol, { holds, rules, broken }) {
  if (holds) return { holds: true, text: `${rules.length} rules of ${clientOf(protocol)} hold` };
  return { holds: false, text: `broken: ${broken.rule}` };
}

/** What stands over the frames of a stream. */
export function streamInWords(protocol, { run_id: run, frames, left_out: leftOut, ended }) {
  const joining = frames.filter(frame => frame.joins).length + leftOut;
  const first = joining ? `first told what was before: ${joining} ${joining === 1 ? 'frame' : 'frames'}`
    : 'begins in this range';
  return [run ? `run ${run}` : 'the thread', first, leftOut ? `${leftOut} of them left out` : '',
    ended ? 'then its stream ends' : ''].filter(Boolean).join(' · ');
}

/** Why there is nothing, in a sentence; undefined when there is something. */
export function absence(protocol, { streams }) {
  if (streams.length) return undefined;
  return protocol === 'ai-sdk' ? 'Nothing is under way here, and no run begins: a client of the AI SDK that resumes is answered 204.'
    : 'No stream has anything of this range.';
}

/** Why the service tells no frames. */
export function refusalInWords({ status, code, message }) {
  if (status === 404 && code !== 'thread.unknown') {
    return 'This service tells no frames: it speaks no protocol but its own (--interop none), or is of an earlier version.';
  }
  return `${code}: ${message}`;
}

export const OF_A_FILE = 'A recording has no service that would serve it: open the thread on a service to see its frames.';
