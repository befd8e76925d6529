/** The frame of the page: columns, tabs, the head with the state of the thread, banners, what is said to screen readers. */
import { BannerView } from './banner-view.js';
import { CompareView } from './compare-view.js';
import { Composer } from './composer.js';
import { ConversationView } from './conversation-view.js';
import { ZONES } from './core/time.js';
import { proofInWords } from './core/history.js';
import { reveal } from './core/words.js';
import { DetailView } from './detail-view.js';
import { glyph, h, put, say } from './dom.js';
import { EventsView } from './events-view.js';
import { helpSheet } from './keys.js';
import { OrderView } from './order-view.js';
import { ProofView } from './proof-view.js';
import { ScrubView } from './scrub-view.js';
import { splitter } from './splitter.js';
import { SpentView } from './spent-view.js';
import { ThreadsView } from './threads-view.js';
import { TimelineView } from './timeline-view.js';
import { Welcome } from './welcome.js';

const LOWER = { events: 'Events', order: 'Order', proof: 'Proof', compare: 'Compare' };
const PANES = [['threads', 'Threads', 'queued'], ['conversation', 'Talk', 'message'], ['timeline', 'Timeline', 'run'],
  ['lower', 'Events', 'mark'], ['event', 'Detail', 'tool']];
const WORDS = { idle: 'idle', running: 'running', waiting: 'waiting for a person', paused: 'paused', queued: 'queued' };
const ZONE_WORDS = { utc: 'UTC', local: 'Local', relative: '+0' };

export class Shell {
  #said = '';

  constructor(app) {
    this.app = app;
    this.composer = app.composer = new Composer(app);
    this.threads = new ThreadsView(app);
    this.timeline = new TimelineView(app);
    this.scrub = new ScrubView(app);
    this.spent = new SpentView(app);
    this.events = new EventsView(app);
    this.order = new OrderView(app);
    this.proof = new ProofView(app);
    this.compare = new CompareView(app);
    this.conversation = new ConversationView(app);
    this.detail = new DetailView(app);
    this.welcome = new Welcome(app);
    this.sheet = helpSheet();
    this.toast = h('div.toast', { role: 'status' });
    this.region = h('div.unseen', { 'aria-live': 'polite' });
    this.drop = h('div.drop', { hidden: true }, 'Drop the recording: it stays in this page');
    this.banner = new BannerView(app);
    this.name = h('span.name.clip');
    this.state = h('span.tag');
    this.proofLink = h('button.quiet.small.clip.wide-only',
      { title: 'How this is proved (3)', onClick: () => app.set({ lower: 'proof', pane: 'lower' }) });
    this.head = h('button.plain', { hidden: true, onClick: () => app.toHead(), title: 'Back to the head (L)' }, 'Live');
    this.zones = h('div.segments', { role: 'group', 'aria-label': 'Time zone' }, ZONES.map(zone =>
      h('button', { 'data-zone': zone, title: `${zone} times everywhere (Z)`, onClick: () => app.set({ zone }) },
        ZONE_WORDS[zone])));
    this.tabs = h('div.tabs', { role: 'tablist', 'aria-label': 'Views' }, Object.entries(LOWER).map(([name, title]) =>
      h('button', { role: 'tab', 'data-name': name, id: `tab-${name}`, 'aria-controls': `panel-${name}`,
        onClick: () => app.set({ lower: name }) }, title, h('span.count'))));
    this.tabs.addEventListener('keydown', event => this.#moveTab(event));
    this.panels = Object.fromEntries(Object.keys(LOWER).map(name => [name,
      h('div.panel', { role: 'tabpanel', id: `panel-${name}`, 'aria-labelledby': `tab-${name}` }, this[name].element)]));
    this.upper = h('div.upper', {}, this.scrub.element, this.spent.element, this.timeline.element);
    this.lower = h('div.lower', {}, this.tabs, Object.values(this.panels));
    this.splitter = splitter(this.upper, this.lower, () => app.changed());
    this.centre = h('main.centre', {}, h('div.head', {}, this.name, this.state, this.proofLink, h('span.space'), this.head,
      this.zones,
      h('button.quiet', { 'aria-label': 'Dark or light', title: 'Dark or light (M)', onClick: () => app.nextTheme() }, '◐'),
      h('button.quiet.wide-only', { 'aria-label': 'Keyboard', title: 'Keyboard (?)', onClick: () => this.help() }, '?')),
        this.banner.element, this.welcome.element, this.upper, this.splitter, this.lower);
    this.tabbar = h('nav.tabbar', { 'aria-label': 'Panes' }, PANES.map(([pane, title, kind]) =>
      h('button', { 'data-pane': pane, onClick: () => app.set({ pane }) }, glyph(kind), h('span', {}, title))));
    this.element = h('div.app', {}, this.threads.element, this.centre, this.conversation.element, this.detail.element,
      this.tabbar,
      this.toast, this.region, this.drop, this.sheet);
    this.#takeFiles();
  }

  get isSmall() { return innerWidth < 1000; }

  #takeFiles() {
    let depth = 0;
    const has = event => [...event.dataTransfer?.types ?? []].includes('Files');
    addEventListener('dragenter', event => {
      if (!has(event)) return;
      depth++;
      this.drop.hidden = false;
    });
    addEventListener('dragleave', () => { if (--depth <= 0) this.drop.hidden = true; });
    addEventListener('dragover', event => { if (has(event)) event.preventDefault(); });
    addEventListener('drop', event => {
      depth = 0;
      this.drop.hidden = true;
      if (!has(event)) return;
      event.preventDefault();
      this.app.openFiles([...event.dataTransfer.files]);
    });
  }

  #moveTab(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.code];
    if (!step) return;
    event.preventDefault();
    const names = Object.keys(LOWER);
    const next = names[(names.indexOf(this.app.ui.lower) + step + names.length) % names.length];
    this.app.set({ lower: next });
    this.tabs.querySelector(`[data-name="${next}"]`).focus();
  }

  tell(text) {
    say(this.toast, text);
    clearTimeout(this.toasting);
    this.toasting = setTimeout(() => say(this.toast, ''), 3500);
  }

  help() { if (!this.sheet.open) this.sheet.showModal(); }

  focus(pane, element) {
    this.app.set({ pane });
    requestAnimationFrame(() => element.focus());
  }

  focusStart() { requestAnimationFrame(() => this.welcome.text.focus()); }

  render() {
    const { app } = this;
    const { session, ui } = app;
    const has = Boolean(session);
    this.element.dataset.pane = has ? ui.pane : ui.pane === 'threads' ? 'threads' : 'timeline';
    if (has) this.element.dataset.has = '';
    else delete this.element.dataset.has;
    if (ui.selected !== undefined && has) this.element.dataset.event = '';
    else delete this.element.dataset.event;
    for (const part of [this.upper, this.lower, this.splitter, this.state, this.proofLink]) part.hidden = !has;
    for (const button of this.tabbar.children) put(button, 'aria-current',
      button.dataset.pane === this.element.dataset.pane ? 'true' : undefined);
    for (const button of this.zones.children) put(button, 'aria-pressed', String(button.dataset.zone === ui.zone));
    this.welcome.render();
    this.#head();
    this.banner.render();
    this.threads.render();
    this.composer.render();
    this.conversation.render();
    this.detail.render();
    for (const [name, panel] of Object.entries(this.panels)) put(panel, 'hidden', name !== ui.lower);
    for (const tab of this.tabs.children) {
      const isOn = tab.dataset.name === ui.lower;
      put(tab, 'aria-selected', String(isOn));
      tab.tabIndex = isOn ? 0 : -1;
    }
    if (!has) return;
    this.timeline.render();
    this.scrub.render();
    this.spent.render();
    this[ui.lower].render();
    const faults = session.faults.length + session.lineFaults.length;
    say(this.tabs.querySelector('[data-name="events"] .count'), session.events.length.toLocaleString('en'));
    say(this.tabs.querySelector('[data-name="proof"] .count'), faults ? `${faults} ${faults === 1 ? 'fault' : 'faults'}` : '');
  }

  #head() {
    const { app } = this;
    const { session } = app;
    say(this.name, session ? reveal(session.id) : 'New conversation');
    put(this.head, 'hidden', !session || app.isHead);
    document.title = session ? `${reveal(session.id)} · ${session.status === 'idle' ? '' : `${session.status} · `}Agent events`
      : 'Agent events';
    if (!session) return;
    const status = session.file ? 'recording' : session.status;
    this.state.dataset.kind = { running: 'message', waiting: 'person', paused: 'paused', recording: 'mark' }[status] ?? 'mark';
    say(this.state, session.file ? 'recording' : WORDS[status] ?? status);
    say(this.head, session.isLive ? 'Live' : 'To the end');
    const { proof } = session.history;
    say(this.proofLink, proof.count ? `${proof.dense && !session.faults.length ? '✓' : '✕'} ${proofInWords(proof)}` : '');
    this.proofLink.classList.toggle('no-mark', proof.count > 0 && (!proof.dense || session.faults.length > 0));
    this.#speak(session, status);
  }

  /** Changes of state, and not each fragment. */
  #speak(session, status) {
    const { service } = this.app;
    const ended = session.spans.story.findLast?.(item => item.kind === 'end');
    const connection = session.isLive && service.status !== 'connected' ? `, ${service.status}` : '';
    const words = `${session.id}: ${WORDS[status] ?? status}${status === 'idle' && ended
      ? `, ${ended.run.name} ${ended.run.status}` : ''}${connection}`;
    if (words === this.#said) return;
    this.#said = words;
    say(this.region, words);
  }
}
