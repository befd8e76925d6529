/** The events of one thread as they came, and the proof that they are all there. Pure. */

export const generationOf = id => id.slice(0, id.indexOf('-'));
export const sequenceOf = id => Number(id.slice(id.indexOf('-') + 1));
export const isCursor = text => /^\d{1,20}-\d{1,20}$/.test(text);

export const MERGEABLE = new Set(['message_delta', 'agent_thinking']);

export class History {
  events = [];
  /** Each stretch of one generation: `{generation, first, last, index}`, `index` being that of its first event. */
  generations = [];
  gaps = [];
  repeats = [];
  /** Events at which the time goes backwards. */
  backwards = [];
  mergedCount = 0;
  mergedEvents = 0;
  #byId = new Map();
  #lastTime = -Infinity;

  get length() { return this.events.length; }
  get first() { return this.events[0]; }
  get last() { return this.events.at(-1); }

  /** Takes the next event. @returns its index */
  append(event) {
    const index = this.events.length;
    const seq = sequenceOf(event.id);
    const from = event.from_seq === undefined ? seq : Number(event.from_seq);
    const generation = generationOf(event.id);
    const before = this.events.at(-1);
    if (before) {
      const due = sequenceOf(before.id) + 1;
      if (from > due) this.gaps.push({ index, from: due, to: from - 1 });
      if (from < due) this.repeats.push({ index, seq: from, due });
    }
    if (from < seq) {
      this.mergedCount++;
      this.mergedEvents += seq - from + 1;
      if (!MERGEABLE.has(event.type)) this.repeats.push({ index, seq: from, due: seq });
    }
    const stretch = this.generations.at(-1);
    if (stretch?.generation === generation) Object.assign(stretch, { last: seq, lastIndex: index });
    else this.generations.push({ generation, first: from, last: seq, index, lastIndex: index });
    const time = Date.parse(event.time);
    if (time < this.#lastTime) this.backwards.push({ index });
    this.#lastTime = Math.max(this.#lastTime, time);
    this.#byId.set(event.id, index);
    this.events.push(event);
    return index;
  }

  indexOf(id) { return this.#byId.get(id) ?? -1; }

  /** The index of the event with a sequence, or of the one that it was merged into; -1 for none. */
  indexOfSequence(seq) {
    let low = 0;
    let high = this.events.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const event = this.events[middle];
      const last = sequenceOf(event.id);
      const first = event.from_seq === undefined ? last : Number(event.from_seq);
      if (seq < first) high = middle - 1;
      else if (seq > last) low = middle + 1;
      else return middle;
    }
    return -1;
  }

  /** The index of the first event at or after a time in milliseconds. */
  indexAtTime(time) {
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Date.parse(this.events[middle].time) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What the events prove: that none is missing between the first and the last one. */
  get proof() {
    const first = this.first;
    return {
      count: this.events.length,
      from: first ? Number(first.from_seq ?? sequenceOf(first.id)) : 0,
      to: this.last ? sequenceOf(this.last.id) : 0,
      generations: this.generations.map(({ generation, first: from, last }) => ({ generation, from, to: last })),
      gaps: this.gaps.map(({ from, to }) => ({ from, to })),
      repeats: this.repeats.length,
      merged_ranges: this.mergedCount,
      merged_events: this.mergedEvents,
      time_backwards: this.backwards.length,
      dense: this.gaps.length === 0 && this.repeats.length === 0 && this.events.length > 0,
      begins_at_start: first !== undefined && Number(first.from_seq ?? sequenceOf(first.id)) === 1,
    };
  }
}

const count = (number, word, many = `${word}s`) => `${number.toLocaleString('en')} ${number === 1 ? word : many}`;

/** The proof in one line. */
export function proofInWords(proof) {
  if (!proof.count) return 'no events';
  return [
    `${proof.from.toLocaleString('en')}–${proof.to.toLocaleString('en')} ${proof.dense ? 'dense' : 'not dense'}`,
    count(proof.generations.length, 'generation'),
    count(proof.gaps.length, 'gap'),
    count(proof.merged_ranges, 'merged range'),
  ].join(', ');
}
