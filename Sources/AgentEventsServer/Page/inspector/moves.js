/** How the selection and the cursor of the page move. */
import { writeLink } from './core/link.js';
import { FAILED } from './core/query.js';
import { keyOf, placeOf } from './core/refusals.js';

export class Moves {
  /** The link to what is shown. */
  linkTo(event) {
    const { session, ui } = this;
    const range = ui.frames && ui.range?.map(index => session.events[index]?.id);
    return writeLink(session.id, event?.id, { frames: ui.frames, range });
  }

  /** Keeps the address that of what is shown. */
  keepLink() {
    if (!this.session || this.session.file) return;
    history.replaceState(history.state, '', this.linkTo(this.session.events[this.ui.selected]));
  }

  /** The refusal that is looked at. */
  get refusal() { return this.ui.refusal && this.session?.refusals.find(each => keyOf(each) === this.ui.refusal); }

  select(index, { from, isLink } = {}) {
    const { session } = this;
    if (!session?.events[index]) return;
    this.ui.selected = index;
    this.ui.refusal = undefined;
    if (!this.isHead || session.openRuns.length === 0) this.ui.cursor = index === session.events.length - 1 ? undefined : index;
    if (!isLink && this.shell.isSmall) this.ui.pane = 'event';
    if (from !== 'events') this.events.reveal(index);
    if (from !== 'timeline') this.timeline.revealSpan(this.selectedSpan);
    this.keepLink();
    this.changed();
  }

  /** Shows what was refused, at the event that it came after. */
  selectRefusal(refusal, { from } = {}) {
    const index = placeOf(this.session.history, refusal) ?? -1;
    if (index >= 0) this.select(index, { from });
    else this.ui.selected = undefined;
    this.ui.refusal = keyOf(refusal);
    if (this.shell.isSmall) this.ui.pane = 'event';
    if (from !== 'events') this.events.revealRefusal(refusal);
    this.changed();
  }

  unselect() {
    this.ui.selected = undefined;
    this.ui.refusal = undefined;
    this.ui.range = undefined;
    if (this.ui.pane === 'event') this.ui.pane = 'timeline';
    this.keepLink();
    this.changed();
  }

  moveTo(index) {
    const last = (this.session?.events.length ?? 0) - 1;
    this.ui.cursor = index === undefined || (index >= last && !this.session.openRuns.length) ? undefined : Math.max(0, index);
    this.changed();
  }

  moveBy(step) { this.moveTo(this.cursor + step >= this.session.events.length - 1 && step > 0 ? undefined : this.cursor + step); }
  step(step) { this.select(this.events.neighbour(this.selected ?? this.cursor, this.selected === undefined ? 0 : step), {}); }

  stepRun(step) {
    const runs = [...this.session.spans.runs.values()];
    const at = runs.indexOf(this.focusedRun);
    const next = runs[Math.min(Math.max(at + (this.selected === undefined && step > 0 ? 0 : step), 0), runs.length - 1)];
    if (next) this.select(next.first, {});
  }

  stepFailure() {
    const { events } = this.session;
    const from = (this.selected ?? -1) + 1;
    const index = events.findIndex((event, at) => at >= from && FAILED(event));
    const found = index >= 0 ? index : events.findIndex(FAILED);
    if (found < 0) this.tell('nothing failed');
    else this.select(found, {});
  }

  toParent() {
    const parent = this.selectedSpan?.parent;
    if (parent) this.select(parent.first, {});
  }

  toHead() {
    this.moveTo(undefined);
    this.ui.cursor = undefined;
    this.timeline.list.follow();
    this.events.list.follow();
    this.conversation.toEnd();
  }

  rangeToCursor() {
    if (this.selected === undefined) return this.tell('pick an event first; the range goes from it to the cursor');
    this.set({ range: [Math.min(this.selected, this.cursor), Math.max(this.selected, this.cursor)], lower: 'events' });
  }

  back() {
    if (this.banner) this.banner = undefined;
    else if (this.ui.range) return this.set({ range: undefined });
    else if (this.ui.selected !== undefined || this.ui.refusal) return this.unselect();
    else if (this.ui.frames) return this.set({ frames: undefined });
    else if (this.ui.filter) return this.set({ filter: '' });
    else document.activeElement?.blur();
    this.changed();
  }
}
