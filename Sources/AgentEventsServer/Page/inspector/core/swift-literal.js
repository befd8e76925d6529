/** Values as they are written in Swift, the same as `agent-events validate --as-test` writes them. Pure. */

/** JSON read so that numbers keep their spelling: an array, `{members: [[key, value]]}`, `{number: '1.50'}`, text, boolean or null. */
export function readExactly(text) {
  let at = 0;
  const space = () => { while (' \t\n\r'.includes(text[at]) && at < text.length) at++; };
  const string = () => {
    const from = at++;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at++;
    return JSON.parse(text.slice(from, at));
  };
  const list = (close, element) => {
    const elements = [];
    at++;
    for (space(); text[at] !== close; space()) {
      elements.push(element());
      space();
      if (text[at] === ',') at++;
    }
    at++;
    return elements;
  };
  const value = () => {
    space();
    if (text[at] === '"') return string();
    if (text[at] === '[') return list(']', value);
    if (text[at] === '{') {
      return { members: list('}', () => {
        space();
        const key = string();
        space();
        at++;
        return [key, value()];
      }) };
    }
    const [word] = /^[^,\]}\s]+/.exec(text.slice(at, at + 400));
    at += word.length;
    return word === 'null' ? null : word === 'true' ? true : word === 'false' ? false : { number: word };
  };
  return value();
}

/** The JSON of a value that was read exactly. */
export function written(value) {
  if (Array.isArray(value)) return `[${value.map(written)}]`;
  if (value?.members) return `{${value.members.map(([key, each]) => `${JSON.stringify(key)}:${written(each)}`)}}`;
  return value?.number ?? JSON.stringify(value);
}

export const byteCount = text => new TextEncoder().encode(text).length;

const ESCAPES = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };
const SHOWN = /[\p{L}\p{N}\p{P}\p{S}]/u;
const MARK = /\p{M}/u;

/** A string literal of one line. A character that does not show, or would turn the line around, is escaped. */
export function text(value) {
  let literal = '"';
  let isFirst = true;
  for (const scalar of value) {
    const isShown = SHOWN.test(scalar) || scalar === ' ' || ((MARK.test(scalar) || scalar === '\u200D') && !isFirst);
    literal += ESCAPES[scalar] ?? (isShown ? scalar : `\\u{${scalar.codePointAt(0).toString(16).toUpperCase()}}`);
    isFirst = false;
  }
  return `${literal}"`;
}

const isWhole = value => !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value);

/** @returns undefined for a value that no literal gives exactly: `1.0`, `1e400`, half of a surrogate pair */
export function json(value) {
  if (value === null) return '.null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return isWhole(value) ? text(value) : undefined;
  if (Array.isArray(value)) {
    const elements = value.map(json);
    return elements.includes(undefined) ? undefined : `[${elements.join(', ')}]`;
  }
  if (value.number !== undefined) return number(value.number);
  const members = value.members.map(([key, each]) => [text(key), json(each)]);
  if (members.some(([, each]) => each === undefined)) return undefined;
  return members.length ? `[${members.map(([key, each]) => `${key}: ${each}`).join(', ')}]` : '[:]';
}

function number(literal) {
  if (/^-?(0|[1-9]\d*)$/.test(literal) && literal !== '-0') {
    const integer = BigInt(literal);
    if (BigInt.asIntN(64, integer) === integer) return literal;
    if (BigInt.asUintN(64, integer) === integer) return `.integer(${literal} as UInt64)`;
  }
  return Number.isFinite(Number(literal)) && literal === double(Number(literal)) && !literal.endsWith('.0') ? literal : undefined;
}

/** A value for a parameter of the type `JSONValue?`: a literal, or what parses the JSON. */
export const optionalJSON = value => json(value) ?? `try? JSONValue(parsing: Array(${text(written(value))}.utf8))`;

/** A number of the type `Double`, as Swift writes it. */
export function double(value) {
  const [digits, exponent] = value.toExponential().split('e');
  if (exponent >= -4 && exponent < 16) return Number.isInteger(value) ? `${value}.0` : String(value);
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

const segments = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The beginning of a text, in characters as people count them. */
export function prefix(value, length) {
  if (value.length <= length) return value;
  let end = 0;
  let count = 0;
  for (const { index, segment } of segments.segment(value)) {
    if (count++ === length) break;
    end = index + segment.length;
  }
  return value.slice(0, end);
}

export const characterCount = value => [...segments.segment(value)].length;
