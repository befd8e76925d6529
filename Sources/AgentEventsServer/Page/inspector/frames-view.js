/** The same range in every protocol: the frames that a client of each is sent, beside the events that they stand for, and the verdict. */
import { OF_A_FILE, PROTOCOLS, WINDOW, absence, questionOf, refusalInWords, streamInWords, verdictInWords } from './core/frames.js';
import { sequenceOf } from './core/history.js';
import { reveal } from './core/words.js';
import { copy, h, put, say } from './dom.js';

/** Longer texts are cut, until they are asked for. */
const LONGEST = 4000;
/** A range that grows is asked for again, not more often. */
const PAUSE = 2000;
/** With the ends of lines to be seen; those at the end of a frame take no line. */
const lineEnds = text => {
  const body = text.replace(/\n+$/, '');
  return reveal(body).replace(/\n/g, '⏎\n') + '⏎'.repeat(text.length - body.length);
};

export class FramesView {
  #key = '';
  #asked = 0;
  #timer;
  #wanted;
  #session;
  #end = -1;
  #rows = [];
  #at = 0;
  #more;
  #place = '';

  constructor(app) {
    this.app = app;
    this.switch = h('div.segments', { role: 'group', 'aria-label': 'Protocol' }, PROTOCOLS.map(([name, title]) =>
      h('button', { 'data-name': name, onClick: () => app.set({ frames: name }) }, title)));
    this.about = h('span.dim.clip');
    this.copying = h('button.quiet', { hidden: true, onClick: () => copy(this.#texts().join('\n'), app.tell) }, 'Copy frames');
    this.verdict = h('details.verdict', { hidden: true });
    this.said = h('p.unseen', { role: 'status' });
    this.empty = h('p.nothing', { hidden: true });
    this.list = h('div.frames', { role: 'listbox', 'aria-label': 'Frames', tabindex: '0',
      onKeydown: event => this.#keyed(event), onClick: event => this.#clicked(event) });
    this.next = h('button.plain', { hidden: true });
    this.element = h('div.holder.in-frames', { hidden: true }, h('div.tools.protocols', {},
      h('button.quiet', { title: 'Back to the events (V)', 'aria-label': 'Back to the events', onClick: () => app.toggleFrames() }, '‹ log'), this.switch, this.about, this.copying),
      this.verdict, this.said, this.empty, this.list, h('div.on', {}, this.next));
  }

  #texts() { return this.answer?.streams.flatMap(stream => stream.frames.map(frame => frame.text)) ?? []; }

  render() {
    const { app } = this;
    const { session, ui } = app;
    put(this.element, 'hidden', !ui.frames);
    if (!ui.frames) return;
    for (const button of this.switch.children) put(button, 'aria-pressed', String(button.dataset.name === ui.frames));
    if (session.file) return this.#tell(OF_A_FILE);
    if (!ui.range && !session.isCaughtUp) return;
    // The window stays while what is in it is looked at.
    if (app.isHead || app.cursor > this.#end || app.cursor <= this.#end - WINDOW || session !== this.#session) this.#end = app.cursor;
    const place = `${session.id} ${ui.range ?? this.#end}`;
    if (place !== this.#place) this.#more = undefined;
    this.#place = place;
    const asked = questionOf({ events: session.events, protocol: ui.frames, range: ui.range, cursor: this.#end, more: this.#more });
    if (!asked) return this.#tell('This thread has no events.');
    this.#wanted = { session, asked, key: JSON.stringify([session.id, asked]) };
    if (this.#wanted.key !== this.#key || session !== this.#session) this.#plan();
    this.#mark();
  }

  /** Another protocol is asked for at once; a range that moves or grows, now and then. */
  #plan() {
    const isOther = this.#wanted.asked.protocol !== this.#protocol || this.#wanted.session !== this.#session;
    if (this.#timer && !isOther) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#ask(this.#wanted);
    }, isOther ? 0 : Math.max(150, this.#asked + PAUSE - Date.now()));
    this.#protocol = this.#wanted.asked.protocol;
    this.#session = this.#wanted.session;
  }

  #protocol;

  async #ask({ session, asked, key }) {
    this.#asked = Date.now();
    this.#key = key;
    put(this.element, 'aria-busy', 'true');
    let work;
    try {
      const answer = await this.app.service.frames(session.id, asked);
      work = () => this.#show(answer);
    } catch (error) {
      work = () => this.#tell(refusalInWords(error));
    }
    if (this.#key !== key || this.app.session !== session) return;
    put(this.element, 'aria-busy', undefined);
    work();
    this.app.changed();
  }

  /** A sentence in the place of frames. */
  #tell(text) {
    this.answer = undefined;
    this.#rows = [];
    this.list.replaceChildren();
    for (const part of [this.verdict, this.copying, this.next, this.list]) put(part, 'hidden', true);
    put(this.empty, 'hidden', false);
    say(this.empty, text);
    say(this.about, '');
    if (this.app.session.file) this.#key = '';
  }

  #show(answer) {
    this.answer = answer;
    this.#rows = [];
    const nothing = absence(answer.protocol, answer);
    put(this.empty, 'hidden', !nothing);
    say(this.empty, nothing ?? '');
    put(this.list, 'hidden', Boolean(nothing));
    const { broken } = answer.verdict;
    this.list.replaceChildren(...answer.streams.map((stream, number) => {
      const words = streamInWords(answer.protocol, { ...stream, left_out: Number(stream.left_out) });
      const isBroken = index => broken && Number(broken.stream) === number && broken.frame !== null && Number(broken.frame) === index;
      return h('div.stream', { role: 'group', 'aria-label': reveal(words) }, h('p.over', { 'aria-hidden': 'true' }, reveal(words)),
        stream.frames.map((frame, index) => this.#row(frame, isBroken(index) && broken)));
    }));
    this.#showVerdict(answer);
    put(this.copying, 'hidden', Boolean(nothing));
    const { ui } = this.app;
    const range = answer.upto ? `#${answer.after ? sequenceOf(answer.after) + 1 : 1}–${sequenceOf(answer.upto)}` : 'no events';
    say(this.about, ui.range ? range : `${range}, up to the cursor`);
    this.about.title = ui.range ? range : `The last ${WINDOW} events up to the cursor, at most. A range is picked with Shift in the list of events.`;
    put(this.next, 'hidden', !answer.next);
    if (answer.next) {
      say(this.next, `Continue after #${sequenceOf(answer.next)}`);
      this.next.onclick = () => {
        this.#more = answer.next;
        this.list.scrollTop = 0;
        this.#at = 0;
        this.app.changed();
      };
    }
    this.#at = Math.min(this.#at, Math.max(0, this.#rows.length - 1));
  }

  #row(frame, broken) {
    const isLong = frame.text.length > LONGEST;
    const text = h('span.text', {}, lineEnds(isLong ? frame.text.slice(0, LONGEST) : frame.text));
    const row = h('div.frame', { role: 'option', id: `frame-${this.#rows.length}`, 'aria-selected': 'false' },
      h('span.seq', {}, frame.event ? String(sequenceOf(frame.event)) : '', h('span.unseen', {}, frame.event ? ' ' : 'no event ')),
      h('div', {}, frame.joins ? h('span.joins', { title: 'A client that joins is told this first' }, 'join') : undefined, text),
      isLong ? h('button.link', { onClick: event => {
        event.stopPropagation();
        text.textContent = lineEnds(frame.text);
        event.target.remove();
      } }, `… all ${frame.text.length.toLocaleString('en')} characters`) : undefined,
      broken ? h('span.fault', {}, `✕ ${reveal(broken.problem)}`) : undefined);
    if (broken) row.classList.add('broken');
    row.frame = frame;
    this.#rows.push(row);
    return row;
  }

  #showVerdict({ protocol, verdict }) {
    const { holds, text } = verdictInWords(protocol, verdict);
    const { broken } = verdict;
    this.verdict.replaceChildren(h('summary', {}, h(holds ? 'span.yes-mark' : 'span.no-mark', { 'aria-hidden': 'true' }, holds ? '✓' : '✕'),
      h('b', {}, ` ${reveal(text)}`), broken ? h('span', {}, ` · ${reveal(broken.problem)}`) : undefined,
      broken && broken.frame === null ? h('span', {}, ', in a frame that is left out') : undefined),
      h('ul', {}, verdict.rules.map(rule => h('li', {}, broken?.rule === rule ? '✕ ' : broken ? '· ' : '✓ ', reveal(rule)))));
    put(this.verdict, 'hidden', false);
    this.verdict.classList.toggle('no-mark', !holds);
    say(this.said, holds ? text : `${text}: ${broken.problem}`);
  }

  // Moving

  #mark() {
    const { app } = this;
    const id = app.selected === undefined ? undefined : app.session.events[app.selected]?.id;
    for (const [index, row] of this.#rows.entries()) {
      const isPicked = id !== undefined && row.frame.event === id;
      row.classList.toggle('picked', isPicked);
      put(row, 'aria-selected', String(isPicked));
      row.classList.toggle('current', index === this.#at);
    }
    put(this.list, 'aria-activedescendant', this.#rows.length ? `frame-${this.#at}` : undefined);
  }

  #clicked(event) {
    const row = event.target.closest('.frame');
    if (row && !getSelection().toString()) this.#moveTo(this.#rows.indexOf(row));
  }

  #keyed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.code];
    if (!step || event.altKey || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.#moveTo(Math.min(Math.max(this.#at + step, 0), this.#rows.length - 1));
  }

  /** Shows the event that a frame stands for. */
  #moveTo(at) {
    const row = this.#rows[at];
    if (!row) return;
    this.#at = at;
    row.scrollIntoView({ block: 'nearest' });
    const index = row.frame.event ? this.app.session.history.indexOf(row.frame.event) : -1;
    if (index >= 0) this.app.select(index, { from: 'frames' });
    else this.app.changed();
  }
}
