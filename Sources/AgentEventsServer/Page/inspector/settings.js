/** What the page remembers: in the browser's store, or in memory where that is refused. */

const memory = new Map();
const PREFIX = 'agent-events inspector ';

function store(kind, work) {
  try {
    return work(globalThis[kind]);
  } catch {
    return undefined;
  }
}

/** @param kind `localStorage` for all tabs, `sessionStorage` for this one */
export function remembered(name, otherwise, kind = 'localStorage') {
  const text = store(kind, each => each.getItem(PREFIX + name)) ?? memory.get(name);
  try {
    return text === undefined || text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function remember(name, value, kind = 'localStorage') {
  const text = JSON.stringify(value);
  memory.set(name, text);
  store(kind, each => each.setItem(PREFIX + name, text));
}
