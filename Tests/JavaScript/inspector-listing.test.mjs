/** The inspector's list of threads: its older pages, what is shown offline, and another user. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import './support/as-served.mjs';
import './support/globals.mjs';
import { Page } from './support/page.mjs';

/** Cards of a service with pages of five, the latest first. */
class Threads {
  all = [];
  asked = [];
  #time = 0;

  /** Something happens in a thread. */
  touch(...ids) {
    for (const thread_id of ids) {
      const updated_at = new Date(Date.UTC(2026, 10, 28) + ++this.#time * 1000).toISOString();
      this.all = [{ thread_id, updated_at, head: '3-1', status: 'idle' }, ...this.all.filter(card => card.thread_id !== thread_id)];
    }
  }

  delete(id) { this.all = this.all.filter(card => card.thread_id !== id); }

  page(before) {
    const place = before ? this.all.findIndex(card => card.updated_at < before) : 0;
    const threads = place < 0 ? [] : this.all.slice(place, place + 5);
    const isLast = threads.length < 5 || place + 5 >= this.all.length;
    return { threads, next: isLast ? null : threads.at(-1).updated_at };
  }
}

let page;
let threads;
let app;
let listing;
beforeEach(async () => {
  page = new Page();
  const { Listing } = await import('../../Sources/AgentEventsServer/Page/inspector/listing.js');
  threads = new Threads();
  const of = async ({ before }) => {
    threads.asked.push(before);
    if (threads.failure && before) throw threads.failure;
    if (threads.isDown) throw new TypeError('there is no network');
    return threads.page(before);
  };
  app = {
    ui: { find: '' }, changed() {}, changedSoon() {}, set(changes) { Object.assign(this.ui, changes); },
    service: { client: page.client(), threads: of },
  };
  listing = new Listing(app);
  threads.touch(...Array.from({ length: 20 }, (_, index) => `t_${String(index).padStart(3, '0')}`));
  tell();
  await listing.load();
  await page.clock.advance(20);
});
afterEach(() => page.close());

/** The first page is what the service tells of. */
function tell() {
  const { threads: cards, next } = threads.page();
  const gone = [...page.service.cards.keys()].filter(id => !cards.some(card => card.thread_id === id));
  page.service.next = next;
  page.service.list(cards, gone);
}

async function away(work) {
  page.service.isDown = true;
  page.service.kill();
  await page.clock.advance(100);
  work();
  tell();
  page.service.isDown = false;
  await page.clock.advance(60_000);
}

const shown = () => listing.threads.map(card => card.thread_id);
const held = () => threads.all.map(card => card.thread_id);
const fresh = (from, to) => Array.from({ length: to - from }, (_, index) => `t_${from + index}`);

describe('the listing', () => {
  test('shows the newest page, and older ones below', async () => {
    assert.deepEqual([shown(), listing.isLive], [held().slice(0, 5), true]);
    await listing.more();
    assert.deepEqual(shown(), held().slice(0, 10));
    threads.touch('t_900');
    tell();
    await page.clock.advance(20);
    assert.deepEqual(shown(), held().slice(0, 11));
    assert.equal(threads.asked.length, 3); // One page for the one that was pushed out.
  });

  for (const count of [3, 5, 7, 12, 23, 94]) {
    test(`has no hole after ${count} new ones that came while it was away`, async () => {
      await listing.more();
      await away(() => threads.touch(...fresh(100, 100 + count)));
      assert.deepEqual(shown(), held().slice(0, 10 + count));
      await listing.more();
      assert.deepEqual(shown(), held().slice(0, 15 + count));
    });
  }

  test('has no hole after older ones came to the front, and others were deleted', async () => {
    await listing.more();
    await away(() => {
      threads.touch('t_012', ...fresh(100, 108), 't_000');
      threads.delete('t_018');
    });
    assert.deepEqual(shown(), held().slice(0, shown().length));
    assert.equal(shown().at(-1), 't_010');
  });

  test('has no hole where the highest of the older ones has come up to the end of a page', async () => {
    await listing.more();
    await away(() => threads.touch('t_014', ...fresh(100, 109)));
    assert.deepEqual([held()[9], shown()], ['t_014', held().slice(0, 20)]);
  });

  test('reads no more than what is between', async () => {
    await listing.more();
    threads.asked.length = 0;
    await away(() => threads.touch(...fresh(100, 106)));
    assert.deepEqual([threads.asked.length, shown()], [2, held().slice(0, 16)]);
    threads.asked.length = 0;
    threads.touch('t_011');
    tell();
    await page.clock.advance(20);
    assert.deepEqual([threads.asked.length, shown()], [1, held().slice(0, 16)]);
  });

  test('shows those that were opened here where the service has no list any longer', async () => {
    await listing.more();
    app.service.threads = async () => undefined;
    await listing.load();
    assert.deepEqual([shown(), listing.next, listing.isListed], [[], undefined, false]);
  });

  test('leaves the older ones out where they are too far away', async () => {
    await listing.more();
    await away(() => threads.touch(...fresh(100, 300)));
    assert.deepEqual(shown(), held().slice(0, 105));
    await listing.more();
    assert.deepEqual(shown(), held().slice(0, 110));
  });

  test('leaves the older ones out where what is between cannot be read', async () => {
    await listing.more();
    threads.failure = new TypeError('there is no network');
    await away(() => threads.touch(...fresh(100, 112)));
    threads.failure = undefined;
    assert.deepEqual(shown(), held().slice(0, 5));
    await listing.more();
    assert.deepEqual(shown(), held().slice(0, 10));
  });

  test('shows no older ones where the newest page has all', async () => {
    await listing.more();
    await away(() => held().slice(3).forEach(id => threads.delete(id)));
    assert.deepEqual([shown(), listing.next], [held(), undefined]);
  });

  test('is not offline any longer when the service tells of it again', async () => {
    threads.isDown = true;
    await listing.load();
    assert.ok(app.isOffline);
    threads.isDown = false;
    await away(() => {});
    assert.deepEqual([app.isOffline, shown()], [false, held().slice(0, 5)]);
  });

  test('shows nothing of the user before', async () => {
    await listing.more();
    const late = listing.load();
    app.service.client.close();
    app.service.client = page.client();
    listing.forget();
    await late;
    assert.deepEqual([shown(), listing.next], [[], undefined]);
    threads.all = [];
    threads.touch('t_mine');
    tell();
    await listing.load();
    await page.clock.advance(20);
    assert.deepEqual([shown(), listing.isLive], [['t_mine'], true]);
  });
});
