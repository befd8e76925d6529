/** The service that the page comes from: its threads over HTTP, and one connection for the thread that is shown. */
import { question } from './core/question.js';
import { AgentEvents, parse } from './client.js';

export class Refusal extends Error {
  constructor(status, { code = `http.${status}`, message = 'the service does not answer' } = {}) {
    super(message);
    Object.assign(this, { status, code });
  }
}

export class Service extends EventTarget {
  /** Milliseconds that the clock of the service is ahead of this machine's. */
  offset = 0;
  status = 'idle';
  #token;

  constructor() {
    super();
    this.#connect();
  }

  #connect() {
    this.client = new AgentEvents({ url: '/', token: this.#token, cursorStore: 'memory' });
    this.client.addEventListener('status', ({ detail }) => {
      this.status = detail;
      this.#changed();
    });
    this.client.addEventListener('error', ({ detail }) => {
      this.error = detail;
      this.#changed();
    });
  }

  #changed() { this.dispatchEvent(new Event('change')); }

  set token(token) {
    this.#token = token || undefined;
    this.error = undefined;
    this.client.close();
    this.#connect();
  }

  get token() { return this.#token; }

  get now() { return Date.now() + this.offset; }

  /** An event that has just happened: the clock of the service is not behind it. */
  heard(time) { this.offset = Math.max(this.offset, time - Date.now()); }

  async request(path, { method = 'GET', body, key } = {}) {
    const headers = {};
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    if (body) headers['content-type'] = 'application/json';
    if (key) headers['idempotency-key'] = key;
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store',
      credentials: 'omit' });
    const date = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(date) && Math.abs(date + 500 - Date.now() - this.offset) > 2000) this.offset = date + 500 - Date.now();
    const text = await response.text();
    const value = text ? parse(text) : {};
    if (!response.ok) throw new Refusal(response.status, value.error);
    return value;
  }

  static path(thread, rest) { return `/v1/threads/${encodeURIComponent(thread)}/${rest}`; }

  /** The threads that one may see; undefined where the service has no list of them. */
  async threads({ q = '', before } = {}) {
    const query = new URLSearchParams({ limit: '50', ...(before && { before }), ...question(q) });
    try {
      return await this.request(`/v1/threads?${query}`);
    } catch (error) {
      if ([404, 405, 501].includes(error.status) || error.code === 'threads.unlisted') return undefined;
      throw error;
    }
  }

  /** Opens a thread by its first message. @returns its id */
  async begin(text) {
    const key = crypto.getRandomValues(new Uint32Array(4)).join('-');
    return (await this.request('/v1/messages', { method: 'POST', body: { text }, key })).thread_id;
  }

  subscribers(thread) { return this.request(Service.path(thread, 'subscribers')); }
  /** @param asked `{protocol, after?, upto}` */
  frames(thread, asked) { return this.request(Service.path(thread, `frames?${new URLSearchParams(asked)}`)); }

  state(thread) { return this.request(Service.path(thread, 'state')); }

  #hasNoRefusals = false;

  /** Reads what the thread of a session has refused. A service of an earlier version does not tell. */
  async readRefusals(session) {
    if (this.#hasNoRefusals) return;
    try {
      session.setRefusals(await this.request(Service.path(session.id, 'refusals')));
    } catch (error) {
      this.#hasNoRefusals = error.status === 404 && error.code !== 'thread.unknown';
    }
  }

  /**
   * Follows a thread from its first event on, into a session, until the signal aborts. A reset begins it again.
   */
  async follow(session, signal, changed) {
    while (!signal.aborted) {
      const thread = session.thread = this.client.thread(session.id, { after: session.history.last?.id ?? 'start', merge: false, signal });
      let wasReset = false;
      const recovered = ({ detail }) => {
        session.recovered = detail;
        if (detail.how === 'reset' || (detail.how === 'snapshot' && session.events.length)) {
          wasReset = true;
          session.reset(detail.reason);
          thread.disconnect();
        }
        changed();
      };
      thread.addEventListener('recovered', recovered);
      const unsubscribe = thread.subscribe(() => {
        session.isCaughtUp = thread.live;
        changed();
      });
      try {
        for await (const event of thread) {
          session.append(event);
          if (thread.live) this.heard(Date.parse(event.time));
          changed(event);
        }
      } catch (error) {
        session.error = error;
        changed();
        return;
      } finally {
        unsubscribe();
        thread.removeEventListener('recovered', recovered);
      }
      if (!wasReset) return;
    }
  }
}
