/** Files of events, read in the page: a session for each thread. */
import { readEvents } from './core/ndjson.js';
import { parse } from './client.js';
import { Session } from './session.js';

/** @param {File} file @returns {Promise<Session[]>} at least one, which has the faults of the lines */
export async function recordings(file) {
  const { events, faults, lines } = readEvents(await file.text(), parse);
  const source = { file: file.name, lines };
  const sessions = new Map();
  for (const event of events) {
    if (!sessions.has(event.thread_id)) sessions.set(event.thread_id, new Session(event.thread_id, source));
    sessions.get(event.thread_id).append(event);
  }
  const found = sessions.size ? [...sessions.values()] : [new Session(file.name, source)];
  found[0].lineFaults = faults;
  for (const session of found) {
    session.isCaughtUp = true;
    session.finish();
  }
  return found;
}

/** The number of faults and the first one; undefined for none. */
export function faultsInWords({ file, lineFaults, faults, lines, events }) {
  const count = lineFaults.length + faults.length;
  if (!count) return undefined;
  const { line, message } = lineFaults[0] ?? { line: lines.get(events[faults[0].index]), message: faults[0].message };
  return `${file} has ${count} ${count === 1 ? 'fault' : 'faults'}: line ${line}: ${message}`;
}
