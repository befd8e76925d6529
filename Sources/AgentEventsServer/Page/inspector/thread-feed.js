/** The list of threads as it is now, over a connection of its own: the client of applications follows threads only. */
import { ThreadList } from './core/thread-list.js';
import { parse } from './client.js';

const [SHORTEST, LONGEST] = [500, 20_000];

export class ThreadFeed {
  /** The list that is watched; undefined until the service has told what it is. */
  list;
  /** Whether the service has no list to watch. */
  isUnlisted = false;
  #changed;
  #asked = {};
  #socket;
  #token;
  #number = 0;
  #isWatching = false;
  #timer;
  #failures = 0;

  /** @param changed called with the ids of those that have gone from the list */
  constructor(changed) { this.#changed = changed; }

  /** Whether what it says is of now. */
  get isLive() { return Boolean(this.list) && this.#socket?.readyState === 1; }

  /** Watches the threads that fit, with the token of now; a list of before is dropped. */
  watch(asked, token) {
    const isSame = JSON.stringify(asked) === JSON.stringify(this.#asked);
    this.#asked = asked;
    if ((this.#socket || this.#timer) && token === this.#token) {
      if (!isSame && this.#socket) this.#ask();
      return;
    }
    this.#token = token;
    this.isUnlisted = false;
    this.close();
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.list = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #connect() {
    this.#timer = undefined;
    const url = new URL('/v1/stream', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const protocols = ['agent-events.v1', ...(this.#token ? [`bearer.${this.#token}`] : [])];
    let socket;
    try {
      socket = new WebSocket(url, protocols);
    } catch {
      return; // Such a token is none: the request for the first list says so.
    }
    this.#socket = socket;
    this.#isWatching = false;
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(parse(data));
    };
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      this.#changed([]);
      // Each in its own time, so that a service that starts again is not asked by all at once.
      const most = Math.min(LONGEST, SHORTEST * 2 ** this.#failures++);
      if (!this.isUnlisted) this.#timer = setTimeout(() => this.#connect(), most / 2 + Math.random() * most / 2);
    };
  }

  #send(message) { this.#socket.send(JSON.stringify(message)); }

  #ask() {
    if (this.#socket.readyState !== 1) return;
    if (this.#isWatching) this.#send({ op: 'unwatch', req: this.#number });
    this.#isWatching = true;
    this.list = undefined;
    this.#send({ op: 'watch', req: ++this.#number, ...this.#asked });
  }

  #receive(message) {
    switch (message.op) {
      case 'welcome':
        this.#failures = 0;
        this.#ask();
        break;
      case 'watching':
        // What comes before it is of the list of before.
        if (Number(message.req) === this.#number) this.list = new ThreadList();
        break;
      case 'threads':
        if (this.list) this.#changed(this.list.take(message));
        break;
      case 'unwatched':
        if (message.code) this.#end();
        break;
      case 'error':
        if (Number(message.req) === this.#number) this.#end(message.code);
        break;
      case 'ping':
        this.#send({ op: 'pong' });
        break;
      default:
    }
  }

  /** Without a list, or with a search that the service does not know, nothing is watched. */
  #end(code) {
    this.#isWatching = false;
    this.list = undefined;
    if (code !== 'message.invalid') this.isUnlisted = true;
    this.#changed([]);
  }
}
