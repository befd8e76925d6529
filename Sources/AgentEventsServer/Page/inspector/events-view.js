/** All events as they are in the log, filtered and searched, with fragments joined to one row unless they are asked for. */
import { duration } from './core/time.js';
import { query } from './core/query.js';
import { swiftTest } from './core/swift-test.js';
import { MERGEABLE } from './core/history.js';
import { asEvent, keyOf, refusalInWords } from './core/refusals.js';
import { kindOf, reveal, summary } from './core/words.js';
import { copy, glyph, h, put, save, say } from './dom.js';
import { FramesView } from './frames-view.js';
import { Rows } from './rows.js';
import { stringify } from './client.js';

export class EventsView {
  #rows = [];
  #state = {};
  #stamp = '';

  constructor(app) {
    this.app = app;
    this.list = new Rows({
      role: 'listbox', label: 'Events', make: () => this.#make(), fill: (row, index) => this.#fill(row, index),
        onFollow: () => app.changed(),
    });
    this.list.followsEnd = true;
    this.input = h('input.field', {
      type: 'search', placeholder: 'Filter: type:tool_completed status:failed tool:search, or words',
        'aria-label': 'Filter events', spellcheck: 'false', autocomplete: 'off',
      onInput: () => app.set({ filter: this.input.value }),
      onKeydown: event => {
        if (event.code !== 'Escape' && event.code !== 'Enter') return;
        event.stopPropagation();
        if (event.code === 'Escape' && this.input.value) {
          this.input.value = '';
          app.set({ filter: '' });
        } else {
          this.list.element.focus();
        }
      },
    });
    this.shown = h('span.shown', { role: 'status' });
    this.failed = h('button.quiet', { title: 'Only what failed', onClick: () => this.#toggleFailed() }, 'failed');
    this.folds = h('button.quiet', { title: 'Join fragments of one text to one row (F)',
      onClick: () => app.set({ fold: !app.ui.fold }) }, 'join');
    this.wire = h('button.quiet', { title: 'The frames that clients of each protocol are sent (V)', onClick: () => app.toggleFrames() },
      'frames');
    this.frames = new FramesView(app);
    this.more = h('button.plain.more', { hidden: true, onClick: () => this.list.follow() });
    this.range = h('div.tools', { hidden: true });
    this.log = h('div.holder', {}, this.list.element, this.more);
    this.filter = h('div.filter', {}, this.input, this.failed, this.folds, this.wire, this.shown);
    this.element = h('div.holder.events', {}, this.filter, this.range,
      this.log, this.frames.element);
    const { element } = this.list;
    element.addEventListener('click', event => {
      const row = event.target.closest('.r');
      if (!row) return;
      const { first, refusal } = this.#rows[row.index];
      if (refusal) app.selectRefusal(refusal, { from: 'events' });
      else if (event.shiftKey && app.selected !== undefined) app.set({ range: [Math.min(app.selected, first),
        Math.max(app.selected, this.#rows[row.index].last)] });
      else app.select(first, { from: 'events' });
    });
    element.addEventListener('keydown', event => this.#key(event));
  }

  #toggleFailed() {
    const words = this.app.ui.filter.split(/\s+/).filter(Boolean);
    const filter = words.includes('is:failed') ? words.filter(word => word !== 'is:failed').join(' ')
      : [...words, 'is:failed'].join(' ');
    this.input.value = filter;
    this.app.set({ filter });
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.code];
    if (!step || event.altKey || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.app.refusal ? this.#rowOfRefusal(this.app.refusal) : this.rowOf(this.app.selected ?? this.app.cursor);
    const to = Math.min(Math.max(at + step, 0), this.#rows.length - 1);
    if (!this.#rows[to]) return;
    const { first, last, refusal } = this.#rows[to];
    if (refusal) {
      this.app.selectRefusal(refusal, { from: 'events' });
      this.list.reveal(to);
    } else if (event.shiftKey) {
      const anchor = this.#anchor ??= this.app.selected ?? first;
      this.app.select(first, { from: 'events' });
      this.app.set({ range: [Math.min(anchor, first), Math.max(anchor, last)] });
    } else {
      this.#anchor = undefined;
      this.app.select(first, { from: 'events' });
    }
  }

  #anchor;

  /** The row that an event is in; the one before it, when the event is not shown. */
  rowOf(index) {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle].first <= index) low = middle + 1;
      else high = middle;
    }
    // What was refused stands after its event.
    while (low > 1 && this.#rows[low - 1].refusal) low--;
    return Math.max(0, low - 1);
  }

  #rowOfRefusal(refusal) {
    const key = keyOf(refusal);
    const row = this.#rows.findIndex(each => each.refusal && keyOf(each.refusal) === key);
    return Math.max(0, row);
  }

  /** The first event of the row that is `step` rows from that of an event. */
  neighbour(index, step) {
    this.#collect();
    let at = this.rowOf(index) + step;
    while (step && this.#rows[at]?.refusal) at += step;
    const row = this.#rows[Math.min(Math.max(at, 0), this.#rows.length - 1)];
    return row && !row.refusal ? row.first : index;
  }

  #collect() {
    const { session, ui } = this.app;
    const isSame = this.#state.session === session && this.#state.history === session.history
      && this.#state.filter === ui.filter && this.#state.fold === ui.fold;
    const refused = session.refusalsAt;
    if (!isSame || this.#state.refused !== refused) {
      this.#rows = [];
      this.#state = { session, history: session.history, filter: ui.filter, fold: ui.fold, next: 0, matching: 0, refused,
        refusals: 0, query: query(ui.filter, session.textOf) };
      if (!isSame) {
        this.list.followsEnd = this.list.isFollowing = session.isLive;
        this.list.element.scrollTop = 0;
      }
      this.#collectRefusals(-1);
    }
    const state = this.#state;
    const { events } = session;
    for (; state.next < events.length; state.next++) {
      const event = events[state.next];
      if (!state.query.isEmpty && !state.query.test(event)) {
        this.#collectRefusals(state.next);
        continue;
      }
      state.matching++;
      const last = this.#rows.at(-1);
      if (ui.fold && last && !last.refusal && last.last === state.next - 1 && MERGEABLE.has(event.type)
        && joins(events[last.last], event)) last.last = state.next;
      else this.#rows.push({ first: state.next, last: state.next });
      this.#collectRefusals(state.next);
    }
  }

  /** What was refused after an event. */
  #collectRefusals(index) {
    for (const refusal of this.#state.refused.get(index) ?? []) {
      if (!this.#state.query.isEmpty && !this.#state.query.test(asEvent(refusal))) continue;
      this.#state.refusals++;
      this.#rows.push({ first: index, last: index, refusal });
    }
  }

  render() {
    const { app } = this;
    const { session, ui } = app;
    if (!session) return;
    this.#collect();
    const total = session.events.length;
    const { matching, refusals, query: { unknown } } = this.#state;
    const number = value => value.toLocaleString('en');
    say(this.shown, unknown.length ? `there is no ${unknown.join(', ')}`
      : `showing ${number(matching)} of ${number(total)}${this.#rows.length - refusals < matching
      ? ` in ${number(this.#rows.length - refusals)} rows` : ''}${refusals ? `, ${number(refusals)} refused` : ''}`);
    put(this.folds, 'aria-pressed', String(ui.fold));
    put(this.filter, 'hidden', Boolean(ui.frames));
    put(this.log, 'hidden', Boolean(ui.frames));
    this.frames.render();
    put(this.failed, 'aria-pressed', String(ui.filter.includes('is:failed')));
    if (document.activeElement !== this.input && this.input.value !== ui.filter) this.input.value = ui.filter;
    this.list.count = this.#rows.length;
    const stamp = [session.id, session.version, app.cursor, app.selected, ui.refusal, session.refusalsStamp, ui.range, ui.zone, ui.filter, ui.fold].join();
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.list.refresh();
      put(this.list.element, 'aria-activedescendant', app.refusal
        ? `event-${this.#rowOfRefusal(app.refusal)}` : app.selected === undefined ? undefined : `event-${this.rowOf(app.selected)}`);
      this.#showRange();
    }
    const isBehind = !this.list.isFollowing && session.isLive;
    put(this.more, 'hidden', !isBehind);
    if (isBehind) say(this.more, '↓ follow');
  }

  #showRange() {
    const { app } = this;
    const { range } = app.ui;
    put(this.range, 'hidden', !range);
    if (!range) return;
    const events = app.session.events.slice(range[0], range[1] + 1);
    const text = () => events.map(event => `${stringify(event)}\n`).join('');
    const file = `${app.session.id.replace(/[^\w.-]/g, '_')}-${events[0].seq}-${events.at(-1).seq}.ndjson`;
    this.range.replaceChildren(
      h('span.clip', {}, h('b', {}, `${events.length} events`),
        h('span.dim', {}, ` #${events[0].seq}–${events.at(-1).seq} · ${duration(Date.parse(events.at(-1).time) - Date.parse(events[0].time))}`)),
      h('button.quiet', { onClick: () => copy(text(), app.tell) }, 'Copy NDJSON'),
      h('button.quiet', { onClick: () => save(file, text()) }, 'Save'),
      h('button.quiet', { title: 'expectEvents for what happens in the range, as agent-events validate --as-test writes it',
        onClick: () => copy(swiftTest(events, stringify), app.tell) }, 'Copy Swift test'),
      h('button.quiet', { 'aria-label': 'Drop the range', onClick: () => app.set({ range: undefined }) }, '✕'));
  }

  #make() {
    const row = h('div.r', { role: 'option' });
    for (const name of ['seq', 'when', 'since']) row[name] = h(`span.${name}`);
    row.type = h('span.type.clip');
    row.who = h('span.who.clip');
    row.what = h('span.what.clip');
    row.fragments = h('span.fragments');
    row.append(row.seq, row.when, row.since, row.type, row.who, row.what, row.fragments);
    return row;
  }

  #fill(row, index) {
    const { app } = this;
    const { session, clock } = app;
    const { first, last, refusal } = this.#rows[index];
    if (refusal) return this.#fillRefusal(row, index, refusal);
    const event = session.events[first];
    this.#sign(row, kindOf(event));
    const time = Date.parse(event.time);
    const before = session.events[first - 1];
    say(row.seq, String(event.seq));
    say(row.when, clock.time(time));
    say(row.since, before ? `+${duration(time - Date.parse(before.time))}` : '');
    say(row.type, reveal(event.type));
    say(row.who, reveal(event.agent ?? event.data.user_id ?? ''));
    const count = last - first + 1;
    say(row.what, reveal(count > 1 ? this.#joined(first, last) : summary(event)));
    say(row.fragments, count > 1 ? `× ${count} in ${duration(Date.parse(session.events[last].time) - time)}` : '');
    row.title = `${event.id} · ${clock.full(time)}`;
    const selected = app.selected;
    const isPicked = selected !== undefined && !app.refusal && selected >= first && selected <= last;
    row.id = `event-${index}`;
    put(row, 'aria-selected', String(isPicked));
    put(row, 'aria-posinset', index + 1);
    put(row, 'aria-setsize', this.#rows.length);
    row.classList.toggle('picked', isPicked);
    row.classList.toggle('refused', false);
    row.classList.toggle('later', first > app.cursor);
    row.classList.toggle('repaired', session.spans.repaired.has(first));
    row.classList.toggle('fault', session.faults.length > 0 && (session.faultsAt.has(first) || session.faultsAt.has(last)));
    const { range } = app.ui;
    row.classList.toggle('ranged', Boolean(range && first >= range[0] && first <= range[1]));
    const stretch = first > 0 && session.history.generations.find(each => each.index === first);
    row.classList.toggle('stretch', Boolean(stretch));
    if (stretch) row.dataset.stretch = `the log was opened again: generation ${stretch.generation}`;
  }

  #sign(row, kind) {
    if (row.kind === kind) return;
    row.kind = kind;
    row.dataset.kind = kind;
    row.sign?.remove();
    row.type.before(row.sign = glyph(kind));
  }

  /** What was refused stands after the event that was the head then, and has no number: it is in no log. */
  #fillRefusal(row, index, refusal) {
    const { app } = this;
    const time = Date.parse(refusal.time);
    this.#sign(row, 'failed');
    say(row.seq, '');
    say(row.when, app.clock.time(time));
    say(row.since, 'refused');
    say(row.type, reveal(refusal.type ?? 'events'));
    say(row.who, reveal(refusal.by ?? ''));
    say(row.what, reveal(refusalInWords(refusal)));
    say(row.fragments, '');
    row.title = `refused after ${refusal.head ?? 'nothing'} · ${app.clock.full(time)}`;
    const isPicked = app.ui.refusal === keyOf(refusal);
    row.id = `event-${index}`;
    put(row, 'aria-selected', String(isPicked));
    put(row, 'aria-posinset', index + 1);
    put(row, 'aria-setsize', this.#rows.length);
    for (const name of ['repaired', 'fault', 'ranged', 'stretch']) row.classList.toggle(name, false);
    row.classList.toggle('picked', isPicked);
    row.classList.toggle('refused', true);
    row.classList.toggle('later', this.#rows[index].first > app.cursor);
  }

  #joined(first, last) {
    let text = '';
    for (let at = first; at <= last && text.length < 200; at++) text += this.app.session.events[at].data.text;
    return text.replace(/\s+/g, ' ').trim();
  }

  revealRefusal(refusal) {
    this.#collect();
    this.list.count = this.#rows.length;
    this.list.reveal(this.#rowOfRefusal(refusal));
  }

  reveal(index) {
    this.#collect();
    this.list.count = this.#rows.length;
    this.list.reveal(this.rowOf(index));
  }
}

const joins = (one, other) => one.type === other.type && one.run_id === other.run_id
  && one.data.message_id === other.data.message_id
  && one.data.thought_id === other.data.thought_id;
