/** The page: what is shown, and how it changes. Views draw what is here, at most once in a frame. */
import { readLink, resolve, sentence, writeLink } from './core/link.js';
import { Clock, ZONES } from './core/time.js';
import { copy } from './dom.js';
import { listen } from './keys.js';
import { Listing } from './listing.js';
import { Moves } from './moves.js';
import { faultsInWords, recordings } from './recordings.js';
import { Service } from './service.js';
import { Session } from './session.js';
import { remember, remembered } from './settings.js';
import { Shell } from './shell.js';

const RECENT = 6;
const RECENT_EVENTS = 100_000;

export class App extends Moves {
  service = new Service();
  files = new Map();
  recent = new Map();
  listing = new Listing(this);
  ui = {
    view: { from: 0, to: 1 }, cursor: undefined, selected: undefined, range: undefined, compress: false,
      fold: remembered('fold', true),
    filter: remembered('filter', '', 'sessionStorage'), lower: remembered('lower', 'events', 'sessionStorage'), pane: 'timeline',
    zone: remembered('zone', 'utc'), theme: remembered('theme', 'system'), find: '', frames: undefined,
  };

  #isDue = false;
  #following;
  #timer;
  #soon;
  #drawn = 0;

  constructor() {
    super();
    this.clock = new Clock(this.ui.zone);
    this.shell = new Shell(this);
    for (const name of ['timeline', 'events', 'conversation', 'composer']) this[name] = this.shell[name];
    document.body.append(this.shell.element);
    this.#applyTheme();
    listen(this);
    this.service.addEventListener('change', () => this.changed());
    addEventListener('popstate', event => this.#arrive(event.state));
    addEventListener('hashchange', () => this.#arrive(history.state));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#applyTheme());
    addEventListener('resize', () => this.changed());
    addEventListener('pagehide', () => remember('place', this.#place, 'sessionStorage'));
    document.addEventListener('visibilitychange', () => this.changed());
    // A page that is loaded again is where it was.
    const place = remembered('place', undefined, 'sessionStorage');
    this.#arrive(place?.thread === readLink(location.hash).thread ? place : history.state);
    this.#refresh();
  }

  // What is shown

  get cursor() { return Math.min(this.ui.cursor ?? Infinity, (this.session?.events.length ?? 0) - 1); }
  get isHead() { return this.ui.cursor === undefined; }
  get selected() { return this.ui.selected; }
  get selectedSpan() { return this.session?.spans.byIndex[this.ui.selected]; }
  get canCommand() { return Boolean(this.session?.isLive && !this.session.error); }

  /** Now, by the clock of the service; where nothing moves, the time of the last event. */
  get now() {
    const { session } = this;
    if (!session) return this.service.now;
    const last = session.spans.end ?? 0;
    const moves = session.isLive && session.openRuns.length && this.service.status === 'connected';
    return moves ? Math.max(this.service.now, last) : last;
  }

  /** The time of the cursor; at the head it is now. */
  get cursorTime() { return this.isHead ? this.now : Date.parse(this.session.events[this.cursor].time); }

  /** The run of the selected event, or the one that is under way at the cursor. */
  get focusedRun() {
    const { session } = this;
    if (!session) return undefined;
    const chosen = this.selectedSpan?.run;
    if (chosen) return chosen;
    if (session.file && this.isHead) return session.longestRun;
    for (let at = this.cursor; at >= 0 && at > this.cursor - 2000; at--) {
      const { run_id: id } = session.events[at];
      if (id === undefined) continue;
      let run = session.spans.runs.get(id);
      while (run?.parentRun) run = run.parentRun;
      return run;
    }
    return undefined;
  }

  set(changes) {
    Object.assign(this.ui, changes);
    for (const [name, kind] of [['fold'], ['zone'], ['theme'], ['filter', 'sessionStorage'], ['lower', 'sessionStorage']]) {
      if (name in changes) remember(name, this.ui[name], kind);
    }
    if ('zone' in changes) this.#setClock();
    if ('theme' in changes) this.#applyTheme();
    if ('frames' in changes || ('range' in changes && this.ui.frames)) this.keepLink();
    this.changed();
  }

  #setClock() { this.clock = new Clock(this.ui.zone, this.session?.spans.start ?? 0); }

  #applyTheme() {
    const isDark = this.ui.theme === 'dark' || (this.ui.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  }

  changed = () => {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.#frame());
  };

  /** For what comes by itself: thirty times in a second are enough, and few while a thread is read. */
  changedSoon = () => {
    if (this.#isDue || this.#soon) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.changed();
    }, Math.max(0, (this.session?.isCaughtUp ? 33 : 400) - (performance.now() - this.#drawn)));
  };

  #frame() {
    this.#isDue = false;
    this.#drawn = performance.now();
    if (this.clock.origin !== (this.session?.spans.start ?? 0)) this.#setClock();
    this.#followLink();
    this.shell.render();
    clearTimeout(this.#timer);
    // Bars of what is open grow with a clock of their own.
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (this.session?.isLive && this.session.openRuns.length && document.visibilityState === 'visible') {
      this.#timer = setTimeout(this.changed, isCalm ? 1000 : 100);
    }
  }

  tell = text => this.shell.tell(text);

  // Threads

  #arrive(state) {
    const { thread, cursor, malformed, frames, range } = readLink(location.hash);
    const wrong = malformed && { text: `The link ${malformed} does not name an event: a link is #thread@generation-sequence, as #t_7@3-42.` };
    if (!thread) {
      if (!this.session?.file) this.#leave();
      this.banner = wrong ?? this.banner;
      return;
    }
    this.link = cursor;
    if (this.session?.id !== thread || this.session.file) this.#enter(thread);
    this.link = cursor;
    this.ui.frames = frames;
    this.linkedRange = range;
    if (frames) Object.assign(this.ui, { lower: 'events', pane: 'lower' });
    this.banner = wrong ?? this.banner;
    if (state?.view) this.restored = state;
    this.changed();
  }

  open(id, cursor) {
    if (!/^[!-~]{1,256}$/.test(id)) return this.tell('that is no id of a thread');
    this.#keepPlace();
    history.pushState({}, '', writeLink(id, cursor));
    this.#arrive({});
  }

  get #place() {
    return { thread: this.session?.id, view: this.ui.view, scroll: [this.timeline.list.element.scrollTop,
      this.events.list.element.scrollTop] };
  }

  #keepPlace() { if (this.session && !this.session.file) history.replaceState(this.#place, ''); }

  #enter(id) {
    this.#leave();
    const session = this.recent.get(id) ?? new Session(id);
    session.error = undefined;
    this.recent.delete(id);
    this.recent.set(id, session);
    const size = () => [...this.recent.values()].reduce((sum, each) => sum + each.events.length, 0);
    while (this.recent.size > RECENT || (this.recent.size > 1 && size() > RECENT_EVENTS)) this.recent.delete(this.recent.keys().next().value);
    this.#setSession(session);
    const opened = [id, ...remembered('opened', []).filter(each => each !== id)].slice(0, 50);
    remember('opened', opened);
    this.#following = new AbortController();
    session.isCaughtUp = false;
    let wasCaughtUp = false;
    this.service.follow(session, this.#following.signal, event => {
      if (event && session === this.session) this.shell.proof.breakpoint.met(event, session.events.length - 1);
      const isNew = session.isCaughtUp !== wasCaughtUp;
      wasCaughtUp = session.isCaughtUp;
      if (isNew) this.changed();
      else this.changedSoon();
    });
    this.listing.load();
  }

  #setSession(session) {
    this.session = session;
    Object.assign(this.ui, { view: { from: 0, to: 1 }, cursor: undefined, selected: undefined, refusal: undefined, range: undefined,
      compress: Boolean(session?.file) });
    this.subscribers = undefined;
    this.#setClock();
    this.changed();
  }

  #leave() {
    this.#following?.abort();
    this.#following = undefined;
    this.banner = undefined;
    this.link = undefined;
    this.#setSession(undefined);
  }

  close() {
    this.#keepPlace();
    if (location.hash) history.pushState({}, '', location.pathname);
    this.#leave();
    this.shell.focusStart();
  }

  /** Shows a session that is there: of a file, or of a thread that was opened. */
  show(session, index) {
    if (!session.file) return this.open(session.id, index === undefined ? undefined : session.events[index]?.id);
    this.#keepPlace();
    if (location.hash) history.pushState({}, '', location.pathname);
    this.#leave();
    this.#setSession(session);
    this.set({ pane: 'timeline' });
    if (index !== undefined) this.select(index, {});
  }

  /** A recording that comes with the page: a refund with a child run, a request to a person, a pause, a crash. */
  async openExample() {
    const response = await fetch('/inspector/example.ndjson');
    await this.openFiles([new File([await response.text()], 'example.ndjson')]);
  }

  async openFiles(files) {
    let first;
    for (const file of files) {
      for (const session of await recordings(file)) {
        this.files.set(`${file.name}\n${session.id}`, session);
        first ??= session;
      }
    }
    if (!first) return;
    this.show(first);
    const text = faultsInWords(first);
    if (text) this.banner = { kind: 'failed', text, action: ['All faults', () => this.set({ lower: 'proof', pane: 'lower' })] };
  }

  signIn(token) {
    this.service.token = token;
    this.needsToken = false;
    const { session } = this;
    this.listing.forget();
    this.listing.load();
    if (session && !session.file) this.#enter(session.id);
  }

  /** What has no feed of its own is asked for again while the page is seen. */
  #refresh() {
    const ask = async () => {
      if (document.visibilityState !== 'visible') return;
      if (!this.listing.isLive) await this.listing.load();
      const { session } = this;
      if (!session?.isLive || session.error || this.isOffline) return;
      try {
        const { subscribers } = await this.service.subscribers(session.id);
        if (session !== this.session) return;
        this.subscribers = subscribers;
      } catch {
        this.subscribers = [];
      }
      this.subscribersVersion = JSON.stringify(this.subscribers);
      await this.service.readRefusals(session);
      this.changed();
    };
    ask();
    setInterval(ask, 4000);
  }

  #followLink() {
    const { session, link } = this;
    if (!session) return;
    if (link && (session.history.indexOf(link) >= 0 || session.isCaughtUp)) {
      this.link = undefined;
      const found = resolve(session.history, link);
      const words = sentence(link, found);
      const wasSeen = found.kind === 'lost' && session.previous?.history.indexOf(link) >= 0;
      if (words) this.banner = { text: wasSeen ? `This event was lost after this page had seen it. ${words}` : words };
      if (found.kind === 'event' || found.kind === 'merged') this.select(found.index, { isLink: true });
    }
    if (this.linkedRange && session.isCaughtUp) {
      const range = this.linkedRange.map(each => session.history.indexOf(each));
      this.linkedRange = undefined;
      if (range[0] >= 0 && range[1] >= range[0]) this.set({ range });
    }
    if (this.restored && session.events.length) {
      const { view, scroll } = this.restored;
      this.restored = undefined;
      this.ui.view = view;
      this.timeline.list.isFollowing = this.events.list.isFollowing = false;
      requestAnimationFrame(() => {
        [this.timeline.list.element.scrollTop, this.events.list.element.scrollTop] = scroll;
      });
    }
  }

  // Commands

  async #attempt(work, done) {
    try {
      const answer = await work();
      const text = typeof done === 'function' ? done(answer) : done;
      if (text) this.tell(text);
      return answer;
    } catch (error) {
      this.tell(`${error.code ?? 'refused'}: ${error.message}`);
      return undefined;
    }
  }

  command(name, run) {
    const thread = this.session?.thread;
    if (!this.canCommand || !thread) return undefined;
    const work = () => (name === 'stop' ? thread.stop({ run })
      : thread.command(name, { run, as_of: thread.cursor ?? undefined }));
    return this.#attempt(work, ({ outcome }) => (outcome === 'unchanged' ? `${name}: nothing to do` : undefined));
  }

  pauseOrResume() { return this.command(this.session?.openRuns[0]?.status === 'paused' ? 'resume' : 'pause'); }

  async send(text) {
    if (this.session) {
      await this.session.thread.send(text);
      this.toHead();
    } else {
      this.open(await this.service.begin(text));
    }
  }

  respond(span, decision, data) { return this.session.thread.respond(span.id, decision, { run: span.run.id, data }); }

  copyLink() {
    const event = this.session?.events[this.selected ?? this.cursor];
    if (!event || this.session.file) return this.tell('a file has no links');
    return copy(new URL(this.linkTo(event), location.href).href, this.tell);
  }

  nextZone() { this.set({ zone: ZONES[(ZONES.indexOf(this.ui.zone) + 1) % ZONES.length] }); }
  nextTheme() { this.set({ theme: document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark' }); }
  help() { this.shell.help(); }
  toggleFrames() { this.set({ frames: this.ui.frames ? undefined : 'events', lower: 'events', pane: 'lower' }); }
  focusTimeline() { this.shell.focus('timeline', this.timeline.list.element); }
  focusFilter() {
    this.set({ lower: 'events', frames: undefined });
    this.shell.focus('lower', this.events.input);
  }
  focusThreads() { this.shell.focus('threads', this.shell.threads.input); }
  focusComposer() { this.shell.focus('conversation', this.composer.text); }
}

globalThis.inspector = new App();
