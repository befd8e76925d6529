/**
 * Filters of events: words that all have to be met. `type:tool_completed status:failed tool:search -agent:guide "two words"`.
 * Pure; breakpoints use the same words.
 */

const KEYS = {
  type: event => event.type,
  run: event => event.run_id,
  agent: event => event.agent,
  tool: event => event.data.tool,
  status: event => event.data.status ?? event.data.decision,
  call: event => event.data.call_id,
  message: event => event.data.message_id,
  approval: event => event.data.approval_id,
  code: event => event.code ?? event.data.error?.code,
  by: event => event.data.by ?? event.data.user_id,
  id: event => event.id,
  seq: event => String(event.seq),
};

export const FAILED = event => event.refused !== undefined || event.type === 'agent_failed'
  || (event.type === 'tool_completed' && event.data.status !== 'succeeded')
  || (event.type === 'approval_resolved' && event.data.decision !== 'approved');

/**
 * @param {string} text
 * @param {(event: object) => string} textOf the text of an event in which words are looked for
 * @returns {{isEmpty: boolean, test: (event: object) => boolean, unknown: string[]}}
 */
export function query(text, textOf) {
  const unknown = [];
  const tests = [];
  for (const [, minus, key, quoted, bare] of text.matchAll(/(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi)) {
    const value = (quoted ?? bare).toLowerCase();
    if (value === '') continue;
    let test;
    if (key === undefined) {
      test = event => textOf(event).toLowerCase().includes(value);
    } else if (key === 'is' && value === 'failed') {
      test = FAILED;
    } else if (key === 'is' && value === 'refused') {
      test = event => event.refused !== undefined;
    } else if (KEYS[key]) {
      const exact = quoted !== undefined;
      test = event => {
        const member = String(KEYS[key](event) ?? '').toLowerCase();
        return exact ? member === value : value.split(',').some(each => member === each
          || (each.length > 2 && member.includes(each)));
      };
    } else {
      unknown.push(`${key}:`);
      continue;
    }
    tests.push(minus ? event => !test(event) : test);
  }
  return { isEmpty: tests.length === 0, unknown, test: event => tests.every(each => each(event)) };
}
