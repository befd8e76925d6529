/** What can be proved about what is shown: that it is whole, in order, and the same however it is read. */
import { canonical, fingerprint } from './core/as-of.js';
import { proofInWords } from './core/history.js';
import { duration } from './core/time.js';
import { reveal } from './core/words.js';
import { h, save } from './dom.js';
import { parse, stringify } from './client.js';
import { refusalsCard } from './refusal-view.js';
import { breakpointCard } from './breakpoint.js';
import { ReplayCard } from './replay-view.js';

const HOW = { first: 'from the first event', resumed: 'resumed where it was', snapshot: 'from a snapshot',
  reset: 'begun again, the history was another one' };
const counted = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
const mark = holds => h(holds ? 'span.yes-mark' : 'span.no-mark',
  { role: 'img', 'aria-label': holds ? 'holds' : 'does not hold' }, holds ? '✓' : '✕');

export class ProofView {
  #stamp = '';
  #service;

  constructor(app) {
    this.app = app;
    this.whole = h('section.card');
    this.fold = h('section.card');
    this.order = h('section.card');
    this.crashes = h('section.card');
    this.refused = h('section.card');
    this.readers = h('section.card');
    this.breakpoint = breakpointCard(app);
    this.replay = new ReplayCard(app);
    this.element = h('div.proof', { tabindex: '0', 'aria-label': 'Proof' }, this.whole, this.fold, this.order, this.crashes,
      this.refused, this.readers, this.breakpoint.element, this.replay.element);
  }

  render() {
    const { app } = this;
    const { session, cursor } = app;
    if (!session) return;
    this.breakpoint.render();
    this.replay.render();
    this.#readers();
    if (this.session !== session) {
      this.session = session;
      this.#service = undefined;
    }
    const stamp = `${session.id} ${session.openRuns.length ? Math.floor(session.version / 20)
      : session.version} ${cursor} ${session.isCaughtUp} ${this.#service?.at} ${session.refusalsStamp}`;
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#whole();
    this.#fold(cursor);
    this.#order();
    this.#crashes();
    refusalsCard(this.app, this.refused);
  }

  #jump(index) {
    const { app } = this;
    return h('button.link.mono', { onClick: () => app.select(index, {}) }, `#${app.session.events[index].seq}`);
  }

  #whole() {
    const { session } = this.app;
    const { proof } = session.history;
    const name = session.id.replace(/[^\w.-]/g, '_');
    this.whole.replaceChildren(...[h('h2', {}, mark(proof.dense), 'Complete'), h('p.big', {}, proofInWords(proof)),
      h('p', {}, proof.dense ? 'Counted in this page over what it received: no number is missing, none came twice.'
        : 'What this page has is not one unbroken row of numbers.',
        proof.count && !proof.begins_at_start ? ` It begins at ${proof.from}: what was before is trimmed.` : ''),
      session.isLive && session.recovered
        ? h('p', {}, `The last subscription: ${HOW[session.recovered.how]}${session.recovered.reason
        ? ` (${session.recovered.reason})` : ''}${session.recovered.missed ? `, ${session.recovered.missed} events caught up` : ''}.`) : undefined,
      proof.gaps.length ? h('ul', {}, proof.gaps.slice(0, 20).map(({ from, to }) => h('li', {},
        `missing: ${from}${to > from ? `–${to}` : ''}`))) : undefined,
      proof.time_backwards ? h('p.no-mark', {}, `The time goes back ${proof.time_backwards} times.`) : undefined,
      h('div.row', {}, h('button.plain', { onClick: () => save(`${name}.ndjson`,
        session.events.map(event => `${stringify(event)}\n`).join('')) }, 'Save the events'),
        h('button.plain', { onClick: () => save(`${name}.proof.json`,
          `${JSON.stringify({ thread_id: session.id, ...proof, state: fingerprint(canonical(session.asOf.head)) }, null,
          2)}\n`) }, 'Save the proof'))].filter(Boolean));
  }

  #fold(cursor) {
    const { session } = this.app;
    if (!session.events.length) return this.fold.replaceChildren(h('h2', {}, 'State'), h('p', {}, 'There are no events.'));
    const { holds, hash, other, tail } = session.asOf.prove(Math.max(cursor, 0), { parse, stringify });
    const at = session.events[cursor];
    const service = this.#service;
    this.fold.replaceChildren(...[h('h2', {}, mark(holds), 'Snapshot and tail make the whole'),
      h('p.big', {}, `state at #${at.seq} + ${tail.toLocaleString('en')} events ${holds ? '=' : '≠'} state of all`),
      h('p', {}, 'Computed twice and compared: ', h('span.mono', {}, holds ? hash : `${hash} ≠ ${other}`)),
      service ? h('p', {}, mark(service.holds), service.problem
        ?? ` The service folds its log to the same state at #${service.seq}: `,
        service.problem ? '' : h('span.mono', {}, service.hash)) : undefined,
      session.isLive ? h('div.row', {}, h('button.plain', { onClick: () => this.#compareWithService() },
        'Compare with the service')) : undefined].filter(Boolean));
  }

  async #compareWithService() {
    const { session, service } = this.app;
    try {
      const { cursor, state } = await service.state(session.id);
      const index = session.history.indexOf(cursor);
      const ours = index < 0 ? undefined : canonical(session.asOf.at(index));
      const theirs = canonical(parse(stringify(state)));
      this.#service = index < 0 ? { holds: false, problem: ` The service is at ${cursor}, which has not come here.` }
        : { holds: ours === theirs, hash: fingerprint(theirs), seq: session.events[index].seq };
      if (!session.history.proof.begins_at_start) this.#service.problem = ' The beginning is trimmed, so that this page cannot fold all of it.';
    } catch (error) {
      this.#service = { holds: false, problem: ` ${error.message}` };
    }
    this.#service.at = Date.now();
    this.app.changed();
  }

  #order() {
    const { session } = this.app;
    const faults = [...session.lineFaults.slice(0, 100).map(fault => h('li', {}, h('b', {}, `line ${fault.line} `),
      h('span.mono', {}, fault.code), ` ${reveal(fault.message)}`)),
      ...session.faults.slice(0, Math.max(0, 100 - session.lineFaults.length)).map(fault => h('li', {}, this.#jump(fault.index),
        session.lines ? h('b', {}, ` line ${session.lines.get(session.events[fault.index])} `) : ' ',
        h('span.mono', {}, fault.code), ` ${reveal(fault.message)}`))];
    const count = session.faults.length + session.lineFaults.length;
    this.order.replaceChildren(h('h2', {}, mark(!count), 'In order'),
      h('p.big', {}, count ? `${count} ${count === 1 ? 'fault' : 'faults'}${count > 100 ? ', showing 100' : ''}`
      : 'every event was legal where it stands'),
      h('ul', {}, faults), h('p', {},
        'Checked again in this page, by the rules that the service enforces when events are made.'));
  }

  #crashes() {
    const { session } = this.app;
    const { breaks } = session.spans;
    const { generations } = session.history;
    const lost = session.lost;
    const items = breaks.map(each => {
      if (each.kind === 'generation') return h('li', {}, this.#jump(each.index), ' the log was opened again: ',
        h('span.mono', {}, each.to));
      if (each.kind === 'process') return h('li', {}, this.#jump(each.index),
        ` ${reveal(each.run.name)}: its process is gone, the run waits to be taken up`);
      return h('li', {}, this.#jump(each.last),
        ` ${reveal(each.run.name)} lost with its process; the repair closed ${each.closings} open ${each.closings === 1 ? 'item'
        : 'items'} before it`);
    });
    if (lost.length) items.push(h('li', {}, h('b', {}, `${lost.length} events that were seen are not in the log any longer: `),
      h('span.mono', {}, `${lost[0].id} … ${lost.at(-1).id}`)));
    this.crashes.replaceChildren(h('h2', {}, 'Restarts and crashes'),
      h('p.big', {}, items.length ? `${counted(generations.length,
        'generation')}, ${counted(breaks.filter(({ kind }) => kind === 'repair').length, 'repaired run')}` : 'none in this thread'),
      h('ul', {}, items), h('p', {},
        generations.length ? `Written in generation ${generations.map(({ generation }) => generation).slice(-3).join(', ')}.`
        : ''));
  }

  #readersStamp = '';

  #readers() {
    const { app } = this;
    const readers = app.subscribers ?? [];
    this.readers.hidden = !app.session.isLive;
    const stamp = JSON.stringify([readers, app.session.events.length]);
    if (stamp === this.#readersStamp) return;
    this.#readersStamp = stamp;
    const { history, events } = app.session;
    const behind = cursor => {
      const index = cursor ? history.indexOf(cursor) : -1;
      return index < 0 ? cursor ? ` ${cursor}` : ' nothing yet' : index === events.length - 1 ? ' all'
        : ` up to #${events[index].seq}, ${duration(Date.parse(events.at(-1).time) - Date.parse(events[index].time))} behind`;
    };
    this.readers.replaceChildren(h('h2', {}, 'Readers'), h('p.big', {},
      readers.length === 1 ? '1 subscription, which may be this page' : `${readers.length} subscriptions, this page among them`),
      h('ul', {}, readers.slice(0, 50).map(reader => h('li', {}, h('b', {}, reveal(reader.consumer ?? reader.user_id ?? '')),
        h('span.mono.dim', {}, ` ${reveal(reader.connection_id)} `), reveal(reader.state),
        h('br'), h('span.dim', {}, `sent${behind(reader.sent)} · acknowledged${behind(reader.acknowledged)}`)))),
      readers.length > 50 ? h('p', {}, `showing 50 of ${readers.length}`) : '');
  }
}
