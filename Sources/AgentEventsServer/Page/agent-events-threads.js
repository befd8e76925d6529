/** The list of the threads that a user may read, as it is now, over the connection of a client of agent-events.js. */
import { AgentEventsError, ThreadMachine } from './agent-events.js';

/** The list of a client: the same one until it is disconnected. Another question takes the place of the one before. */
export function followThreads(client, { signal, ...question } = {}) {
  const list = client.thread(undefined, { signal }, ThreadList);
  list.ask(question);
  return list;
}

/** The latest first, and of one time the greater id, as the service has them. */
export const inOrder = threads => [...threads].sort((one, other) => {
  const isLater = one.updated_at === other.updated_at ? one.thread_id > other.thread_id : one.updated_at > other.updated_at;
  return isLater ? -1 : 1;
});

/** Decides what is of the question that was asked last, and what the list is by that. Its phases are those of a thread. Pure. */
export class ListMachine extends ThreadMachine {
  next = null;
  #threads = new Map();
  #question = {};
  #isFirst;

  get threads() { return inOrder(this.#threads.values()); }

  ask() { return super.ask() && { ...this.#question, op: 'watch' }; }

  /** @returns whether the service follows the question before; undefined for the same one again. */
  turnTo(question) {
    if (JSON.stringify(question) === JSON.stringify(this.#question)) return undefined;
    this.#question = question;
    const { phase } = this;
    if (phase === 'waiting') return false; // It is asked after the pause.
    this.phase = 'idle';
    this.live = false;
    return phase === 'asked' || phase === 'following';
  }

  watching() {
    this.#isFirst = true;
    this.subscribed();
  }

  /** @returns what has changed; the first message is the whole list, and what it lacks has gone meanwhile. */
  take({ threads, gone, next }) {
    if (this.phase !== 'following') return undefined;
    const isThere = new Set(threads.map(thread => thread.thread_id));
    if (this.#isFirst) gone = [...this.#threads.keys()].filter(id => !isThere.has(id));
    this.#isFirst = false;
    for (const thread of threads) this.#threads.set(thread.thread_id, thread);
    for (const id of gone) this.#threads.delete(id);
    this.next = next;
    this.failures = 0;
    this.caughtUp();
    return { threads, gone };
  }
}

/** Members that begin with `_` are the client's, which follows the list as it follows a thread. */
class ThreadList extends EventTarget {
  error = null;
  _isReady = true;
  _opening = true; // It has no cursor to read before.
  _machine = new ListMachine();
  #client;
  #listeners = new Set();
  #view;

  constructor(client, id, { signal }) {
    super();
    this.#client = client;
    this._draw();
    const leave = () => this.disconnect();
    signal?.addEventListener('abort', leave);
    this._forgetSignal = () => signal?.removeEventListener('abort', leave);
  }

  get threads() { return this._machine.threads; }
  get next() { return this._machine.next; }
  get live() { return this._machine.live; }

  // Fields, to be handed to useSyncExternalStore as they are.
  subscribe = listener => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  getSnapshot = () => this.#view;

  ask(question = {}) {
    const isFollowed = this._machine.turnTo(question);
    if (isFollowed === undefined) return;
    this.error = null;
    if (isFollowed) this.#client._leave();
    this.#client._subscribe(this);
    this.#client._paint(this);
  }

  disconnect() { this.#client._remove(this); }

  _receive({ op, ...message }) {
    if (op === 'watching') {
      this._machine.watching();
      this.error = null;
    }
    const change = op === 'threads' && this._machine.take(message);
    if (!change) return;
    this.#client._progressed();
    this.#client._paint(this);
    this.dispatchEvent(new CustomEvent('change', { detail: change }));
  }

  _again(phase) {
    if (this._machine.phase !== phase) return;
    this._machine.restart();
    this.#client._subscribe(this);
  }

  _acknowledge() {}

  _disconnected() {
    this._machine.restart();
    this.#client._paint(this);
  }

  _end(error, isOver) {
    this.error = error;
    if (isOver) this._machine.restart('over');
    this.#client._paint(this);
  }

  _draw() {
    const { threads, next, live, error } = this;
    this.#view = { threads, next, live, error };
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (cause) {
        this.#client._tell('error', new AgentEventsError('client.listener', 'a listener of the list of threads threw', { cause }));
      }
    }
  }
}
