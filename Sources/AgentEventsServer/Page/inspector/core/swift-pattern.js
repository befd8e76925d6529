/** Patterns of `AgentEventsTesting` as they are written: `.tool("search", arguments: ["query": "x"]) { … }`. Pure. */
import { byteCount, characterCount, double, json, optionalJSON, prefix, text, written } from './swift-literal.js';

const LINE = 120;
const TEXT = 80;
const JSON_LENGTH = 160;

const camel = name => name.replace(/_(\w)/g, (found, letter) => letter.toUpperCase());

export const pattern = (name, members = [], body = []) => ({ name, members, body });

/** The lines of a pattern, indented by a number of levels. */
export function linesOf({ name, members, body }, depth) {
  const indent = '    '.repeat(depth);
  const lines = head(name, members, body, indent);
  if (!body.length) return lines;
  lines[lines.length - 1] += ' {';
  return [...lines, ...body.flatMap(each => linesOf(each, depth + 1)), `${indent}}`];
}

function head(name, members, body, indent) {
  if (!members.length) return [`${indent}.${name}${body.length ? '' : '()'}`];
  const line = `${indent}.${name}(${members.join(', ')})`;
  if (characterCount(line) + (body.length ? 2 : 0) <= LINE || members.length === 1) return [line];
  return [`${indent}.${name}(`, ...members.map((each, index) => `${indent}    ${each}${index === members.length - 1 ? ''
    : ','}`), `${indent})`];
}

const containing = value => (value === '' ? [] : [`containing: ${text(prefix(value, TEXT))}`]);
const equal = (member, literal) => (literal === undefined ? [] : [`.equals(\\.${member}, ${literal})`]);
const ifText = value => (value === undefined ? undefined : text(value));
const ifInteger = value => value?.number;
const ifDouble = value => (value === undefined ? undefined : double(Number(value.number)));

function labelled(label, value) {
  const short = shortened(value);
  return short === undefined ? [] : [`${label}: ${optionalJSON(short)}`];
}

function including(member, value) {
  const short = shortened(value);
  const literal = short === undefined ? undefined : json(short);
  return literal === undefined ? [] : [`.includes(\\.${member}, ${literal})`];
}

/** As much of a value as a pattern asks for; a pattern asks for a part. */
function shortened(value) {
  if (value === undefined || byteCount(written(value)) <= JSON_LENGTH) return value;
  if (!value?.members) return undefined;
  let length = 0;
  const members = value.members.filter(([key, each]) => {
    const own = byteCount(key) + byteCount(written(each));
    if (length + own > JSON_LENGTH) return false;
    length += own;
    return true;
  });
  return members.length ? { members } : undefined;
}

function change({ removed, value }) {
  if (removed) return '.removed';
  const literal = byteCount(written(value)) <= JSON_LENGTH ? json(value) : undefined;
  return literal === undefined ? undefined : `.value(${literal})`;
}

const agentOf = event => (event.agent === undefined ? [] : [`agent: ${text(event.agent)}`]);

const call = data => [text(data.tool), ...(data.arguments?.members?.length === 0 ? [] : labelled('arguments', data.arguments))];

export const started = (name, event, body) =>
  pattern(name, [...agentOf(event), ...(event.type === 'agent_started' ? labelled('input', event.data.input) : [])], body);

export const thought = value => pattern('agentThinking', containing(value));

export const message = (name, data) =>
  pattern(name, [...containing(data.text), ...((data.role ?? 'assistant') === 'assistant' ? []
    : equal('role', `.${data.role}`))]);

export const tool = (start, end, body) =>
  pattern('tool', [...call(start), ...(end.status === 'succeeded' ? [] : [`status: .${camel(end.status)}`]),
    ...labelled('result', end.result)], body);

/** The pattern of one event, alone. Its data was read exactly. */
export function ofEvent(event) {
  const { type, data } = event;
  const made = members => pattern(camel(type), members);
  switch (type) {
    case 'agent_queued': return made([...agentOf(event), ...labelled('input', data.input),
      ...equal('attempt', ifInteger(data.attempt))]);
    case 'agent_started': return started('agentStarted', event);
    case 'input_taken': return made([]);
    case 'agent_thinking': return thought(data.text);
    case 'agent_progress': return made([...equal('message', ifText(data.message)), ...equal('fraction', ifDouble(data.fraction)),
      ...equal('step', ifInteger(data.step)), ...equal('total', ifInteger(data.total))]);
    case 'message_delta': return made(containing(data.text));
    case 'message_completed': return message('messageCompleted', data);
    case 'tool_executing': return made(call(data));
    case 'tool_progress': return made([...equal('message', ifText(data.message)), ...equal('fraction', ifDouble(data.fraction))]);
    case 'tool_completed': return made([text(data.tool), `status: .${camel(data.status)}`, ...labelled('result', data.result)]);
    case 'approval_requested': return made([...containing(data.prompt), ...including('schema', data.schema)]);
    case 'approval_resolved': return made([`.${data.decision}`, ...including('data', data.data)]);
    case 'usage_reported': return made([...(data.model === undefined ? [] : [`model: ${text(data.model)}`]),
      ...equal('inputTokens', ifInteger(data.input_tokens)), ...equal('outputTokens', ifInteger(data.output_tokens))]);
    case 'agent_paused':
    case 'agent_resumed': return made(equal('reason', ifText(data.reason)));
    case 'agent_completed': return made(labelled('result', data.result));
    case 'agent_failed': return made([`code: ${text(data.error.code)}`]);
    case 'agent_cancelled': return made(data.reason === undefined ? [] : [`reason: ${text(data.reason)}`]);
    case 'user_message': return made([...containing(data.text), ...including('data', data.data)]);
    case 'state_updated': return made([`key: ${text(data.key)}`, ...equal('change', change(data))]);
    case 'custom': return made([text(data.name), ...labelled('value', data.value)]);
    default: return pattern('event', [text(type), `where: { $0.typeName == ${text(type)} }`]);
  }
}
