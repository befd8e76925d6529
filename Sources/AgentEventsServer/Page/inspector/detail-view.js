/** One event: what it is, when, what it did to the order, and its data. */
import { writeLink } from './core/link.js';
import { duration } from './core/time.js';
import { kindOf, reveal } from './core/words.js';
import { copy, glyph, h } from './dom.js';
import { json } from './json-view.js';
import { placeOf } from './core/refusals.js';
import { refusalCard, refusalFacts } from './refusal-view.js';
import { stringify } from './client.js';

export class DetailView {
  #stamp = '';

  constructor(app) {
    this.app = app;
    this.title = h('span.clip');
    this.body = h('div.sheet', { tabindex: '-1' });
    this.element = h('section.event-side', { 'aria-label': 'Event' },
      h('div.head', {}, this.title, h('span.space'),
        h('button.quiet', { 'aria-label': 'Previous event', title: 'Previous event (K)', onClick: () => app.step(-1) }, '↑'),
        h('button.quiet', { 'aria-label': 'Next event', title: 'Next event (J)', onClick: () => app.step(1) }, '↓'),
        h('button.quiet.narrow-only', { 'aria-label': 'Close', title: 'Close (Esc)', onClick: () => app.unselect() }, '✕')),
      this.body);
  }

  render() {
    const { app } = this;
    const { session, selected } = app;
    const event = session?.events[selected];
    const { refusal } = app;
    const stamp = refusal ? `${app.ui.refusal} ${refusal.times} ${app.ui.zone}` : event ? `${session.id} ${event.id} ${app.ui.zone} ${app.ui.theme} ${app.selectedSpan?.end}${session.refusalsAt.has(selected) ? session.refusalsStamp : ''}`
      : `none ${session?.id}`;
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    if (refusal) return this.#refusal(refusal);
    if (!event) {
      this.title.replaceChildren('Event');
      this.body.replaceChildren(h('p.dim', {}, 'Pick an event, a bar or a step to see all of it.'));
      return;
    }
    this.title.replaceChildren(h('span', { style: { display: 'inline-flex', gap: '8px', 'align-items': 'center' } },
      glyph(kindOf(event)), h('b', {}, reveal(event.type)), h('span.mono.dim', {}, `#${event.seq}`)));
    this.body.replaceChildren(...[this.#facts(event), this.#fault(), this.#span(), this.#buttons(event),
      this.#data(event)].filter(Boolean));
    this.body.scrollTop = 0;
  }

  #refusal(refusal) {
    this.title.replaceChildren(h('span', { style: { display: 'inline-flex', gap: '8px', 'align-items': 'center' } },
      glyph('failed'), h('b', {}, `Refused: ${reveal(refusal.type ?? 'events')}`)));
    this.body.replaceChildren(...refusalFacts(this.app, refusal, placeOf(this.app.session.history, refusal)));
    this.body.scrollTop = 0;
  }

  #facts(event) {
    const { clock, session } = this.app;
    const before = session.events[this.app.selected - 1];
    const time = Date.parse(event.time);
    const facts = [
      ['id', event.id], event.from_seq !== undefined && ['merged', `${event.from_seq}–${event.seq}`], ['time', clock.full(time)],
      before && ['after', `${duration(time - Date.parse(before.time))} since #${before.seq}`],
      event.run_id && ['run', event.run_id], event.agent && ['agent', event.agent],
    ].filter(Boolean);
    return h('dl.facts', {}, facts.map(([name, value]) => [h('dt', {}, name), h('dd', {}, reveal(value))]));
  }

  #fault() {
    const { session, selected } = this.app;
    const parts = (session.faultsAt.get(selected) ?? []).map(fault => h('div.fault-card', {},
      h('b', {}, fault.code), ` ${reveal(fault.message)}. `,
        h('span.dim', {}, fault.legal.length ? `Legal here: ${fault.legal.join(', ')}.` : '')));
    if (session.spans.repaired.has(selected)) {
      parts.push(h('div.fault-card', {}, h('b', {}, 'Written by the repair'),
        ' after the process of the run had ended: not the agent said this, the service closed what was open.'));
    }
    for (const refusal of session.refusalsAt.get(selected) ?? []) parts.push(refusalCard(this.app, refusal));
    return parts.length ? h('div', { style: { display: 'grid', gap: '8px' } }, parts) : undefined;
  }

  #span() {
    const span = this.app.selectedSpan;
    if (!span || span.kind === 'user' || span.kind === 'mark') return undefined;
    const { session, clock } = this.app;
    const other = span.first === this.app.selected ? span.last : span.first;
    const event = session.events[other];
    return h('dl.facts', {}, h('dt', {}, 'span'), h('dd', {},
      `${reveal(span.kind)} ${span.isOpen ? 'open' : span.status}, ${duration((span.end ?? this.app.now) - span.start)}`),
      other !== this.app.selected && event ? [h('dt', {}, span.first === other ? 'began' : 'ended'),
        h('dd', {}, h('button.link.mono', { onClick: () => this.app.select(other, {}) }, `#${event.seq} ${reveal(event.type)}`),
        h('span.dim', {}, ` ${clock.time(Date.parse(event.time))}`))] : []);
  }

  #buttons(event) {
    const { app } = this;
    const link = () => new URL(writeLink(app.session.id, event.id), location.href).href;
    return h('div.buttons', {},
      app.session.isLive ? h('button.plain',
        { title: 'A link that names the generation, so that it never leads to another event (Y)',
        onClick: () => copy(link(), app.tell) }, 'Copy link') : undefined,
      h('button.plain', { onClick: () => copy(stringify(event), app.tell) }, 'Copy JSON'),
      event.run_id ? h('button.plain', { onClick: () => app.set({ filter: `run:"${event.run_id}"`, lower: 'events' }) },
        'Only this run') : undefined);
  }

  #data(event) {
    return h('div', {}, h('h3', {}, 'data'), h('div.json', {}, json(event.data)));
  }
}
