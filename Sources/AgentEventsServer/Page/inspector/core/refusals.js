/** What a thread has refused: each at the event that was its head then. It is in no log; the service has the latest in memory. Pure. */

const number = cursor => Number(cursor.slice(cursor.lastIndexOf('-') + 1));

/** One refusal, by which it is known again when the list is read again. */
export const keyOf = refusal => `${refusal.head} ${refusal.time} ${refusal.code} ${refusal.run_id} ${refusal.index}`;

/**
 * The index of the event after which something was refused; -1 before the first one, or where what was before is trimmed.
 * Undefined when that event has not come here yet.
 */
export function placeOf(history, refusal) {
  if (!refusal.head) return -1;
  const index = history.indexOf(refusal.head);
  if (index >= 0) return index;
  const { last, events } = history;
  if (!last || number(refusal.head) > Number(last.seq)) return undefined;
  if (number(refusal.head) < Number(events[0].from_seq ?? events[0].seq)) return -1;
  // A head that was lost in a crash: where it would be.
  return history.indexOfSequence(number(refusal.head));
}

/** By the index of their event, in the order in which they came. */
export function placed(history, refusals) {
  const places = new Map();
  for (const refusal of refusals) {
    const index = placeOf(history, refusal);
    if (index === undefined) continue;
    if (!places.has(index)) places.set(index, []);
    places.get(index).push(refusal);
  }
  return places;
}

/** A refusal as filters look at it: like the event that it refused, with the code of the rule. */
export const asEvent = refusal => ({
  refused: refusal, type: refusal.type ?? '', run_id: refusal.run_id ?? undefined, agent: refusal.event?.agent,
  data: { ...refusal.event?.data, by: refusal.by ?? undefined }, code: refusal.code, message: refusal.message,
});

/** What was refused, in one line. */
export function refusalInWords({ code, message, count, times }) {
  return [`${code}: ${message}`, count > 1 && `with ${count - 1} ${count === 2 ? 'other event' : 'other events'}`,
    times > 1 && `${times} times`].filter(Boolean).join(' · ');
}
