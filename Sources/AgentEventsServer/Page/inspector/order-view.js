/** The states of a run as a diagram, where it stands at the cursor, what is open, and what may come next. */
import { TYPES } from './core/order.js';
import { duration } from './core/time.js';
import { reveal } from './core/words.js';
import { h, s } from './dom.js';

const BOXES = {
  'not started': [8, 26, 108], queued: [160, 126, 90], running: [306, 26, 100], paused: [306, 126, 100],
    waiting: [482, 126, 104], ended: [600, 26, 110],
};
const H = 34;
const EDGES = [
  ['not started', 'running', 'M116 43H302', 'agent_started', 209, 34],
  ['not started', 'queued', 'M62 60V143H156', 'agent_queued', 112, 134],
  ['queued', 'running', 'M205 126V92H326V64', 'agent_started', 264, 84],
  ['running', 'paused', 'M342 60V122', 'paused', 316, 108],
  ['paused', 'running', 'M370 126V64', 'resumed', 396, 112],
  ['running', 'waiting', 'M406 52H548V122', 'asks a person', 478, 62],
  ['waiting', 'running', 'M512 126V92H394V64', 'goes on', 462, 102],
  ['running', 'ended', 'M406 34H596', 'completed · failed · cancelled', 501, 22],
  ['paused', 'ended', 'M356 160V176H664V64', 'failed · cancelled', 470, 170],
  ['queued', 'ended', 'M205 160V190H690V64', 'cancelled', 262, 184],
  ['waiting', 'ended', 'M586 143H638V64', '', 0, 0],
];

export class OrderView {
  #stamp = '';
  constructor(app) {
    this.app = app;
    this.element = h('div.order', { tabindex: '0', 'aria-label': 'Order of the run' });
  }

  render() {
    const { app } = this;
    const { session, cursor } = app;
    const run = app.focusedRun;
    const stamp = `${session?.id} ${session?.version} ${cursor} ${run?.id} ${app.ui.zone}`;
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    if (!run) return this.element.replaceChildren(h('p.dim', {},
      'There is no run yet. Its first event is agent_started or agent_queued.'));
    const order = session.orderAt(cursor);
    const state = order.describe(run.id);
    const standing = state.state === 'running' && state.waiting ? 'waiting' : state.state;
    const legal = new Set(order.legal(run.id));
    const event = session.events[cursor];
    this.element.replaceChildren(
      h('p', {}, h('b', {}, reveal(run.name)), h('span.dim.mono', {}, ` ${reveal(run.id)} `), 'is ',
        h('b', {}, standing === 'ended' ? state.how ?? 'ended' : standing === 'waiting' ? 'waiting for a person' : standing),
        event ? h('span.dim', {}, ` after #${event.seq} ${reveal(event.type)}`) : ''),
      this.across = h('div.across', {}, this.#diagram(state, standing)),
      h('div.columns', {},
        h('section', {}, h('h3', {}, `Open (${state.open.length})`), state.open.length
          ? h('ul', {}, state.open.map(({ kind, id, name }) => h('li.clip', {}, `${kind} `, h('b', {}, reveal(name ?? id)),
            name ? h('span.dim.mono', {}, ` ${reveal(id)}`) : '')))
          : h('p.dim', {}, 'nothing')),
        h('section', {}, h('h3', {}, 'May come next'), h('div.chips', {},
          TYPES.filter(type => legal.has(type)).map(type => h('span.chip.yes', {}, type)),
          legal.size ? '' : h('p.dim', {}, 'nothing, the run has ended'))),
        h('section', {}, h('h3', {}, 'Would be refused'), h('div.chips', {},
          TYPES.filter(type => !legal.has(type)).map(type => h('span.chip.no', { title: order.refusal(run.id, type) }, type))))),
      this.#path(state));
    const [x, , width] = BOXES[standing];
    const real = this.across.scrollWidth / 718;
    this.across.scrollLeft = (x + width / 2) * real - this.across.clientWidth / 2;
  }

  #diagram(state, standing) {
    const been = new Set(state.path.map(([name]) => name));
    const steps = new Set(state.path.slice(1).map(([name], index) => `${state.path[index][0]}>${name}`));
    const last = state.path.length > 1 ? `${state.path.at(-2)[0]}>${state.path.at(-1)[0]}` : '';
    const words = `The run is ${standing}`;
    return s('svg.machine', { viewBox: '0 0 718 200', role: 'img', 'aria-label': words },
      s('defs', {}, s('marker', { id: 'head', viewBox: '0 0 8 8', refX: '7', refY: '4', markerWidth: '7', markerHeight: '7',
        orient: 'auto-start-reverse' }, s('path.head-shape', { d: 'M0 0 8 4 0 8z' }))),
      EDGES.map(([from, to, d, word, x, y]) => {
        const key = `${from}>${to}`;
        return [s(`path.arrow${steps.has(key) ? '.been' : ''}${key === last ? '.last' : ''}`,
          { d, 'marker-end': 'url(#head)' }), word ? s('text.edge', { x, y }, word) : undefined];
      }),
      Object.entries(BOXES).map(([name, [x, y, width]]) => {
        const isNow = name === standing;
        const tone = isNow && name === 'waiting' ? '.person' : isNow && state.how === 'failed' ? '.failed' : '';
        return [
          s(`rect.state-box${isNow ? '.now' : been.has(name) ? '.been' : ''}${tone}`, { x, y, width, height: H, rx: 9 }),
          s(`text${isNow ? '.now' : ''}`, { x: x + width / 2, y: y + H / 2 }, name === 'ended' && state.how ? state.how : name),
        ];
      }));
  }

  #path(state) {
    const { session, clock } = this.app;
    const rows = state.path.filter(([, id]) => id).map(([name, id], index, all) => {
      const at = session.history.indexOf(id);
      const time = Date.parse(session.events[at].time);
      const next = all[index + 1] && Date.parse(session.events[session.history.indexOf(all[index + 1][1])].time);
      return h('li', {}, h('button.link.mono', { onClick: () => this.app.select(at, {}) }, `#${session.events[at].seq}`),
        ` ${clock.time(time)} `, h('b', {}, name === 'ended' ? state.how : name),
        next ? h('span.dim', {}, ` for ${duration(next - time)}`) : '');
    });
    return h('section', {}, h('h3', {}, 'How it came there'), h('ul', {}, rows));
  }
}
