/** The state of a thread at any of its events, by checkpoints, and the proof that a checkpoint and what follows make the whole. Pure. */

const EVERY = 512;

export class AsOf {
  #checkpoints = [];
  #head;
  #history;
  #Fold;

  /** @param Fold that of agent-events.js */
  constructor(history, Fold) {
    this.#history = history;
    this.#Fold = Fold;
    this.#head = new Fold();
  }

  /** Takes the event that was appended to the history. */
  apply(event, index) {
    if (index % EVERY === 0 && index) this.#checkpoints[index / EVERY] = this.#head.state;
    this.#head.apply(event);
  }

  get head() { return this.#head.state; }

  #before(index) {
    for (let at = Math.floor(index / EVERY); at > 0; at--) {
      if (this.#checkpoints[at]) return { fold: new this.#Fold(this.#checkpoints[at]), next: at * EVERY };
    }
    return { fold: new this.#Fold(), next: 0 };
  }

  /** The state after the event at an index. */
  at(index) {
    if (index >= this.#history.length - 1) return this.head;
    const { fold, next } = this.#before(index);
    for (let at = next; at <= index; at++) fold.apply(this.#history.events[at]);
    return fold.state;
  }

  /** Whether the state at an index, written and read, with the events after it, is the state of all events. */
  prove(index, { parse, stringify }) {
    const fold = new this.#Fold(parse(stringify(this.at(index))));
    const { events } = this.#history;
    for (let at = index + 1; at < events.length; at++) fold.apply(events[at]);
    const whole = canonical(this.head);
    const joined = canonical(fold.state);
    return { holds: whole === joined, hash: fingerprint(whole), other: fingerprint(joined), tail: events.length - 1 - index };
  }
}

/** JSON with sorted members. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? `${value}` : JSON.stringify(value)
    ?? 'null';
  return `{${Object.keys(value).sort().filter(key => value[key] !== undefined).map(key => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`;
}

/** 53 bits of a text, for eyes to compare; nothing relies on it. */
export function fingerprint(text) {
  let one = 0xdeadbeef;
  let two = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    one = Math.imul(one ^ unit, 2654435761);
    two = Math.imul(two ^ unit, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909);
  two = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return (4294967296 * (2097151 & two) + (one >>> 0)).toString(16).padStart(14, '0');
}
