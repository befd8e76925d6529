/** The client against the real service with tokens: replaced in time, too late, and refused. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { askUntil, closeAll, compare, connect, read, skip, until } from './support/real.mjs';
import { Service, folder, token } from './support/service.mjs';
import { WebSocket } from './support/web-socket.mjs';

describe('service with tokens', { skip }, () => {
  let place;
  let service;
  before(async () => {
    place = folder();
    service = await new Service('--in-memory', ...place.guide, '--auth', 'jwt', '--jwt-secret-file', place.secret).start();
  });
  after(async () => {
    closeAll();
    await service?.stop();
    place?.remove();
  });

  test('a token is replaced before it ends, over the same connection; nothing is lost', async () => {
    let tokens = 0;
    const firstEnd = Date.now() + 4000;
    const opened = new Set();
    const client = connect(service, {
      token: async () => token('u_1', ++tokens === 1 ? 4 : 600),
      WebSocket: class extends WebSocket {
        constructor(...rest) {
          super(...rest);
          opened.add(this);
        }
      },
    });
    const thread = client.thread('u_1~refresh', { after: 'start', merge: false });
    const events = read(thread);
    await until(thread, () => thread.live, 'live');
    await askUntil(thread, firstEnd);
    assert.equal(tokens, 2);
    assert.equal(opened.size, 1);
    await compare(service, thread, events, token('u_1', 60));
  });

  test('a token that has ended while the client was away: a new one, and the same place', async () => {
    let tokens = 0;
    const firstEnd = Date.now() + 3000;
    const client = connect(service, { token: async () => token('u_2', ++tokens === 1 ? 3 : 600), now: () => Date.now() - 3_600_000 });
    const thread = client.thread('u_2~end', { after: 'start', merge: false });
    const told = [];
    thread.addEventListener('recovered', ({ detail }) => told.push(detail.how));
    const events = read(thread);
    // The clock of this client is an hour late: it replaces nothing in time, and is closed with 4401.
    await askUntil(thread, firstEnd);
    await until(thread, () => told.length > 1 && thread.live, 'the next connection');
    assert.deepEqual([...new Set(told.slice(1))], ['resumed']);
    assert.ok(tokens >= 2);
    await compare(service, thread, events, token('u_2', 60));
  });

  test('a token that does not count: the client stops, and says why', async () => {
    const client = connect(service, { token: () => token('u_3', 600).slice(0, -2) });
    const error = new Promise(resolve => client.addEventListener('error', ({ detail }) => resolve(detail)));
    client.thread('u_3~none');
    assert.equal((await error).code, 'auth.invalid');
    assert.equal(client.status, 'refused');
  });

  test('a thread of somebody else is silent, and a command for it is refused', async () => {
    const client = connect(service, { token: () => token('u_4', 600) });
    const thread = client.thread('u_1~refresh');
    await until(thread, () => thread.live, 'live');
    assert.equal(thread.cursor, null);
    await assert.rejects(thread.send('hi'), { code: 'thread.unknown' });
  });
});
