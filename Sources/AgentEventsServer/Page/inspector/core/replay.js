/**
 * A service of recorded events for the real client: it speaks the protocol, grows event by event, and misbehaves once at a
 * chosen event. No network, no clock.
 */

import { MERGEABLE } from './history.js';

export const FAULTS = {
  cut: 'the connection is cut before it', drop: 'it is left out', duplicate: 'it comes twice',
    swap: 'it comes after the next one',
  merge: 'its fragments come merged', reset: 'the connection is cut, and the history is another one',
};

export class ReplayService {
  #sockets = new Set();
  #pending;
  #isDone = false;
  head = 0;

  /** @param {{events, Fold, parse, stringify, kind?: keyof FAULTS, at?: number}} options `at` is an index; the first event is there from the start. */
  constructor(options) {
    Object.assign(this, options);
    this.fold = new this.Fold();
    this.fold.apply(this.events[0]);
    const service = this;
    /** What the client takes for a WebSocket. */
    this.Socket = class {
      #isClosed = false;
      constructor() {
        queueMicrotask(() => {
          if (this.#isClosed) return;
          this.onopen?.({});
          this.tell({ op: 'welcome', connection_id: 'c_replay', user_id: 'replay', heartbeat_ms: 3_600_000, limits: {} });
        });
        service.#sockets.add(this);
      }

      tell(message) { if (!this.#isClosed) this.onmessage?.({ data: service.stringify(message) }); }
      send(text) { if (!this.#isClosed) queueMicrotask(() => service.#receive(this, service.parse(text))); }
      close(code = 1000) {
        if (this.#isClosed) return;
        this.#isClosed = true;
        service.#sockets.delete(this);
        queueMicrotask(() => this.onclose?.({ code, reason: '' }));
      }
    };
  }

  get isAtEnd() { return this.head >= this.events.length - 1; }
  get thread() { return this.events[0].thread_id; }

  #receive(socket, { op, req, after, thread_id }) {
    if (op === 'unsubscribe') {
      socket.isSubscribed = false;
      return socket.tell({ op: 'unsubscribed', req, thread_id });
    }
    if (op !== 'subscribe') return;
    const head = this.events[this.head].id;
    socket.isSubscribed = true;
    let from = this.head + 1;
    const snapshot = () => socket.tell({ op: 'snapshot', thread_id, cursor: head, state: this.fold.state });
    if (after === 'snapshot') {
      socket.tell({ op: 'subscribed', req, thread_id, after: head, head });
      snapshot();
    } else if (this.resets) {
      this.resets = false;
      socket.tell({ op: 'subscribed', req, thread_id, after: null, head });
      socket.tell({ op: 'reset', thread_id, reason: 'diverged', oldest: this.events[0].id });
      snapshot();
    } else {
      from = after === 'start' ? 0 : this.events.findIndex(({ id }) => id === after) + 1;
      socket.tell({ op: 'subscribed', req, thread_id, after: after === 'start' ? null : after, head });
    }
    for (let at = from; at <= this.head; at++) socket.tell(this.events[at]);
    socket.tell({ op: 'live', thread_id, cursor: head });
  }

  #tell(event) { for (const socket of this.#sockets) if (socket.isSubscribed) socket.tell(event); }

  /** The next event happens. */
  advance() {
    if (this.isAtEnd) return;
    const index = ++this.head;
    const event = this.events[index];
    this.fold.apply(event);
    if (index === this.at && !this.#isDone) return this.#misbehave(event, index);
    this.#flush(event);
  }

  #flush(event) {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending?.merges) {
      const isSame = event && event.type === pending.event.type && event.run_id === pending.event.run_id
        && event.data.message_id === pending.event.data.message_id && event.data.thought_id === pending.event.data.thought_id;
      if (isSame) {
        const { event: before } = pending;
        const joined = { ...event, from_seq: before.from_seq ?? before.seq,
          data: { ...event.data, text: before.data.text + event.data.text } };
        this.#pending = { merges: true, event: joined };
        if (this.isAtEnd) this.#flush();
        return;
      }
      this.#tell(pending.event);
      if (event) this.#tell(event);
      return;
    }
    if (event) this.#tell(event);
    if (pending) this.#tell(pending.event);
  }

  #misbehave(event, index) {
    this.#isDone = true;
    switch (this.kind) {
      case 'cut':
      case 'reset':
        this.resets = this.kind === 'reset';
        for (const socket of [...this.#sockets]) socket.close(1006);
        break;
      case 'drop': if (index === this.events.length - 1) this.#tell(event); break;
      case 'duplicate':
        this.#tell(event);
        this.#tell(event);
        break;
      case 'swap':
      case 'merge':
        this.#pending = { event, merges: this.kind === 'merge' && MERGEABLE.has(event.type) };
        if (this.isAtEnd) this.#flush();
        break;
      default: this.#tell(event);
    }
  }
}
