/** agent-events.d.ts says what Schemas/ says, and what the module exports; and the module is small. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as client from '../../Sources/AgentEventsServer/Page/agent-events.js';
import * as threads from '../../Sources/AgentEventsServer/Page/agent-events-threads.js';

const path = name => fileURLToPath(new URL(name, import.meta.url));
const page = '../../Sources/AgentEventsServer/Page/';
const declarations = readFileSync(path(`${page}agent-events.d.ts`), 'utf8');
const ofThreads = readFileSync(path(`${page}agent-events-threads.d.ts`), 'utf8');
const schema = name => JSON.parse(readFileSync(path(`../../Schemas/${name}.schema.json`), 'utf8'));

/** The members of each interface, and the words of each union: `{ Run: { by: 'string?' } }`. */
function read(text) {
  const plain = text.replace(/\/\*\*[\s\S]*?\*\//g, '');
  const interfaces = {};
  for (const [, name, body] of plain.matchAll(/^(?:export )?interface (\w+)(?: extends \w+)? \{\n([\s\S]*?)^\}/gm)) {
    interfaces[name] = Object.fromEntries([...body.matchAll(/^ {2}(?:readonly )?(\w+)(\??): ([^;]+);$/gm)]
      .map(([, member, mark, type]) => [member, type + mark]));
  }
  const types = Object.fromEntries([...plain.matchAll(/^export type (\w+) = ([^;]+);/gm)].map(([, name, type]) => [name, type]));
  return { interfaces, types };
}

const REFERENCES = {
  id: 'string', text: 'string', name: 'string', thread_id: 'string', time: 'Time', cursor: 'Cursor', cursor_or_null: 'Cursor | null',
  count: 'Integer', seq: 'Integer', json: 'Json', fraction: 'number', trace: 'Trace', progress: 'Progress', command_details: 'Details',
  met_run: 'MetRun', message: 'Message', run: 'Run', queued_run: 'QueuedRun', call: 'Call', approval: 'Approval',
  resolved_approval: 'ResolvedApproval', entry: 'Entry',
};

/** The type of a member as its schema has it; that of an object, by its members, is compared as well. */
function typeOf({ $ref, anyOf, enum: words, const: word, type, items, properties, required = [] }, compare, name, declared) {
  if (anyOf?.at(-1).type === 'null') return typeOf(anyOf[0], compare, name, declared); // The same as its absence.
  if ($ref) return REFERENCES[$ref.split('/').at(-1)] ?? `? ${$ref}`;
  if (words) return words.map(word => `'${word}'`).join(' | ');
  if (word !== undefined) return typeof word === 'string' ? `'${word}'` : `${word}`;
  if (type === 'array') return `${typeOf(items, compare)}[]`;
  if (type === 'integer') return 'Integer';
  if (type === 'object' && properties) {
    compare(declared, properties, required);
    return declared;
  }
  return { string: 'string', boolean: 'boolean', object: '{ [name: string]: Json }' }[type] ?? `? ${name}`;
}

/** The faults of a declaration file, in sentences. */
export function faults(text) {
  const { interfaces, types } = read(text);
  const found = [];
  const compare = (name, properties, required) => {
    const members = interfaces[name];
    if (!members) return found.push(`there is no interface ${name}`);
    for (const member of Object.keys(members)) if (!(member in properties)) found.push(`${name}.${member} is in no schema`);
    for (const [member, part] of Object.entries(properties)) {
      const declared = members[member]?.replace('?', '');
      const type = typeOf(part, compare, member, declared);
      const isOptional = members[member]?.endsWith('?') ?? false;
      // Small counts are never beyond a number, and a union may have a name.
      const isSame = [types[declared], declared].includes(type) || (type === 'Integer' && declared === 'number' && ['Limits', 'Dropped', 'QueuedRun', 'ThreadQuestion'].includes(name));
      if (!isSame) found.push(`${name}.${member} is ${declared}, and in the schema ${type}`);
      else if (isOptional === required.includes(member)) found.push(`${name}.${member} is optional in one of them only`);
    }
  };
  const events = interfaces.EventData ?? {};
  const schemas = readdirSync(path('../../Schemas/events')).map(file => file.split('.')[0]);
  for (const type of schemas) {
    const { properties, required } = schema(`events/${type}`);
    if (events[type]) compare(events[type], properties, required ?? []);
    else found.push(`there is no event ${type}`);
  }
  for (const type of Object.keys(events)) if (!schemas.includes(type)) found.push(`the event ${type} has no schema`);
  const { properties: envelope, required } = schema('event');
  const { type: _, data: __, ...rest } = envelope;
  compare('Envelope', rest, required);
  const state = schema('thread_state');
  compare('ThreadState', state.properties, state.required);
  const parts = { message: 'Message', run: 'Run', queued_run: 'QueuedRun', call: 'Call', approval: 'Approval', entry: 'Entry',
    progress: 'Progress', resolved_approval: 'ResolvedApproval' };
  for (const [part, name] of Object.entries(parts)) compare(name, state.$defs[part].properties, state.$defs[part].required ?? []);
  const { op, req, ...accepted } = schema('server-message').$defs.accepted.properties;
  compare('Accepted', accepted, schema('server-message').$defs.accepted.required);
  const { command_details: details, met_run: met, trace } = schema('definitions').$defs;
  compare('Details', details.properties, details.required ?? []);
  compare('MetRun', met.properties, met.required ?? []);
  compare('Trace', trace.properties, trace.required ?? []);
  const { thread_card: card } = schema('http').$defs;
  compare('ThreadCard', card.properties, card.required);
  const { op: watch, req: number, ...question } = schema('client-message').$defs.watch.properties;
  compare('ThreadQuestion', question, []);
  return found;
}

describe('types', () => {
  test('the members of events, of the state and of answers are those of Schemas', () => {
    assert.deepEqual(faults(declarations + ofThreads), []);
  });

  test('the check finds what is wrong', () => {
    const all = declarations + ofThreads;
    for (const [part, other, fault] of [
      ['  purpose?: string;\n  started_at', '  started_at', /^Call\.purpose is undefined/],
      ["  tool: string;\n  status", "  tool?: string;\n  status", /^ToolCompleted\.tool is optional in one/],
      ["  handed_over?: boolean;\n", "  handed_over?: boolean;\n  more?: Json;\n", /^AgentPaused\.more is in no schema/],
      ["'denied';\nexport type ApprovalKind", "'refused';\nexport type ApprovalKind", /^ToolCompleted\.status/],
      ['  custom: Custom;\n', '', /^there is no event custom/],
      ["'waiting' | 'paused' | 'queued';\n\n", "'waiting' | 'paused';\n\n", /^ThreadCard\.status is ThreadStatus/],
      ['  agent?: string;\n  /** The most', '  agent: string;\n  /** The most', /^ThreadQuestion\.agent is optional in one/],
      ['  attempt?: Integer;\n  retry_of?: string;\n  trace', '  attempt?: string;\n  retry_of?: string;\n  trace', /^AgentStarted\.attempt is string/],
    ]) {
      assert.ok(all.includes(part), part);
      const found = faults(all.replace(part, other));
      assert.ok(found.some(sentence => fault.test(sentence)), `${fault}: ${found}`);
    }
  });

  test('the modules export what is declared, and their codes are declared', () => {
    const declared = text => [...text.matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
    // The machines are exported for their tests, and the one of a thread for that of the list.
    assert.deepEqual(Object.keys(client).sort(), [...declared(declarations), 'ThreadMachine'].sort());
    assert.deepEqual(Object.keys(threads).sort(), [...declared(ofThreads), 'ListMachine'].sort());
    const source = readFileSync(path(`${page}agent-events.js`), 'utf8');
    const codes = text => [...new Set(text.match(/'client\.\w+'/g))].sort();
    assert.deepEqual(codes(source), codes(declarations));
    const statuses = [...declarations.match(/type Status = (.*);/)[1].matchAll(/'(\w+)'/g)].map(([, word]) => word);
    for (const status of statuses) assert.ok(source.includes(`'${status}'`), status);
  });

  const tsc = process.env.PATH.split(delimiter).map(folder => join(folder, 'tsc')).find(existsSync);
  test('TypeScript reads the declarations, and an application that uses them', { skip: !tsc && 'there is no tsc' }, () => {
    const options = '--noEmit --strict --target es2022 --module es2022 --moduleResolution node --lib es2022,dom,dom.iterable';
    const { status, stdout } = spawnSync(tsc, [...options.split(' '), path('support/application.ts')], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  });

  test('the module is under 12 KiB as it is, and the list of threads under 2', () => {
    const size = name => gzipSync(readFileSync(path(page + name)), { level: 9 }).length;
    assert.ok(size('agent-events.js') < 12.5 * 1024, `${size('agent-events.js')} bytes`);
    assert.ok(size('agent-events-threads.js') < 2 * 1024, `${size('agent-events-threads.js')} bytes`);
  });
});
