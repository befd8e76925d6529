/** A client in a page that is made up: with its own clock, network and service. */
import './globals.mjs';
import { AgentEvents } from '../../../Sources/AgentEventsServer/Page/agent-events.js';
import { FakeClock, seededRandom, settle } from './clock.mjs';
import { FakeService } from './fake-service.mjs';

/** The window of a browser, as far as the client looks at it. */
export class FakeWindow extends EventTarget {
  document = { hidden: false };
  happens(type, members = {}) { this.dispatchEvent(Object.assign(new Event(type), members)); }
  hide(isHidden) {
    this.document.hidden = isHidden;
    this.happens('visibilitychange');
  }
}

export class Page {
  clock = new FakeClock().install();
  service = new FakeService();
  window = new FakeWindow();
  statuses = [];
  errors = [];
  #clients = [];

  client(options = {}) {
    const client = new AgentEvents({
      url: 'https://agents.example.com', WebSocket: this.service.WebSocket, now: this.clock.now, random: seededRandom(1),
      networkTarget: this.window, ...options,
    });
    client.addEventListener('status', ({ detail }) => this.statuses.push(detail));
    client.addEventListener('error', ({ detail }) => this.errors.push(detail));
    this.#clients.push(client);
    return client;
  }

  /** A thread that has caught up. */
  async live(client = this.client(), options = {}, id = 't_7') {
    const thread = client.thread(id, options);
    await this.clock.advance(20);
    if (!thread.live) throw new Error('the thread has not caught up');
    return thread;
  }

  close() {
    for (const client of this.#clients) client.close();
    this.clock.uninstall();
  }
}

/** What a thread's readers get, in a list that grows. */
export function read(thread) {
  const events = [];
  events.done = (async () => {
    for await (const event of thread) events.push(event);
  })();
  events.done.catch(() => {});
  return events;
}

export const texts = thread => thread.state.messages.map(message => message.text);
export const sequences = events => events.flatMap(({ seq, from_seq = seq }) =>
  Array.from({ length: seq - from_seq + 1 }, (_, index) => from_seq + index));
export const upTo = count => Array.from({ length: count }, (_, index) => index + 1);
export { settle };
