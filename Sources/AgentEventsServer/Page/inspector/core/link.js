/**
 * Links to one event, `#t_7@3-42`, that never lead to another one; with the frames of a protocol for a range of events,
 * `#t_7@3-42?frames=ai-sdk&range=3-40..3-52`. Pure.
 */
import { isProtocol } from './frames.js';
import { generationOf, isCursor, sequenceOf } from './history.js';

const FRAMES = /\?frames=([a-z0-9.-]+)(?:&range=(\d{1,20}-\d{1,20})\.\.(\d{1,20}-\d{1,20}))?$/;

/** @returns {{thread?: string, cursor?: string, malformed?: string, frames?: string, range?: [string, string]}} */
export function readLink(hash) {
  const whole = hash.replace(/^#/, '');
  const [, frames, first, last] = FRAMES.exec(whole) ?? [];
  if (!isProtocol(frames)) return readPlace(whole);
  return { ...readPlace(whole.replace(FRAMES, '')), frames, ...(first && { range: [first, last] }) };
}

function readPlace(text) {
  if (text === '') return {};
  const at = text.lastIndexOf('@');
  let thread;
  try {
    thread = decodeURIComponent(at < 0 ? text : text.slice(0, at));
  } catch {
    return { malformed: text };
  }
  const cursor = at < 0 ? undefined : text.slice(at + 1);
  if (!/^[!-~]{1,256}$/.test(thread)) return { malformed: text };
  if (cursor !== undefined && !isCursor(cursor)) return { thread, malformed: text };
  return { thread, cursor };
}

export const writeLink = (thread, cursor, { frames, range } = {}) =>
  `#${encodeURIComponent(thread).replace(/%(3A|2F|7C|2C|3B|3D|2B|24)/g, decodeURIComponent)}${cursor ? `@${cursor}` : ''}${frames
    ? `?frames=${frames}${range ? `&range=${range.join('..')}` : ''}` : ''}`;

/**
 * Where a cursor leads in a history.
 * @returns {{kind: 'event'|'merged'|'lost'|'trimmed'|'later'|'empty', index?: number, after?: string, oldest?: string}}
 *   `lost` after the event `after`, which is the last one that the two histories can share; `trimmed` before `oldest`; `later`
 *   than the last event.
 */
export function resolve(history, cursor) {
  if (history.length === 0) return { kind: 'empty' };
  const exact = history.indexOf(cursor);
  if (exact >= 0) return { kind: 'event', index: exact };
  const seq = sequenceOf(cursor);
  const generation = generationOf(cursor);
  const { from } = history.proof;
  if (seq < from) return { kind: 'trimmed', oldest: history.first.id };
  const place = history.indexOfSequence(seq);
  const known = history.generations.find(each => each.generation === generation);
  if (place >= 0 && generationOf(history.events[place].id) === generation) return { kind: 'merged', index: place };
  if (place < 0 && seq > history.proof.to && history.generations.at(-1).generation === generation) return { kind: 'later' };
  const isBefore = each => compare(each.generation, generation) <= 0 && each.first < seq;
  const shared = known ?? history.generations.findLast(isBefore);
  const index = shared ? Math.min(shared.lastIndex, place < 0 ? Infinity : place) : -1;
  return { kind: 'lost', index: Math.max(0, index), after: index < 0 ? undefined : history.events[index].id };
}

const compare = (one, other) => one.length - other.length || (one < other ? -1 : one > other ? 1 : 0);

/** A sentence for what is not simply there; undefined for an event that is. */
export function sentence(cursor, found) {
  switch (found.kind) {
    case 'event': return undefined;
    case 'merged': return `${cursor} came merged with its neighbours; this is the event that contains it.`;
    case 'trimmed': return `${cursor} was trimmed: the oldest event that is kept is ${found.oldest}.`;
    case 'later': return `${cursor} has not happened yet: it is beyond the last event of the thread.`;
    case 'empty': return `This thread has no events, so ${cursor} is not among them.`;
    case 'lost': return found.after
      ? `${cursor} was lost; the log diverged after ${found.after}. No other event is shown in its place.`
      : `${cursor} is of another history than this log. No other event is shown in its place.`;
  }
}
