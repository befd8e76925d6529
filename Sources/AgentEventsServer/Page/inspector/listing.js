/** The threads beside what is shown: those that the service lists, as they are now, or those that were opened here. */
import { followThreads, inOrder } from './client.js';
import { question } from './core/question.js';
import { remembered } from './settings.js';

/** The most pages that are read at a time to fill what is between the newest ones and the older ones. */
const PAGES = 20;

export class Listing {
  threads = [];
  /** Whether the service lists them. */
  isListed = false;
  /** Where older ones begin; undefined when there are none. */
  next;
  /** The list over the connection of the client, and what it was asked for. */
  #list;
  #asked;
  #hasOlder = false;
  #hasNoList = false;

  constructor(app) { this.app = app; }

  get #find() { return this.app.ui.find; }

  /** Whether the service tells what becomes of what is shown. */
  get isLive() { return Boolean(this.#list?.live) && this.#asked === this.#find; }

  /** The first page, at once; from then on the service tells what becomes of it. */
  async load() {
    const { app } = this;
    const find = this.#find;
    const isCurrent = this.#current();
    const remembers = () => remembered('opened', []).filter(id => id.includes(find)).map(id => ({ thread_id: id }));
    try {
      const page = this.#hasNoList ? undefined : await app.service.threads({ q: find });
      if (!isCurrent()) return;
      this.#hasNoList = !page;
      this.isListed = Boolean(page);
      if (page) this.#show(page.threads, page.next ?? undefined);
      else this.#restart(remembers());
      app.isOffline = false;
      if (page) this.#follow(find);
    } catch (error) {
      if (!isCurrent()) return;
      app.isOffline = error.status === undefined;
      app.needsToken = error.status === 401;
      if (error.status !== 503) this.#restart(remembers()); // While the service reads its log, the list stays.
    }
    app.changed();
  }

  #follow(find) {
    const list = followThreads(this.app.service.client, question(find));
    this.#asked = find;
    if (list === this.#list) return;
    this.#list = list; // Of another client than before, when there is another token.
    list.addEventListener('change', ({ detail }) => this.#changed(detail.gone));
  }

  /** Nothing of what was shown before stays: it was of another user, or is not what the service lists. */
  forget() { this.#restart([]); }

  #restart(threads) {
    this.#hasOlder = false;
    this.next = undefined;
    this.threads = threads;
  }

  /** Older pages stay as they were read, below the newest. */
  #show(newest, next, gone = []) {
    const isNewest = new Set(newest.map(thread => thread.thread_id));
    const older = this.#hasOlder ? this.threads.filter(({ thread_id: id }) => !isNewest.has(id) && !gone.includes(id)) : [];
    this.threads = older.length ? inOrder([...newest, ...older]) : newest;
    if (!this.#hasOlder) this.next = next;
  }

  #changed(gone) {
    if (!this.isLive) return;
    this.app.isOffline = false;
    const { threads, next } = this.#list;
    this.#show(threads, next ?? undefined, gone);
    // Those that others have pushed out of the list are older ones now; those that were deleted are not.
    if (this.#hasOlder && gone.length) this.#readPushedOut(next);
    this.app.changedSoon();
  }

  /** Reads on from the newest page until it meets the older ones. Where that is too far, or fails, those are left out: there is no hole. */
  async #readPushedOut(before) {
    const isCurrent = this.#current();
    const read = new Map();
    const older = () => {
      const isNewest = new Set(this.#list.threads.map(thread => thread.thread_id));
      return this.threads.filter(({ thread_id: id }) => !isNewest.has(id));
    };
    let hasMet = false;
    for (let pages = 0; before && !hasMet && pages < PAGES; pages++) {
      const page = await this.app.service.threads({ q: this.#find, before }).catch(() => undefined);
      if (!isCurrent() || !this.#hasOlder) return;
      if (!page) break;
      for (const thread of page.threads) read.set(thread.thread_id, thread);
      before = page.next;
      const last = page.threads.at(-1);
      const [highest] = older();
      if (!last || !highest) break;
      // By their places, since the highest one may have come up meanwhile, to another one.
      hasMet = last.updated_at < highest.updated_at
        || (last.updated_at === highest.updated_at && last.thread_id <= highest.thread_id);
    }
    const rest = hasMet ? older() : [];
    if (!hasMet) this.next = before ?? undefined;
    const all = [...rest, ...read.values(), ...this.#list.threads];
    this.threads = inOrder(new Map(all.map(thread => [thread.thread_id, thread])).values());
    this.app.changedSoon();
  }

  /** @returns whether the same is asked for by the same user, later. */
  #current() {
    const { client } = this.app.service;
    const find = this.#find;
    return () => find === this.#find && client === this.app.service.client;
  }

  #append(threads) {
    const isThere = new Set(this.threads.map(thread => thread.thread_id));
    this.threads = inOrder([...this.threads, ...threads.filter(({ thread_id: id }) => !isThere.has(id))]);
    this.app.changedSoon();
  }

  async more() {
    const isCurrent = this.#current();
    const page = await this.app.service.threads({ q: this.#find, before: this.next });
    if (!isCurrent()) return;
    this.#hasOlder = true;
    this.next = page?.next ?? undefined;
    this.#append(page?.threads ?? []);
  }

  find(text) {
    this.#hasOlder = false;
    this.app.set({ find: text.trim() });
    this.load();
  }
}
