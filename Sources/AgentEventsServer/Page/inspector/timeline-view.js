/** The waterfall: a row for each span, its bar on one axis of time, zoomed and panned together. */
import { Scale, panned, relativeTicks, zoomed } from './core/scale.js';
import { idleGaps } from './core/spans.js';
import { duration } from './core/time.js';
import { accentOf, reveal, titleOf } from './core/words.js';
import { glyph, h, put, s, say } from './dom.js';
import { Rows } from './rows.js';

const BAD = { failed: 'failed', timed_out: 'timed out', denied: 'denied', cancelled: 'cancelled', lost: 'lost',
  interrupted: 'interrupted', unended: 'cut off', expired: 'expired' };

export class TimelineView {
  #folded = new Set();
  #rows = [];
  #stamp = '';
  #linesStamp = '';
  #gaps = [];
  #gapsVersion = -1;

  constructor(app) {
    this.app = app;
    this.list = new Rows({
      role: 'tree', label: 'Waterfall', make: () => this.#make(), fill: (row, index) => this.#fill(row, index),
        onFollow: () => app.changed(),
    });
    this.list.followsEnd = true;
    this.ticks = h('div.ticks');
    this.zone = h('span.zone');
    this.lines = h('div.lines', { 'aria-hidden': 'true' });
    this.over = h('div.lines.over', { 'aria-hidden': 'true' });
    this.head = h('div.playhead');
    this.more = h('button.plain.more', { hidden: true, onClick: () => this.list.follow() });
    this.idle = h('button.quiet', { title: 'Compress idle stretches (G)',
      onClick: () => app.set({ compress: !app.ui.compress }) });
    this.fit = h('button.quiet', { title: 'Everything in view (0)', onClick: () => app.set({ view: { from: 0, to: 1 } }) },
      'Fit');
    this.shown = h('span.dim.clip');
    this.element = h('div.holder.waterfall', {},
      h('div.tools', {}, this.shown, h('span', { style: { flex: '1' } }), this.idle,
        h('button.quiet', { 'aria-label': 'Zoom out', title: 'Zoom out (S)', onClick: () => this.zoom(1.6) }, '−'),
        h('button.quiet', { 'aria-label': 'Zoom in', title: 'Zoom in (W)', onClick: () => this.zoom(1 / 1.6) }, '+'), this.fit),
      h('div.holder', {}, h('div.axis', {}, this.zone, this.ticks), this.lines, this.list.element, this.over, this.more));
    this.over.append(this.head);
    this.#listen();
  }

  get labelWidth() { return parseFloat(getComputedStyle(this.ticks).left) || 0; }

  #listen() {
    const { element } = this.list;
    element.addEventListener('wheel', event => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey
        && Math.abs(event.deltaX) < Math.abs(event.deltaY)) return;
      event.preventDefault();
      const x = event.clientX - this.ticks.getBoundingClientRect().left;
      if (event.ctrlKey || event.metaKey || event.altKey) this.zoom(Math.exp(event.deltaY * 0.004), x / this.scale.width);
      else this.pan((event.deltaX || event.deltaY) / this.scale.width);
    }, { passive: false });
    let from;
    element.addEventListener('pointerdown', event => {
      if (event.button === 0 && event.target.closest('.track') && event.pointerType === 'mouse') from = { x: event.clientX,
        view: this.app.ui.view, id: event.pointerId };
    });
    element.addEventListener('pointermove', event => {
      if (!from) return;
      const by = (from.x - event.clientX) / this.scale.width;
      if (!from.moved && Math.abs(from.x - event.clientX) < 4) return;
      if (!from.moved) element.setPointerCapture(from.id);
      from.moved = true;
      this.app.set({ view: panned(from.view, by) });
    });
    const end = () => {
      this.wasDragged = from?.moved;
      from = undefined;
    };
    element.addEventListener('pointerup', end);
    element.addEventListener('pointercancel', end);
    element.addEventListener('click', event => {
      if (this.wasDragged) return this.wasDragged = false;
      const row = event.target.closest('.r');
      if (!row) return;
      const { span } = this.#rows[row.index];
      if (event.target.closest('.fold')) this.fold(span);
      else this.app.select(span.first, { from: 'timeline' });
    });
    element.addEventListener('dblclick', event => {
      const row = event.target.closest('.r');
      if (row) this.zoomTo(this.#rows[row.index].span);
    });
    element.addEventListener('keydown', event => this.#key(event));
  }

  #key(event) {
    const at = this.#rows.findIndex(row => row.span === this.selected);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.code];
    if (step && !event.altKey && !event.metaKey && !event.ctrlKey) {
      const next = this.#rows[Math.min(Math.max(at + step, 0), this.#rows.length - 1)];
      if (next) this.app.select(next.span.first, { from: 'timeline' });
    } else if (event.code === 'Enter' && at >= 0) {
      this.zoomTo(this.#rows[at].span);
    } else if (event.code === 'Space' && at >= 0) {
      this.fold(this.#rows[at].span);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  fold(span, isFolded = !this.#folded.has(span)) {
    if (!span.children.length) return;
    if (isFolded) this.#folded.add(span);
    else this.#folded.delete(span);
    this.#stamp = '';
    this.app.changed();
  }

  /** Everything below a depth is folded. */
  foldTo(depth) {
    this.#folded.clear();
    for (const span of this.app.session.spans.all) if (span.children.length && span.depth >= depth) this.#folded.add(span);
    this.#stamp = '';
    this.app.changed();
  }

  zoom(factor, about = 0.5) { this.app.set({ view: zoomed(this.app.ui.view, factor, Math.min(Math.max(about, 0), 1)) }); }
  pan(by) { this.app.set({ view: panned(this.app.ui.view, by) }); }

  zoomTo(span) {
    const scale = this.#scaleFor({ from: 0, to: 1 });
    const from = scale.part(span.start);
    const to = scale.part(span.end ?? this.app.now);
    const length = Math.max(to - from, 1e-6);
    this.revealSpan(span);
    this.app.set({ view: zoomed({ from: Math.max(0, from - length * 0.08), to: Math.min(1, to + length * 0.08) }, 1) });
  }

  #scaleFor(view) {
    const { session, ui, now } = this.app;
    const { spans } = session;
    if (this.#gapsVersion !== session.version && !(session.openRuns.length && this.#gapsVersion > 0 && ui.compress)) {
      this.#gaps = idleGaps(spans);
      this.#gapsVersion = session.version;
    }
    return new Scale({
      start: spans.start ?? 0, end: Math.max(spans.end ?? 1, now), width: this.width ?? 600,
        gaps: ui.compress ? this.#gaps : [], view,
    });
  }

  render() {
    const { app } = this;
    const { session, ui, now } = app;
    if (!session) return;
    if (this.session !== session) {
      this.session = session;
      this.#folded.clear();
      this.#gapsVersion = -1;
      this.list.followsEnd = this.list.isFollowing = session.isLive;
      if (!session.isLive) this.list.element.scrollTop = 0;
    }
    this.width = Math.max(this.ticks.clientWidth, 40);
    this.scale = this.#scaleFor(ui.view);
    const structure = `${session.id} ${session.spans.version} ${this.#folded.size}`;
    if (structure !== this.#structure || this.#stamp === '') {
      this.#structure = structure;
      this.#rows = session.spans.rows(span => this.#folded.has(span));
      this.list.count = this.#rows.length;
      const hidden = session.spans.all.length - this.#rows.length;
      say(this.shown, `${session.spans.all.length.toLocaleString('en')} spans${hidden
        ? ` · showing ${this.#rows.length.toLocaleString('en')}, ${hidden.toLocaleString('en')} folded` : ''}`);
    }
    const selected = app.selectedSpan;
    const stamp = [session.version, ui.view.from, ui.view.to, ui.compress, this.width, now, app.cursor, app.subscribersVersion,
      selected?.first, ui.zone].join();
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.selected = selected;
      this.list.refresh();
      const at = selected ? this.#rows.findIndex(row => row.span === selected) : -1;
      put(this.list.element, 'aria-activedescendant', at < 0 ? undefined : `span-${at}`);
      this.#drawLines();
    }
    this.#tools();
  }

  #structure;

  #tools() {
    const { session, ui } = this.app;
    const { start, end } = session.spans;
    const idle = this.#gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
    const whole = Math.max(end - start, 1);
    put(this.idle, 'hidden', !this.#gaps.length || session.openRuns.length > 0);
    put(this.idle, 'aria-pressed', String(Boolean(ui.compress)));
    if (this.#gaps.length) say(this.idle, `${duration(whole)}, ${Math.round((idle / whole) * 1000) / 10} % idle · ${ui.compress
      ? 'compressed' : 'compress'}`);
    put(this.fit, 'disabled', ui.view.from === 0 && ui.view.to === 1);
    const below = session.isLive && !this.list.isFollowing && session.openRuns.length > 0;
    put(this.more, 'hidden', !below);
    if (below) say(this.more, '↓ follow');
  }

  #drawLines() {
    const { app, scale } = this;
    const { clock } = app;
    say(this.zone, `${clock.name(scale.start)}`);
    const ticks = clock.zone === 'relative' ? relativeTicks(scale, clock.origin) : scale.ticks();
    this.ticks.replaceChildren(...ticks.map(({ time, x, step }) => {
      const text = clock.tick(time, step);
      return h('span.tick', { title: clock.full(time), style: { transform: `translateX(${x}px)` } },
        x + 8 + text.length * 6.5 < scale.width ? text : ''); // Rather none than a part of it.
    }));
    const gaps = scale.gapBoxes.map(({ x, width }) => h('div.gap', { style: { left: `${x}px`, width: `${width}px` } }));
    const breaks = app.session.spans.breaks.filter(each => each.kind === 'generation').map(each => {
      const x = scale.x(each.time);
      // Above those that are late there is nothing: the bars of the first rows are early.
      return x >= 0 && x <= scale.width && h(`div.break${x > scale.width - 130 ? '.flip' : ''}${x > scale.width / 2 ? '.late' : ''}`, { style: { left: `${x}px` } },
        h('span', {}, 'log opened again'));
    });
    const grid = ticks.map(({ x }) => h('div.grid', { style: { left: `${x}px` } }));
    this.lines.replaceChildren(...grid, ...gaps);
    this.over.replaceChildren(...breaks.filter(Boolean), ...this.#readers(), this.head);
    const event = app.session.events[app.cursor];
    const x = event ? scale.x(app.cursorTime) : -1;
    put(this.head, 'hidden', x < -1 || x > scale.width + 1);
    this.head.style.setProperty('left', `${x}px`);
  }

  /** Where each reader of the thread is: what it was sent, and what it has acknowledged. */
  #readers() {
    const { session, subscribers, clock } = this.app;
    return (subscribers ?? []).slice(0, 50).flatMap(reader => ['acknowledged', 'sent'].map(what => {
      const index = reader[what] ? session.history.indexOf(reader[what]) : -1;
      const x = index < 0 ? -1 : this.scale.x(Date.parse(session.events[index].time));
      if (x < 0 || x > this.scale.width) return undefined;
      const title = `${reader.consumer
        ?? reader.connection_id}: ${what} #${session.events[index].seq}, ${clock.time(Date.parse(session.events[index].time))}`;
      return h(`i.reader.${what}`, { title, style: { left: `${x}px` } });
    })).filter(Boolean);
  }

  #make() {
    const row = h('div.r', { role: 'treeitem' });
    row.fold = h('span.fold', {}, s('svg', { viewBox: '0 0 8 8', fill: 'currentColor', 'aria-hidden': 'true' },
      s('path', { d: 'M0 2h8L4 7z' })));
    row.name = h('b.clip');
    row.rest = h('span.clip');
    row.label = h('div.label', {}, row.fold, row.name, row.rest);
    row.bar = h('div.bar');
    row.took = h('span.took');
    row.track = h('div.track', {}, row.bar, row.took);
    row.append(row.label, row.track);
    return row;
  }

  #fill(row, index) {
    const { span, depth } = this.#rows[index];
    const { app, scale } = this;
    const accent = accentOf(span);
    if (row.span !== span || row.accent !== accent) {
      row.accent = accent;
      row.dataset.kind = accent;
      row.dataset.span = span.kind;
      row.sign?.remove();
      row.sign = glyph(span.kind === 'run' && span.parentRun ? 'child' : accent === 'failed' && span.kind !== 'tool' ? accent
        : accent);
      row.fold.after(row.sign);
    }
    row.span = span;
    const [name, rest] = titleOf(span);
    say(row.name, reveal(name));
    say(row.rest, reveal(rest));
    row.label.style.setProperty('padding-left', `${12 + Math.min(depth, 8) * 12}px`);
    row.fold.style.setProperty('visibility', span.children.length ? 'visible' : 'hidden');
    const isFolded = this.#folded.has(span);
    row.fold.classList.toggle('shut', isFolded);
    row.id = `span-${index}`;
    put(row, 'aria-level', depth + 1);
    put(row, 'aria-expanded', span.children.length ? String(!isFolded) : undefined);
    put(row, 'aria-selected', String(span === this.selected));
    row.classList.toggle('picked', span === this.selected);
    row.classList.toggle('later', span.first > app.cursor);
    const end = span.end ?? app.now;
    const isInstant = ['user', 'mark'].includes(span.kind);
    const box = scale.box(span.start, isInstant ? span.start : Math.max(end, span.start));
    put(row.bar, 'hidden', !box);
    put(row.took, 'hidden', !box || isInstant);
    const took = duration(end - span.start);
    put(row, 'aria-label', `${name} ${rest}, ${span.isOpen ? 'open' : BAD[span.status]
      ?? ''} ${took}, from ${app.clock.full(span.start)}`);
    if (!box) return;
    row.bar.className = `bar ${span.kind === 'run' ? 'run' : accent}${isInstant ? ' instant' : ''}${span.isOpen ? ' open'
      : ''}${span.status === 'unended' || span.status === 'lost' ? ' unended' : ''}`;
    row.bar.title = `${name} · ${app.clock.full(span.start)} · ${took}`;
    // A point at an edge is seen whole.
    const left = isInstant ? Math.min(Math.max(box.x, 5), scale.width - 5) : box.x;
    row.bar.style.setProperty('transform', `translateX(${left}px)`);
    row.bar.style.setProperty('width', `${box.width}px`);
    if (span.kind === 'run') row.bar.style.setProperty('background-image', this.#slices(span, box));
    else if (row.bar.style.backgroundImage) row.bar.style.removeProperty('background-image');
    if (isInstant) return;
    const word = BAD[span.status];
    row.took.replaceChildren(...(word ? [h('span.bad', {}, word), ' '] : []), took);
    const fitsAfter = box.x + box.width + 96 < scale.width;
    const isInside = !fitsAfter && box.width > 110;
    row.took.classList.toggle('inside', isInside);
    const x = fitsAfter ? box.x + box.width : isInside ? Math.min(box.x + box.width, scale.width) - 8 : box.x;
    row.took.style.setProperty('transform', `translateX(${x}px)${fitsAfter ? '' : ' translateX(-100%)'}`);
  }

  /** What a run's time went to, in its own bar. */
  #slices(run, box) {
    const { scale } = this;
    const stops = [];
    let before;
    for (const { kind, from, to } of run.attribution.upTo(this.app.now)) {
      const one = Math.max(0, scale.x(from) - box.x);
      const other = Math.min(box.width, scale.x(to) - box.x);
      if (other - one < 0.4) continue;
      const name = { streaming: 'message', thinking: 'thought' }[kind] ?? kind;
      const colour = kind === 'nothing' ? 'transparent' : `var(--f-${name})`;
      if (before === colour) stops.pop();
      else stops.push(`${colour} ${one.toFixed(1)}px`);
      stops.push(`${colour} ${other.toFixed(1)}px`);
      before = colour;
    }
    return stops.length ? `linear-gradient(90deg, ${stops.join(', ')})` : 'none';
  }

  revealSpan(span) {
    for (let each = span?.parent; each; each = each.parent) this.#folded.delete(each);
    this.#rows = this.app.session.spans.rows(each => this.#folded.has(each));
    this.list.count = this.#rows.length;
    const index = this.#rows.findIndex(row => row.span === span);
    if (index >= 0) this.list.reveal(index);
  }
}
