/** The recorded events once more, through the real client, with one fault in the connection: does a reader end where the log ends? */
import { canonical, fingerprint } from './core/as-of.js';
import { FAULTS, ReplayService } from './core/replay.js';
import { reveal } from './core/words.js';
import { h, say } from './dom.js';
import { AgentEvents, Fold, parse, stringify } from './client.js';

const SPEEDS = [['0', 'at once'], ['20', '20 ×'], ['5', '5 ×'], ['1', '1 ×'], ['0.5', '0.5 ×']];
const LONGEST_PAUSE = 2000;

export class ReplayCard {
  constructor(app) {
    this.app = app;
    this.kind = h('select.field', { 'aria-label': 'Fault' }, h('option', { value: '' }, 'no fault'),
      Object.entries(FAULTS).map(([kind, words]) => h('option', { value: kind }, words)));
    this.kind.value = 'cut';
    this.speed = h('select.field', { 'aria-label': 'Speed' }, SPEEDS.map(([value, words]) => h('option', { value }, words)));
    this.button = h('button.plain', { onClick: () => (this.isRunning ? this.#stop() : this.run()) }, 'Replay');
    this.stepButton = h('button.plain', { onClick: () => this.#step() }, 'Step');
    this.where = h('span.dim.small');
    this.text = h('p.clip');
    this.status = h('p', { role: 'status' },
      'The events go through agent-events.js once more, and what it makes of them is compared with the log.');
    for (const select of [this.kind, this.speed]) select.style.setProperty('width', 'auto');
    this.element = h('section.card', {}, h('h2', {}, 'Replay with a fault'), h('div.row', {}, this.kind, this.where),
      h('div.row', {}, this.speed, this.button, this.stepButton), this.text, this.status);
  }

  render() {
    const { session, cursor } = this.app;
    const event = session.events[Math.max(cursor, 1)];
    say(this.where, event ? `at the cursor, #${event.seq}` : '');
    this.button.disabled = this.stepButton.disabled = session.events.length < 3;
    if (this.session !== session) {
      this.#stop();
      this.session = session;
    }
  }

  #stop() {
    this.isRunning = false;
    this.client?.close();
    this.client = undefined;
    say(this.button, 'Replay');
  }

  #begin() {
    const { session, cursor } = this.app;
    this.#stop();
    this.recovered = [];
    this.events = session.events.slice();
    this.service = new ReplayService({ events: this.events, Fold, parse, stringify, kind: this.kind.value,
      at: Math.min(Math.max(cursor, 1), this.events.length - 1) });
    this.client = new AgentEvents({
      url: '/', cursorStore: 'memory', WebSocket: this.service.Socket, random: () => 0, networkTarget: new EventTarget(),
    });
    this.thread = this.client.thread(this.service.thread);
    this.thread.addEventListener('recovered', ({ detail }) => this.recovered.push(detail));
    this.thread.subscribe(() => say(this.text, reveal(this.thread.state.messages.at(-1)?.text.slice(-160) ?? '')));
  }

  /** @returns {Promise<boolean>} whether the client ended in the state of the log */
  async run() {
    this.#begin();
    const { client } = this;
    this.isRunning = true;
    say(this.button, 'Stop');
    await this.#until(() => this.thread.live);
    while (client === this.client && !this.service.isAtEnd) {
      const { head } = this.service;
      const speed = Number(this.speed.value);
      const gap = Date.parse(this.events[head + 1].time) - Date.parse(this.events[head].time);
      if (speed) await new Promise(resolve => setTimeout(resolve, Math.min(gap / speed, LONGEST_PAUSE)));
      else if (head % 200 === 0) await new Promise(resolve => setTimeout(resolve, 0));
      if (client !== this.client) return false;
      this.service.advance();
      if (head + 1 === this.service.at) await this.#until(() => this.thread.live && this.thread.cursor);
      say(this.status, `#${this.events[this.service.head].seq} of ${this.events.at(-1).seq}`);
    }
    return this.#judge();
  }

  async #step() {
    if (!this.client || this.service.isAtEnd) {
      this.#begin();
      await this.#until(() => this.thread.live);
    }
    this.service.advance();
    await new Promise(resolve => setTimeout(resolve, 0));
    say(this.status, `#${this.events[this.service.head].seq}: the client is at ${this.thread.cursor ?? 'nothing'}${this.#how}`);
    if (this.service.isAtEnd) await this.#judge();
  }

  /** A client that never gets there is told as such, after as many turns as its longest pause can take. */
  async #until(condition) {
    for (let turn = 0; turn < 400 && !condition(); turn++) await new Promise(resolve => setTimeout(resolve, 10));
  }

  get #how() {
    const again = this.recovered.slice(1).map(({ how, reason,
      missed }) => `${how}${reason ? ` (${reason})` : ''}, ${missed} missed`);
    return again.length ? `; it recovered: ${again.join('; ')}` : '';
  }

  async #judge() {
    const last = this.events.at(-1).id;
    await this.#until(() => this.thread.cursor === last);
    const expected = new Fold();
    for (const event of this.events) expected.apply(event);
    const [ours, theirs] = [canonical(expected.state), canonical(this.thread.state)];
    this.holds = ours === theirs;
    this.status.replaceChildren(h(this.holds ? 'span.yes-mark' : 'span.no-mark', {}, this.holds ? '✓ ' : '✕ '),
      this.holds ? 'the client ended in the state of the log ' : 'the client ended in another state than the log ',
        h('span.mono', {}, fingerprint(theirs)), this.#how);
    this.#stop();
    return this.holds;
  }
}
