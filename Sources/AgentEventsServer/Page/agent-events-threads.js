/** The list of the threads that a user may read, as it is now, over the connection of a client of agent-events.js. */
import { AgentEventsError, ThreadMachine, stringify } from './agent-events.js';

/** The list of a client: the same one until it is disconnected. Another question takes the place of the one before. */
export function followThreads(client, { signal, ...question } = {}) {
  const list = client.thread(client._list, { signal }, ThreadList);
  list.ask(question);
  return list;
}

const place = ({ updated_at = '', thread_id }) => `${updated_at} ${thread_id}`;

/** The latest first, and of one time the greater id, as the service has them. */
export const inOrder = threads => [...threads].sort((one, other) => (place(one) > place(other) ? -1 : 1));

/** Decides what is of the question that was asked last, and what the list is by that. Its phases are those of a thread. Pure. */
export class ListMachine extends ThreadMachine {
  next = null;
  #threads = new Map();
  #question = {};
  #isFirst;

  get threads() { return inOrder(this.#threads.values()); }

  ask() { return super.ask() && { ...this.#question, op: 'watch' }; }

  /** @returns whether the service follows the question before; undefined for the same one again, unless the list is over. */
  turnTo(question = this.#question) {
    const { phase } = this;
    if (phase !== 'over' && stringify(question) === stringify(this.#question)) return undefined;
    this.#question = { ...question };
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
    const changed = threads.filter(thread => stringify(thread) !== stringify(this.#threads.get(thread.thread_id)));
    for (const thread of threads) this.#threads.set(thread.thread_id, thread);
    for (const id of gone) this.#threads.delete(id);
    this.next = next;
    this.failures = 0;
    this.caughtUp();
    return { threads: changed, gone };
  }

  forget() {
    const gone = [...this.#threads.keys()];
    this.#threads.clear();
    this.next = null;
    return { threads: [], gone };
  }
}

/** Members that begin with `_` are the client's, which follows the list as it follows a thread. */
class ThreadList extends EventTarget {
  _isReady = true;
  _opening = true; // It has no cursor to read before.
  _machine = new ListMachine();
  #client;
  #isLeft = false;
  #listeners = new Set();
  #view;

  constructor(client, id, { signal }) {
    super();
    this.id = id;
    this.#client = client;
    this.error = client._stopped ?? null;
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

  ask(question = {}) { this.#turnTo(question); }

  #turnTo(question) {
    if (this.#isLeft) return;
    const isFollowed = this._machine.turnTo(question);
    if (isFollowed === undefined) return;
    this.error = this.#client._stopped ?? null;
    if (isFollowed) this.#client._leave(this.id);
    this.#client._subscribe(this);
    this.#client._paint(this);
  }

  /** Another token may have the scope. */
  #renew() { if (this.error?.code === 'auth.scope_missing') this.#turnTo(); }

  disconnect() { this.#client._remove(this); }

  _receive({ op, ...message }) {
    if (op === 'watching') {
      this._machine.watching();
      this.error = null;
    }
    if (op === 'refreshed') this.#renew();
    const change = op === 'threads' && this._machine.take(message);
    if (!change) return;
    this.#client._progressed();
    this.#client._paint(this);
    this.#tell(change);
  }

  #tell(detail) { this.dispatchEvent(new CustomEvent('change', { detail })); }

  _again(phase) {
    if (this._machine.phase !== phase) return;
    this._machine.restart();
    this.#client._subscribe(this);
  }

  _acknowledge() {}

  _disconnected() {
    this.#renew();
    this._machine.restart();
    this.#client._paint(this);
  }

  /** The code is that of a client that forgets its user. */
  _end(error, isOver, code) {
    this.error = code ? new AgentEventsError(code, 'the client has forgotten its user') : error;
    if (isOver) this._machine.restart('over');
    if (!error) this.#isLeft = true;
    const change = code && this._machine.forget();
    if (change) queueMicrotask(() => this.#tell(change)); // The client is not done yet.
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
