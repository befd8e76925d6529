/** A list of threads that the service tells of: what it is now, by the messages `threads`. */

/** The words of a search: `status:` and `agent:` name what they say, the rest is looked for in titles and ids. */
export function question(find) {
  const asked = {};
  const words = find.replace(/\b(status|agent):(\S+)/g, (found, name, value) => {
    asked[name] = value;
    return '';
  }).trim();
  return words ? { ...asked, q: words } : asked;
}

const isBefore = (one, other) => (one.updated_at === other.updated_at ? one.thread_id > other.thread_id
  : (one.updated_at ?? '') > (other.updated_at ?? ''));

/** The latest first, as the service has them. */
export const inOrder = threads => [...threads].sort((one, other) => (isBefore(one, other) ? -1 : 1));

export class ThreadList {
  #threads = new Map();
  next;

  /** @returns the ids of those that are in it no longer */
  take({ threads, gone, next }) {
    for (const thread of threads) this.#threads.set(thread.thread_id, thread);
    for (const id of gone) this.#threads.delete(id);
    this.next = next ?? undefined;
    return gone;
  }

  has(id) { return this.#threads.has(id); }
  get threads() { return inOrder(this.#threads.values()); }
}
