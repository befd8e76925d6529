/** Where the time of a run went, in one bar and one line, and its longest silence. */
import { duration } from './core/time.js';
import { reveal } from './core/words.js';
import { h } from './dom.js';

const NAMES = { streaming: 'message', thinking: 'thought' };

export class SpentView {
  #stamp = '';
  constructor(app) {
    this.app = app;
    this.element = h('div.spent', { role: 'group', 'aria-label': 'Where the time went' });
  }

  render() {
    const { app } = this;
    const run = app.focusedRun;
    this.element.hidden = !run;
    if (!run) return;
    const now = run.isOpen ? app.now : run.end;
    const stamp = `${run.id} ${run.last} ${run.isOpen ? Math.floor(now / 200) : 'ended'} ${run.attribution.slices.length}`;
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    const totals = run.attribution.totals(now);
    const whole = totals.reduce((sum, { ms }) => sum + ms, 0);
    const { silence } = run.attribution;
    const share = part => (part.share > 0 && part.share < 0.0005 ? '< 0.1 %'
      : `${part.share >= 0.0995 || part.share === 0 ? Math.round(part.share * 100) : (part.share * 100).toFixed(1)} %`);
    const many = app.shell.isSmall ? 4 : innerWidth < 1500 ? 5 : 8;
    const kept = totals.slice(0, many);
    const rest = totals.slice(many);
    this.element.replaceChildren(
      h('div.line', {}, h('b', {}, reveal(run.name)), h('span.mono', {}, duration(whole)),
        h('span.dim', {}, `${run.isOpen ? 'so far' : run.status}, and every millisecond of it:`)),
      h('div.whole', { 'aria-hidden': 'true' }, totals.filter(({ share: part }) => part > 0.001).map(({ kind, share: part }) =>
        h('i', { 'data-kind': NAMES[kind] ?? kind, style: { flex: `${part} 0 0` } }))),
      h('div.line', {},
        kept.map(part => h('span.part', {}, h('i', { 'data-kind': NAMES[part.kind] ?? part.kind }),
          part.kind === 'nothing' ? h('span', { title: 'The model, or lost time: no call, message, child or request was open' },
            'nothing open') : reveal(part.label),
          h('span.ms.dim', {}, `${duration(part.ms)} · ${share(part)}`))),
        rest.length ? h('span.dim', {}, `and ${rest.length} more, ${duration(rest.reduce((sum, { ms }) => sum + ms, 0))}`)
          : undefined,
        silence && silence.to - silence.from > 50 ? h('span.dim', {}, 'longest silence ',
          h('b', {}, duration(silence.to - silence.from)), ' after ',
          h('button.link.mono', { onClick: () => app.select(silence.after, { from: 'spent' }) },
            `#${app.session.events[silence.after].seq}`)) : undefined));
  }
}
