/** What the thread refused: the rule in words, the state that it met, what was legal there, and the event that was sent. */
import { reveal } from './core/words.js';
import { h } from './dom.js';
import { json } from './json-view.js';

/** All of one refusal, for the side. */
export function refusalFacts(app, refusal, index) {
  const { clock, session } = app;
  const head = session.events[index];
  const facts = [
    ['rule', refusal.code], ['time', clock.full(Date.parse(refusal.time))],
    refusal.times > 1 && ['again', `${refusal.times} times, the last at ${clock.time(Date.parse(refusal.last_time))}`],
    refusal.type && ['event', refusal.type], refusal.run_id && ['run', refusal.run_id],
    refusal.count > 1 && ['place', refusal.index === null ? `${refusal.count} events, all refused`
      : `${refusal.index + 1} of ${refusal.count} that were sent together, all refused`],
    ['sent by', refusal.by ?? 'code in the process of the service'],
    refusal.state !== null && ['state', refusal.state],
  ].filter(Boolean);
  return [
    h('div.fault-card', {}, h('b', {}, 'Refused: '), `${reveal(refusal.message)}. `,
      h('span.dim', {}, 'Nothing of it is in the log; the service has the latest in its memory.')),
    h('dl.facts', {}, facts.map(([name, value]) => [h('dt', {}, name), h('dd', {}, reveal(value))]),
      h('dt', {}, 'after'), h('dd', {}, head
        ? h('button.link.mono', { onClick: () => app.select(index, {}) }, `#${head.seq} ${reveal(head.type)}`)
        : refusal.head ? reveal(refusal.head) : 'nothing, before the first event')),
    refusal.legal ? h('div', {}, h('h3', {}, 'legal here'), h('div.chips', {}, refusal.legal.length
      ? refusal.legal.map(type => h('span.chip.yes', {}, reveal(type))) : h('span.dim', {}, 'nothing'))) : undefined,
    h('div', {}, h('h3', {}, 'event that was sent'), refusal.event ? h('div.json', {}, json(refusal.event))
      : h('p.dim', {}, refusal.event_bytes ? `not kept: it has ${refusal.event_bytes.toLocaleString('en')} bytes`
        : 'not kept: no single event is at fault')),
  ].filter(Boolean);
}

/** The same in short, beside the event that was the head. */
export const refusalCard = (app, refusal) => h('div.fault-card', {}, h('b', {}, `Then refused: ${reveal(refusal.type ?? 'events')}`),
  ` ${reveal(refusal.code)}: ${reveal(refusal.message)}. `,
  h('button.link', { onClick: () => app.selectRefusal(refusal) }, 'What was legal'));

/** How many there are, for the proofs. */
export function refusalsCard(app, element) {
  const { session } = app;
  element.hidden = !session.isLive;
  const { refusals, forgottenRefusals: forgotten } = session;
  element.replaceChildren(h('h2', {}, 'Refused'),
    h('p.big', {}, refusals.length ? `${refusals.length} ${refusals.length === 1 ? 'refusal' : 'refusals'} beside the log${forgotten
      ? `, ${forgotten} older ones forgotten` : ''}` : 'nothing, as far as the service remembers'),
    h('ul', {}, refusals.slice(-20).map(refusal => h('li', {},
      h('button.link.mono', { onClick: () => app.selectRefusal(refusal) }, refusal.head ? `after ${refusal.head}` : 'at the start'),
      ' ', h('span.mono', {}, reveal(refusal.code)), ` ${reveal(refusal.message)}`))),
    refusals.length > 20 ? h('p', {}, `showing 20 of ${refusals.length}`) : '',
    h('p', {}, 'A refused event changes nothing and is in no log. The service has the latest in its memory until it stops.'));
}
