/** The threads beside what is shown: those that the service lists, as they are now, or those that were opened here. */
import { followThreads, inOrder } from './client.js';
import { question } from './core/question.js';
import { remembered } from './settings.js';

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
    const remembers = () => remembered('opened', []).filter(id => id.includes(find)).map(id => ({ thread_id: id }));
    try {
      const page = this.#hasNoList ? undefined : await app.service.threads({ q: find });
      if (find !== this.#find) return;
      this.#hasNoList = !page;
      this.isListed = Boolean(page);
      this.#show(page?.threads ?? remembers(), page?.next ?? undefined);
      app.isOffline = false;
      if (page) this.#follow(find);
    } catch (error) {
      app.isOffline = error.status === undefined;
      app.needsToken = error.status === 401;
      if (error.status !== 503) this.threads = remembers(); // While the service reads its log, the list stays.
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

  /** Older pages stay as they were read, below the newest. */
  #show(newest, next, gone = []) {
    const isNewest = new Set(newest.map(thread => thread.thread_id));
    const older = this.#hasOlder ? this.threads.filter(({ thread_id: id }) => !isNewest.has(id) && !gone.includes(id)) : [];
    this.threads = older.length ? inOrder([...newest, ...older]) : newest;
    if (!this.#hasOlder) this.next = next;
  }

  #changed(gone) {
    if (!this.isLive) return;
    const { threads, next } = this.#list;
    this.#show(threads, next ?? undefined, gone);
    // Those that others have pushed out of the list are older ones now; those that were deleted are not.
    if (this.#hasOlder && gone.length) this.#readPushedOut(next);
    this.app.changedSoon();
  }

  async #readPushedOut(before) {
    const find = this.#find;
    const page = before && await this.app.service.threads({ q: find, before }).catch(() => undefined);
    if (!page || find !== this.#find || !this.#hasOlder) return;
    this.#append(page.threads);
  }

  #append(threads) {
    const isThere = new Set(this.threads.map(thread => thread.thread_id));
    this.threads = inOrder([...this.threads, ...threads.filter(({ thread_id: id }) => !isThere.has(id))]);
    this.app.changedSoon();
  }

  async more() {
    const find = this.#find;
    const page = await this.app.service.threads({ q: find, before: this.next });
    if (find !== this.#find) return;
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
