/** Events in words: kind, one line, and characters that hide made visible. Pure. */
import { duration } from './time.js';

const KIND = {
  user_message: 'user', message_delta: 'message', message_completed: 'message', tool_executing: 'tool', tool_progress: 'tool',
  tool_completed: 'tool', approval_requested: 'person', approval_resolved: 'person', agent_thinking: 'thought',
    agent_paused: 'paused',
  agent_resumed: 'paused', agent_queued: 'queued', agent_failed: 'failed', agent_cancelled: 'ended', agent_completed: 'run',
  agent_started: 'run', agent_progress: 'run', usage_reported: 'mark', input_taken: 'mark', state_updated: 'mark', custom: 'mark',
};

/** The kind of an event, which has an accent of its own. */
export function kindOf(event) {
  if (event.type === 'tool_completed' && event.data.status !== 'succeeded') return 'failed';
  return KIND[event.type] ?? 'mark';
}

/** A short JSON value, for one line. */
export function brief(value, room = 80) {
  if (value === undefined) return '';
  if (typeof value === 'string') return clip(value, room);
  if (Array.isArray(value)) {
    if (!value.length) return '[]';
    return value.length > 3 || value.some(each => each && typeof each === 'object')
      ? `[${value.length}]` : `[${value.map(each => brief(each, 20)).join(', ')}]`;
  }
  if (value && typeof value === 'object') {
    const parts = [];
    let length = 0;
    for (const [key, member] of Object.entries(value)) {
      const part = `${key}: ${brief(member, 28)}`;
      if (length + part.length > room && parts.length) {
        parts.push('…');
        break;
      }
      parts.push(part);
      length += part.length + 2;
    }
    return parts.join(', ');
  }
  return String(value);
}

export const clip = (text, room) => (text.length > room ? `${text.slice(0, room)}…` : text);

const oneLine = (text, room = 160) => clip(String(text).slice(0, room * 2).replace(/\s+/g, ' ').trim(), room);

/** What an event says, in one line. */
export function summary({ type, data, from_seq, seq }) {
  const merged = from_seq === undefined ? '' : ` (${from_seq}–${seq} merged)`;
  switch (type) {
    case 'user_message': return oneLine(data.text);
    case 'message_delta': return `${JSON.stringify(clip(data.text, 120)).slice(1, -1)}${merged}`;
    case 'agent_thinking': return `${oneLine(data.text)}${merged}`;
    case 'message_completed': return `${data.interrupted ? 'interrupted: ' : ''}${oneLine(data.text)}`;
    case 'tool_executing': return `${data.tool}(${brief(data.arguments, 110)})`;
    case 'tool_progress': return [percent(data.fraction), data.message].filter(Boolean).join(' · ');
    case 'tool_completed': {
      const what = data.error ? `${data.error.code}: ${oneLine(data.error.message, 90)}` : brief(data.result, 90);
      return `${data.tool} ${data.status} in ${duration(Number(data.duration_ms))}${what ? ` → ${what}` : ''}`;
    }
    case 'approval_requested': return oneLine(data.prompt);
    case 'approval_resolved': return `${data.decision}${data.by ? ` by ${data.by}` : ''}${data.data
      ? ` · ${brief(data.data, 60)}` : ''}`;
    case 'agent_queued': return [brief(data.input, 90), data.not_before
      && `not before ${data.not_before}`].filter(Boolean).join(' · ');
    case 'agent_started': return [brief(data.input, 110), data.parent_run_id
      && `child of ${data.parent_run_id}`].filter(Boolean).join(' · ');
    case 'agent_progress': return [percent(data.fraction), data.step && `${data.step} of ${data.total ?? '?'}`,
      data.message].filter(Boolean).join(' · ');
    case 'agent_paused': return [data.by && `by ${data.by}`, data.reason].filter(Boolean).join(': ');
    case 'agent_resumed': return data.by ? `by ${data.by}` : '';
    case 'agent_completed': return `in ${duration(Number(data.duration_ms))}${data.result === undefined ? ''
      : ` → ${brief(data.result, 90)}`}`;
    case 'agent_failed': return `${data.error?.code}: ${oneLine(data.error?.message ?? '', 110)}`;
    case 'agent_cancelled': return [data.reason, data.by && `by ${data.by}`].filter(Boolean).join(' · ');
    case 'usage_reported': return `${data.model ?? 'tokens'}: ${data.input_tokens} in, ${data.output_tokens} out`;
    case 'state_updated': return data.removed ? `${data.key} removed` : `${data.key} = ${brief(data.value, 90)}`;
    case 'custom': return `${data.name} ${brief(data.value, 90)}`;
    default: return brief(data, 120);
  }
}

const percent = fraction => (fraction === undefined ? '' : `${Math.round(fraction * 100)} %`);

/** What hides or turns text round: controls, zero-width, bidirectional and tag characters, lone surrogates. */
const HIDDEN = new RegExp('[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]'
  + '|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]|\\udb40[\\udc00-\\udc7f]', 'g');

/** A text in which nothing hides: `U+202E` in brackets stands for the character. */
export const reveal = text => String(text).replace(HIDDEN,
  found => `⟨U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);

/** How large a text or value is, for people. */
export function bytes(count) {
  if (count < 1000) return `${count} B`;
  return count < 1_000_000 ? `${(count / 1000).toFixed(1)} kB` : `${(count / 1_000_000).toFixed(2)} MB`;
}

/** The title of a span's row, and what stands dimmed beside it. */
export function titleOf(span) {
  switch (span.kind) {
    case 'run': return [span.name, brief((span.startEvent ?? span.event).data.input, 60)];
    case 'tool': return [span.name, brief(span.event?.data.arguments, 60)];
    case 'message': return ['message', oneLine(span.text ?? '', 60)];
    case 'thought': return ['thinking', oneLine(span.text ?? '', 60)];
    case 'approval': return ['asks', oneLine(span.name, 60)];
    case 'pause': return ['paused', span.name === 'paused' ? '' : oneLine(span.name, 60)];
    case 'user': return [span.name, oneLine(span.event.data.text, 60)];
    default: return [span.name, ''];
  }
}

/** The accent of a span. */
export function accentOf(span) {
  if (span.kind === 'approval') return 'person';
  if (span.kind === 'tool') return ['failed', 'timed_out', 'denied'].includes(span.status) ? 'failed'
    : span.status === 'cancelled' ? 'ended' : 'tool';
  if (span.kind === 'run') return ['failed', 'lost'].includes(span.status) ? 'failed' : 'run';
  return { pause: 'paused', queue: 'queued' }[span.kind] ?? span.kind;
}
