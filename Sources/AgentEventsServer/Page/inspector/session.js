/** One thread as the page knows it: its events, and everything that is read off them. */
import { AsOf } from './core/as-of.js';
import { History } from './core/history.js';
import { Order } from './core/order.js';
import { keyOf, placed } from './core/refusals.js';
import { Spans } from './core/spans.js';
import { Fold } from './client.js';


export class Session {
  /** Faults of order: `{index, code, message, legal}`; those of a file's lines are in `lineFaults`. */
  faults = [];
  lineFaults = [];
  version = 0;
  /** The history before a reset, of which some events may be lost. */
  previous;
  state = 'opening';
  error;
  recovered;
  #texts = new WeakMap();

  /** @param {{file?: string}} source a file, when it is not the service */
  constructor(id, source = {}) {
    Object.assign(this, { id, ...source });
    this.clear();
  }

  clear() {
    this.history = new History();
    this.spans = new Spans();
    this.asOf = new AsOf(this.history, Fold);
    this.order = undefined;
    this.faults = [];
    this.faultsAt.clear();
    this.version++;
  }

  /** The log is another one than before, or its beginning is gone: all is read again, and what was known before is kept beside it. */
  reset(reason) {
    if (this.history.length) this.previous = { history: this.history, reason };
    this.#lost = undefined;
    this.clear();
  }

  /** The events that were seen and that the log does not have any longer, once it was read again. */
  get lost() {
    if (!this.previous || !this.isCaughtUp) return [];
    const { history } = this;
    this.#lost ??= this.previous.history.events.filter(event => history.indexOf(event.id) < 0
      && Number(event.seq) >= history.proof.from);
    return this.#lost;
  }

  #lost;

  get isLive() { return this.file === undefined; }
  get events() { return this.history.events; }

  append(event) {
    if (this.history.indexOf(event.id) >= 0 && this.isLive) return;
    const index = this.history.append(event);
    this.order ??= new Order({ isWhole: this.history.proof.begins_at_start });
    const fault = this.order.receive(event);
    if (fault) this.#found({ index, ...fault });
    this.spans.apply(event, index);
    this.asOf.apply(event, index);
    this.version++;
  }

  faultsAt = new Map();

  #found(fault) {
    this.faults.push(fault);
    if (!this.faultsAt.has(fault.index)) this.faultsAt.set(fault.index, []);
    this.faultsAt.get(fault.index).push(fault);
  }

  /** The end of a recording: runs of which the end is missing. */
  finish() {
    for (const run of this.openRuns.filter(({ isCut }) => !isCut)) {
      this.#found({ index: run.first, code: 'run.unended', message: `the run ${run.id} starts here and has no end`,
        legal: ['agent_completed', 'agent_failed', 'agent_cancelled'] });
    }
  }

  /** The order of all events up to an index. */
  orderAt(index) {
    if (index >= this.events.length - 1) return this.order ?? new Order();
    if (this.#orderAt?.index === index && this.#orderAt.version === this.version) return this.#orderAt.order;
    const order = new Order({ isWhole: this.history.proof.begins_at_start });
    for (let at = 0; at <= index; at++) order.receive(this.events[at]);
    this.#orderAt = { index, order, version: this.version };
    return order;
  }

  #orderAt;

  /** What the service remembers of what the thread refused, from the oldest to the latest. */
  refusals = [];
  forgottenRefusals = 0;
  refusalsStamp = '';
  #placed = { stamp: undefined, places: new Map() };

  /** @returns whether there is something new */
  setRefusals({ refusals, forgotten }) {
    const stamp = refusals.map(each => `${keyOf(each)} ${each.times}`).join('\n');
    if (stamp === this.refusalsStamp) return false;
    Object.assign(this, { refusals, forgottenRefusals: Number(forgotten), refusalsStamp: stamp });
    return true;
  }

  /** The refusals by the index of the event that they came after. */
  get refusalsAt() {
    if (!this.refusals.length && !this.#placed.places.size) return this.#placed.places;
    const isWaiting = this.#placed.count < this.refusals.length && this.#placed.version !== this.version;
    if (this.#placed.stamp !== this.refusalsStamp || this.#placed.history !== this.history || isWaiting) {
      const places = placed(this.history, this.refusals);
      const count = [...places.values()].reduce((sum, each) => sum + each.length, 0);
      const isSame = isWaiting && count === this.#placed.count && this.#placed.stamp === this.refusalsStamp
        && this.#placed.history === this.history;
      this.#placed = { stamp: this.refusalsStamp, history: this.history, version: this.version, count,
        places: isSame ? this.#placed.places : places };
    }
    return this.#placed.places;
  }

  /** The text of an event in which filters look. */
  textOf = event => {
    if (!this.#texts.has(event)) this.#texts.set(event, JSON.stringify(event,
      (key, value) => (typeof value === 'bigint' ? `${value}` : value)));
    return this.#texts.get(event);
  };

  /** The runs that are open, those without a parent first. */
  get openRuns() {
    return [...this.spans.openRuns].sort((one, other) => one.depth - other.depth);
  }

  get longestRun() {
    const length = run => (run.end ?? this.spans.end) - run.start;
    return this.spans.roots.filter(({ kind }) => kind === 'run').reduce((one,
      other) => (!one || length(other) > length(one) ? other : one), undefined);
  }

  /** idle, queued, running, waiting, paused: of the thread as a whole. */
  get status() {
    const open = this.openRuns;
    if (!open.length || this.file) return 'idle';
    const root = open[0];
    if (root.attribution.current.kind === 'person') return 'waiting';
    return root.status;
  }
}
