/** The whole thread in a strip: what is in view, and the cursor, which moves all views to that moment. */
import { Scale } from './core/scale.js';
import { accentOf } from './core/words.js';
import { h, put } from './dom.js';

export class ScrubView {
  #stamp = '';

  constructor(app) {
    this.app = app;
    this.canvas = h('canvas', { 'aria-hidden': 'true' });
    this.lens = h('div.lens');
    this.head = h('div.playhead');
    this.element = h('div.scrub.mini', {
      role: 'slider', tabindex: '0', 'aria-label': 'Cursor in the thread', 'aria-valuemin': '1', 'aria-orientation': 'horizontal',
    }, this.canvas, this.lens, this.head);
    const move = event => {
      const box = this.element.getBoundingClientRect();
      const time = this.scale.time(event.clientX - box.left);
      const index = app.session.history.indexAtTime(time);
      if (event.clientX >= box.right - 2) app.moveTo(undefined);
      else app.moveTo(Math.max(0, index - (index === app.session.events.length ? 1 : 0)));
    };
    this.element.addEventListener('pointerdown', event => {
      if (!this.scale || !app.session.events.length) return;
      this.element.setPointerCapture(event.pointerId);
      move(event);
    });
    this.element.addEventListener('pointermove', event => { if (event.buttons && this.scale) move(event); });
    new ResizeObserver(() => {
      this.#stamp = '';
      app.changed();
    }).observe(this.element);
  }

  render() {
    const { session, ui, now, cursor } = this.app;
    if (!session) return;
    const width = this.element.clientWidth;
    const { spans } = session;
    const scale = this.scale = new Scale({ start: spans.start ?? 0, end: Math.max(spans.end ?? 1, now), width });
    put(this.element, 'aria-valuemax', session.events.length);
    put(this.element, 'aria-valuenow', cursor + 1);
    const event = session.events[cursor];
    put(this.element, 'aria-valuetext', event ? `event ${event.seq} of ${session.events.at(-1).seq}, ${event.type}`
      : 'no events');
    this.head.style.setProperty('transform', `translateX(${event ? Math.min(scale.x(this.app.cursorTime), width - 1) : -10}px)`);
    const real = this.app.timeline.scale;
    const isWhole = ui.view.from === 0 && ui.view.to === 1;
    this.lens.classList.toggle('whole', isWhole || !real);
    if (real && !isWhole) {
      const from = scale.x(real.time(0));
      this.lens.style.setProperty('left', `${from}px`);
      this.lens.style.setProperty('width', `${Math.max(scale.x(real.time(real.width)) - from, 3)}px`);
    }
    const stamp = [session.id, session.spans.version, session.openRuns.length ? Math.floor(now / 250) : session.version, width,
      ui.theme].join();
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#draw(scale, width);
  }

  #draw(scale, width) {
    const { spans } = this.app.session;
    const height = this.element.clientHeight;
    const ratio = globalThis.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = this.canvas.getContext('2d');
    context.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const colours = new Map();
    const colour = kind => {
      if (!colours.has(kind)) colours.set(kind, style.getPropertyValue(`--f-${kind}`).trim()
        || style.getPropertyValue('--f-ended').trim());
      return colours.get(kind);
    };
    // Each run has a band as deep as its tree; runs one after the other share the height.
    const depth = Math.max(1, ...spans.all.slice(-4000).map(span => Math.min(span.depth, 4)));
    const rowHeight = (height - 12) / (depth + 1);
    for (const span of spans.all) {
      const y = 6 + Math.min(span.depth, 4) * rowHeight;
      const x = scale.x(span.start);
      const end = span.kind === 'user' ? span.start : span.end ?? this.app.now;
      context.fillStyle = colour(accentOf(span));
      context.globalAlpha = span.kind === 'run' ? 0.55 : 1;
      if (span.kind === 'user') {
        context.beginPath();
        context.arc(x + 2, y + rowHeight / 2, 3, 0, 7);
        context.fill();
      } else {
        context.fillRect(x, y + 1, Math.max(scale.x(end) - x, 1.5), Math.max(rowHeight - 2, 2));
      }
    }
    context.globalAlpha = 1;
    context.fillStyle = style.getPropertyValue('--k-failed');
    for (const each of spans.breaks) if (each.kind === 'generation') context.fillRect(scale.x(each.time), 0, 1.5, height);
  }
}
