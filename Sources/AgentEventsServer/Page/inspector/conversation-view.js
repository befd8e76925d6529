/** The conversation as its users see it, live or as of the cursor, with what the agents did where they did it. */
import { duration } from './core/time.js';
import { accentOf, brief, clip, reveal } from './core/words.js';
import { glyph, h, put, say } from './dom.js';
import { requestCard } from './form.js';

const MANY = 200;
const ENDS = { completed: 'completed', failed: 'failed', cancelled: 'cancelled', lost: 'lost with its process' };

export class ConversationView {
  #elements = new Map();
  #unfinished = new Set();
  #limit = MANY;
  #stamp = '';
  #isFollowing = true;
  #touched = -Infinity;

  constructor(app) {
    this.app = app;
    this.title = h('h2', {}, 'Conversation');
    this.note = h('span.dim.small.clip');
    this.items = h('div.items');
    this.earlier = h('button.plain.earlier', { hidden: true, onClick: () => this.#more() });
    this.scroller = h('div.talk', { tabindex: '0', 'aria-label': 'Conversation', role: 'log', 'aria-live': 'off' }, this.items);
    this.follow = h('button.plain.more', { hidden: true, onClick: () => this.toEnd() }, '↓ follow');
    this.element = h('section.side', { 'aria-label': 'Conversation' }, h('div.head', {}, this.title, this.note),
      h('div.holder', {}, this.scroller, this.follow), app.composer.element);
    // After the layout of the frame, so that nothing is laid out twice.
    new ResizeObserver(() => { if (this.#isFollowing) this.scroller.scrollTop = this.scroller.scrollHeight; }).observe(this.items);
    for (const name of ['wheel', 'touchmove', 'keydown', 'pointerdown']) {
      this.scroller.addEventListener(name, () => { this.#touched = performance.now(); }, { passive: true });
    }
    this.scroller.addEventListener('scroll', () => {
      if (performance.now() - this.#touched > 1500) return;
      const { scrollTop, clientHeight, scrollHeight } = this.scroller;
      this.#isFollowing = scrollTop + clientHeight > scrollHeight - 40;
      this.follow.hidden = this.#isFollowing;
    }, { passive: true });
  }

  toEnd() {
    this.#isFollowing = true;
    this.follow.hidden = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #more() {
    const { scrollHeight } = this.scroller;
    this.#limit += MANY;
    this.#stamp = '';
    this.render();
    this.scroller.scrollTop += this.scroller.scrollHeight - scrollHeight;
  }

  #clear() {
    this.#elements.clear();
    this.#unfinished.clear();
    this.items.replaceChildren(this.earlier);
    this.#isFollowing = true;
  }

  render() {
    const { app } = this;
    const { session, cursor, ui } = app;
    if (!session) return;
    if (this.spans !== session.spans) {
      this.spans = session.spans;
      this.#limit = MANY;
      this.#clear();
      this.#isFollowing = session.isLive;
      this.scroller.scrollTop = 0;
      this.#stamp = '';
    }
    const stamp = [session.version, cursor, ui.zone, app.canCommand,
      session.openRuns.length ? Math.floor(app.now / 1000) : 0].join();
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    const { story } = session.spans;
    const end = this.#endOf(story, cursor);
    const start = Math.max(0, end - this.#limit);
    this.#sync(story, start, end, cursor);
    put(this.earlier, 'hidden', start === 0);
    if (start) say(this.earlier, `Showing ${end - start} of ${end.toLocaleString('en')} · ${Math.min(MANY, start)} earlier`);
    const isHead = app.isHead;
    say(this.note, isHead ? '' : `as of #${session.events[cursor]?.seq ?? 0}`);
  }

  #endOf(story, cursor) {
    let low = 0;
    let high = story.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (story[middle].first <= cursor) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #sync(story, start, end, cursor) {
    const isBack = cursor < (this.cursor ?? -1);
    this.cursor = cursor;
    const first = story[start];
    const last = story[end - 1];
    for (const [item, element] of this.#elements) {
      const isOut = !first || item.first < first.first || item.first > last.first;
      if (isOut || isBack) {
        if (isOut) {
          element.remove();
          this.#elements.delete(item);
          this.#unfinished.delete(item);
        } else {
          this.#unfinished.add(item);
        }
      }
    }
    let previous = this.earlier;
    for (let at = start; at < end; at++) {
      const item = story[at];
      let element = this.#elements.get(item);
      if (!element) {
        element = this.#make(item);
        this.#elements.set(item, element);
        this.#unfinished.add(item);
        previous.after(element);
      }
      previous = element;
    }
    for (const item of this.#unfinished) {
      this.#update(item, this.#elements.get(item), cursor);
      if (item.kind === 'end' || (!item.isOpen && item.last <= cursor)) this.#unfinished.delete(item);
    }
  }

  #make(item) {
    const depth = this.#depth(item.run);
    const element = h(`div.item${depth ? '.nested' : ''}`);
    if (item.kind === 'user') {
      element.classList.add('user');
      element.append(h('div.from', {}, reveal(item.name)), h('div.bubble', { dir: 'auto' }, item.event.data.text));
    } else if (item.kind === 'message') {
      element.dataset.kind = 'message';
      element.text = document.createTextNode('');
      element.bubble = h('div.bubble', { dir: 'auto' }, element.text);
      element.parts = 0;
      element.append(h('div.from', {}, reveal(item.run.name)), element.bubble);
    } else if (item.kind === 'end') {
      const isBad = ['failed', 'lost'].includes(item.run.status);
      element.className = `item end${depth ? ' nested' : ''}`;
      element.dataset.kind = isBad ? 'failed' : 'run';
      const { data } = item.event;
      const why = data.error ? `${data.error.code}: ${data.error.message}` : data.reason ?? '';
      element.append(h('span', {},
        `${reveal(item.run.name)} ${ENDS[item.run.status]} after ${duration(item.run.end - item.run.start)}${why
        ? ` · ${reveal(clip(why, 140))}` : ''}`));
    }
    return element;
  }

  #depth(run) {
    let depth = 0;
    for (let each = run?.parentRun; each; each = each.parentRun) depth++;
    return depth;
  }

  #update(item, element, cursor) {
    switch (item.kind) {
      case 'user': case 'end': return;
      case 'message': return this.#updateMessage(item, element, cursor);
      case 'approval': return this.#updateRequest(item, element, cursor);
      default: this.#step(item, element, cursor);
    }
  }

  /** Only what is new is appended, so that a long answer costs the same for each fragment. */
  #updateMessage(span, element, cursor) {
    const { events } = this.app.session;
    const isDone = !span.isOpen && span.last <= cursor;
    if (element.parts && span.parts[element.parts - 1] > cursor) {
      element.parts = 0;
      element.text.data = '';
    }
    let text = '';
    while (element.parts < span.parts.length && span.parts[element.parts] <= cursor) {
      const { type, data } = events[span.parts[element.parts++]];
      if (type === 'message_delta') text += data.text;
      else if (element.text.data + text !== data.text) {
        element.text.data = '';
        text = data.text;
      }
    }
    if (text) element.text.appendData(text);
    element.bubble.classList.toggle('caret', !isDone);
  }

  #updateRequest(span, element, cursor) {
    const { app } = this;
    const isAnswered = !span.isOpen && span.last <= cursor;
    const key = isAnswered ? 'answered' : app.canCommand && app.isHead && span.isOpen ? 'open' : 'shown';
    if (element.key === key) return;
    element.key = key;
    element.dataset.kind = 'person';
    if (isAnswered) {
      this.#step(span, element, cursor);
      return;
    }
    const answer = key === 'open' ? (decision, data) => app.respond(span, decision, data) : undefined;
    element.replaceChildren(requestCard(span, { answer, now: app.now, select: index => app.select(index, {}) }));
  }

  #step(span, element, cursor) {
    const isOpen = span.isOpen || span.last > cursor;
    const kind = isOpen ? { approval: 'person', pause: 'paused' }[span.kind] ?? span.kind : accentOf(span);
    if (!element.step) {
      element.step = h('button.step', { onClick: () => this.app.select(span.first, {}) });
      element.replaceChildren(element.step);
    } else if (element.firstChild !== element.step) {
      element.replaceChildren(element.step);
    }
    element.step.dataset.kind = kind;
    element.step.classList.toggle('thought', span.kind === 'thought');
    const took = duration((isOpen ? this.app.cursorTime : span.end) - span.start);
    const status = isOpen ? '' : { approval: span.status, tool: span.status === 'succeeded' ? '' : span.status,
      pause: '' }[span.kind] ?? '';
    const by = span.kind === 'approval' && span.endEvent?.data.by ? ` by ${span.endEvent.data.by}` : '';
    const about = {
      tool: () => brief(span.event.data.arguments, 70), thought: () => clip((span.text ?? '').replace(/\s+/g, ' '), 120),
      approval: () => clip(span.name, 70), pause: () => (span.name === 'paused' ? '' : clip(span.name, 70)),
    }[span.kind]?.() ?? '';
    const name = { tool: span.name, approval: `${status || 'asks'}${by}`, pause: isOpen ? 'paused' : 'was paused', thought: '',
      mark: span.name }[span.kind];
    element.step.replaceChildren(glyph(kind), name ? h('b', {}, reveal(name)) : '', h('span.clip', {}, reveal(about)),
      h('span.ms', {}, span.kind === 'thought' || span.kind === 'mark' ? ''
        : `${span.kind === 'tool' && status ? `${status} · ` : ''}${took}`));
  }
}
