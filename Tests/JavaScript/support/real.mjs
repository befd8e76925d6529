/** What tests against the real service have in common. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { AgentEvents, Fold } from '../../../Sources/AgentEventsServer/Page/agent-events.js';
import { canonical } from './canonical.mjs';
import { Service, folder, isBuilt } from './service.mjs';
import { WebSocket } from './web-socket.mjs';

export const skip = !isBuilt && 'the service is not built';
const clients = [];

/** A client; all are closed by `closeAll`. */
export function connect(service, options = {}) {
  const client = new AgentEvents({ url: service.url, WebSocket, networkTarget: new EventTarget(), ...options });
  clients.push(client);
  return client;
}

/** A service with the guide and files, which runs for the tests of the suite around the call. */
export function guidedService() {
  const place = folder();
  const service = new Service(...place.guide, '--data', place.data);
  before(() => service.start());
  after(async () => {
    closeAll();
    if (service.port) await service.stop(); // It has none where it did not start.
    place.remove();
  });
  return service;
}

/** Everything that a thread's reader gets. */
export function read(thread) {
  const events = [];
  events.done = (async () => {
    for await (const event of thread) events.push(event);
  })();
  events.done.catch(() => {});
  return events;
}

/** Waits for a condition, which is looked at after each notification. The deadline is for what hangs. */
export function until(thread, condition, what) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: not within two minutes; ${thread.cursor} ${thread.error}`)), 120_000);
    const look = () => {
      if (!condition()) return;
      clearTimeout(timer);
      stop();
      resolve();
    };
    const stop = thread.subscribe(look);
    look();
  });
}

/** Asks one question after the other, up to a time. */
export async function askUntil(thread, end) {
  for (let count = 1; count === 1 || Date.now() < end; count++) {
    await thread.send('Which files mention the parser?');
    await until(thread, hasEnded(thread, count), 'the end of the run');
  }
}

export const ids = events => events.map(event => event.id);
export const isDense = events => events.every((event, index) => event.seq === index + 1);
const ends = thread => thread.state.runs.filter(run => run.ended_at && !run.parent_run_id).length;
export const hasEnded = (thread, count = 1) => () => thread.live && ends(thread) >= count && thread.state.runs.every(run => run.ended_at);

/** What the client has is what the log has: each event once, and the state of the service. */
export async function compare(service, thread, events, authorization) {
  const log = await service.events(thread.id, authorization);
  await until(thread, () => thread.cursor === log.at(-1).id, 'the end of the log');
  assert.ok(isDense(log));
  if (events) assert.deepEqual(ids(events), ids(log));
  const { body } = await service.request('GET', `/v1/threads/${thread.id}/state`, undefined, authorization);
  assert.equal(canonical(thread.state), canonical(body.state));
  const fold = new Fold();
  log.forEach(event => fold.apply(event));
  assert.equal(canonical(fold.state), canonical(body.state));
}

export const closeAll = () => clients.forEach(client => client.close());
