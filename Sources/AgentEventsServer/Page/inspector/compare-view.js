/** Two runs beside each other, aligned by what they did; the first difference is where they part. */
import { compareRuns, stepsOf } from './core/divergence.js';
import { brief, kindOf, reveal } from './core/words.js';
import { glyph, h, say } from './dom.js';

export class CompareView {
  #stamp = '';
  constructor(app) {
    this.app = app;
    this.one = h('select.field', { 'aria-label': 'One run', onChange: () => this.#choose() });
    this.other = h('select.field', { 'aria-label': 'Another run', onChange: () => this.#choose() });
    this.verdict = h('p', { role: 'status' });
    this.rows = h('div', { style: { display: 'grid', gap: '2px' } });
    this.element = h('div.compare', { tabindex: '0', 'aria-label': 'Compare two runs' },
      h('div.pick', {}, this.one, this.other), this.verdict, this.rows);
  }

  get #all() {
    const { app } = this;
    const sessions = [...new Set([app.session, ...app.files.values(), ...app.recent.values()])].filter(Boolean);
    return sessions.flatMap(session => [...session.spans.runs.values()].map(run => ({ session, run })));
  }

  render() {
    const all = this.#all;
    const stamp = all.map(({ session, run }) => `${session.id} ${run.id} ${run.last}`).join();
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    const chosen = [this.one.value, this.other.value].map(value => this.all?.[value]?.run);
    this.all = all;
    const options = () => all.map(({ session, run }, index) => h('option', { value: String(index) },
      `${reveal(run.name)} · ${reveal(run.id)}${session === this.app.session ? ''
      : ` · ${reveal(session.file ?? session.id)}`} · ${run.status}`));
    this.one.replaceChildren(...options());
    this.other.replaceChildren(...options());
    // Two runs of one agent, if there are such.
    const twinOf = at => all.findIndex(({ run }, index) => index > at && run.name === all[at].run.name);
    const first = Math.max(0, all.findIndex((each, at) => twinOf(at) > 0));
    const second = all.length ? twinOf(first) : -1;
    const [one, other] = chosen.map(run => all.findIndex(each => each.run === run));
    const kept = this.wasChosen && one >= 0 && other >= 0;
    this.one.value = String(kept ? one : first);
    this.other.value = String(kept ? other : second > 0 ? second : Math.min(1, all.length - 1));
    this.#compare();
  }

  #choose() {
    this.wasChosen = true;
    this.#compare();
  }

  #compare() {
    const [one, other] = [this.all[this.one.value], this.all[this.other.value]];
    this.rows.replaceChildren();
    if (!one || !other || one === other) return say(this.verdict,
      'Two runs are needed: those of this thread, of threads that were opened, and of files.');
    const { rows, first } = compareRuns(stepsOf(one.session.events, one.run.id), stepsOf(other.session.events, other.run.id));
    say(this.verdict, first < 0 ? `The runs did the same in ${rows.length} steps; ids, times and fragments are not compared.`
      : `They do the same for ${first} ${first === 1 ? 'step'
        : 'steps'}, and part in step ${first + 1}: ${rows[first].differs.join(', ')}.`);
    const from = Math.max(0, first - 40);
    const shown = rows.slice(from, from + 200);
    if (shown.length < rows.length) this.rows.append(h('p.dim', {},
      `showing steps ${from + 1}–${from + shown.length} of ${rows.length}`));
    let firstElement;
    shown.forEach((row, offset) => {
      const isFirst = from + offset === first;
      const element = h(`div.pair${row.isSame ? '' : '.differs'}${isFirst ? '.first' : ''}`, {}, this.#step(one, row.one, row),
        this.#step(other, row.other, row));
      if (isFirst) firstElement = element;
      this.rows.append(element);
    });
    if (firstElement && this.element.clientHeight) firstElement.scrollIntoView({ block: 'center' });
  }

  #step({ session }, step, { differs, isSame }) {
    if (!step) return h('div.dim', {}, '–');
    const event = session.events[step.end ?? step.index];
    const names = isSame ? Object.keys(step.members).slice(0, 2) : differs;
    return h('button', { onClick: () => { if (session === this.app.session) this.app.select(step.index,
      {}); else this.app.show(session, step.index); } },
      h('span', { style: { display: 'flex', 'flex-wrap': 'wrap', gap: '0 6px', 'align-items': 'center' } }, glyph(kindOf(event)),
        h('b', { style: { 'min-width': '0', 'overflow-wrap': 'anywhere' } }, reveal(step.title)), h('span.mono.dim', {}, `#${session.events[step.index].seq}`)),
      names.filter(name => step.members[name] !== undefined).map(name => h('span.members', {},
        isSame ? '' : `${reveal(name)}: `, reveal(brief(step.members[name], 180)))));
  }
}
