/** A service in this process, which speaks the protocol to clients that are given its `WebSocket`. */
import { Fold, parse, stringify } from '../../../Sources/AgentEventsServer/Page/agent-events.js';

/** Events of which adjacent fragments of one message are one. */
function merged(events) {
  const all = [];
  for (const event of events) {
    const last = all.at(-1);
    const isMore = event.type === 'message_delta' && last?.type === 'message_delta' && last.run_id === event.run_id
      && last.data.message_id === event.data.message_id;
    if (!isMore) all.push(event);
    else all[all.length - 1] = {
      ...event, from_seq: last.from_seq ?? last.seq, data: { ...event.data, text: last.data.text + event.data.text } };
  }
  return all;
}

export class FakeService {
  connections = [];
  opened = 0;
  threads = new Map();
  generation = 3;
  user = 'u_1';
  heartbeat = 25_000;
  expiresAt;
  received = [];
  commands = new Map(); // Answers by key.
  accepts = () => true; // Of a token: whether it counts, or the code why it does not.
  isDown = false;
  answersAcks = false;
  /** Changes what a subscriber gets: takes the texts of events, and returns those that are sent. */
  tamper = texts => texts;
  onCommand = () => {};
  beforeSubscribing = () => {};
  WebSocket;

  constructor() {
    const service = this;
    this.WebSocket = class {
      constructor(url, protocols) {
        Object.assign(this, { url, protocols, readyState: 0, subscriptions: new Set(), acks: [] });
        service.opened++;
        queueMicrotask(() => service.#accept(this));
      }
      send(text) {
        if (this.readyState === 0) throw new Error('it is not open');
        queueMicrotask(() => this.readyState === 1 && service.#receive(this, text));
      }
      close() {
        if (this.readyState === 3) return;
        this.readyState = 3;
        service.#forget(this);
        const { onclose } = this;
        queueMicrotask(() => onclose?.({ code: 1005, reason: '' }));
      }
    };
  }

  thread(id = 't_7') {
    if (!this.threads.has(id)) this.threads.set(id, []);
    return this.threads.get(id);
  }

  count(op) { return this.received.filter(message => message.op === op).length; }

  /** Commits an event and delivers it. */
  emit(type, data = {}, { thread = 't_7', run = 'r_1', agent = 'guide', ...more } = {}) {
    const log = this.thread(thread);
    const seq = (log.at(-1)?.seq ?? 0) + 1;
    const isOfRun = type !== 'user_message' && type !== 'state_updated';
    const event = {
      type, id: `${this.generation}-${seq}`, seq, thread_id: thread, ...(isOfRun && { run_id: run, agent }),
      time: '2026-11-28T10:00:00.000Z', data, ...more,
    };
    log.push(event);
    for (const connection of this.connections) {
      if (!connection.subscriptions.has(thread)) continue;
      for (const text of this.tamper([stringify(event)], connection)) this.say(connection, text);
    }
    return event;
  }

  /** A run of one message, from start to end. */
  emitRun(run = 'r_1', text = 'hello', options = {}) {
    this.emit('agent_started', {}, { run, ...options });
    this.emit('message_delta', { message_id: `m_${run}`, text }, { run, ...options });
    this.emit('message_completed', { message_id: `m_${run}`, role: 'assistant', text }, { run, ...options });
    this.emit('agent_completed', { duration_ms: 1 }, { run, ...options });
  }

  say(connection, message) {
    if (connection.readyState !== 1) return;
    connection.onmessage?.({ data: typeof message === 'string' ? message : stringify(message) });
  }

  /** Closes a connection from this side. */
  hangUp(connection, code = 1006, reason = '') {
    if (!connection || connection.readyState === 3) return;
    connection.readyState = 3;
    this.#forget(connection);
    connection.onclose?.({ code, reason });
  }

  kill(code = 1006, reason = '') {
    for (const connection of [...this.connections]) this.hangUp(connection, code, reason);
  }

  get connection() { return this.connections.at(-1); }

  #forget(connection) { this.connections = this.connections.filter(other => other !== connection); }

  #accept(connection) {
    if (connection.readyState !== 0) return;
    if (this.isDown) {
      connection.readyState = 3;
      return connection.onclose?.({ code: 1006, reason: '' });
    }
    const token = connection.protocols.find(protocol => protocol.startsWith('bearer.'))?.slice(7);
    const verdict = this.accepts(token);
    if (token !== undefined && verdict !== true) {
      connection.readyState = 3; // 401, of which a browser tells nothing.
      return connection.onclose?.({ code: 1006, reason: '' });
    }
    connection.readyState = 1;
    connection.token = token;
    this.connections.push(connection);
    connection.onopen?.({});
    if (verdict === true) this.#welcome(connection);
  }

  #welcome(connection) {
    connection.isGreeted = true;
    this.say(connection, {
      op: 'welcome', connection_id: `c_${this.opened}`, user_id: this.user, heartbeat_ms: this.heartbeat,
      limits: { max_message_bytes: 1_048_576 }, ...(this.expiresAt && { expires_at: new Date(this.expiresAt()).toISOString() }),
    });
  }

  #receive(connection, text) {
    const message = parse(text);
    this.received.push(message);
    const { op, req, thread_id } = message;
    if (!connection.isGreeted) {
      const verdict = op === 'auth' && this.accepts(message.token);
      if (verdict === true) return this.#welcome(connection);
      this.say(connection, { op: 'error', code: verdict || 'auth.missing', message: 'no', retryable: false });
      return this.hangUp(connection, 4401, verdict || 'auth.missing');
    }
    switch (op) {
      case 'subscribe': return this.#subscribe(connection, message);
      case 'unsubscribe':
        connection.subscriptions.delete(thread_id);
        return this.say(connection, { op: 'unsubscribed', req, thread_id });
      case 'ack': return void connection.acks.push(message.cursor);
      case 'ping': return this.say(connection, { op: 'pong', req });
      case 'refresh': {
        const verdict = this.accepts(message.token);
        if (verdict !== true) return this.say(connection, { op: 'error', req, code: verdict, message: 'no', retryable: false });
        return this.say(connection, { op: 'refreshed', req, expires_at: new Date(this.expiresAt()).toISOString() });
      }
      case 'command': return this.#command(connection, message);
      case 'watch': return this.#watch(connection, message);
      case 'unwatch': {
        const answer = connection.watches ? { op: 'unwatched' } : { op: 'error', code: 'subscription.unknown', message: 'no', retryable: false };
        connection.watches = false;
        return this.say(connection, { ...answer, req });
      }
    }
  }

  /** What is answered to a `watch`: nothing for its list, or a refusal. */
  onWatch = () => undefined;
  cards = new Map();
  next = null;

  /** The list changes, and those who watch are told. */
  list(threads, gone = []) {
    for (const thread of threads) this.cards.set(thread.thread_id, thread);
    for (const id of gone) this.cards.delete(id);
    for (const connection of this.connections) this.#tell(connection, threads, gone);
  }

  #tell(connection, threads, gone) { if (connection.watches) this.say(connection, { op: 'threads', threads, gone, next: this.next }); }

  /** Ends the lists. */
  end(code) {
    for (const connection of this.connections) {
      if (connection.watches) this.say(connection, { op: 'unwatched', code });
      connection.watches = false;
    }
  }

  #watch(connection, { req, ...message }) {
    const refused = connection.watches ? { code: 'subscription.exists', retryable: false } : this.onWatch(message);
    if (refused) return this.say(connection, { op: 'error', req, message: 'no', ...refused });
    connection.watches = true;
    this.say(connection, { op: 'watching', req });
    this.#tell(connection, [...this.cards.values()], []);
  }

  #command(connection, message) {
    const { req, key, name, thread_id, data } = message;
    if (this.onCommand(message, connection) === false) return;
    const before = this.commands.get(key);
    const answer = before ? { ...before, outcome: 'repeated' } : this.#carryOut(name, thread_id, data);
    this.commands.set(key, before ?? answer);
    if (this.losesAnswers > 0) {
      this.losesAnswers--;
      return this.hangUp(connection);
    }
    this.say(connection, { op: 'accepted', req, thread_id, name, ...answer });
  }

  #carryOut(name, thread, data) {
    if (name === 'message') {
      const event = this.emit('user_message', { message_id: `m_${this.thread(thread).length}`, user_id: this.user, text: data.text }, { thread });
      return { outcome: 'done', cursors: [event.id], message_id: event.data.message_id };
    }
    const open = new Fold();
    this.thread(thread).forEach(event => open.apply(event));
    if (name === 'stop') {
      const runs = open.state.runs.filter(run => run.status === 'running');
      const cursors = runs.map(run => this.emit('agent_cancelled', { by: this.user, duration_ms: 1 }, { thread, run: run.run_id }).id);
      return { outcome: cursors.length ? 'done' : 'unchanged', cursors };
    }
    if (name === 'answer') {
      const asked = open.state.approvals.find(approval => approval.approval_id === data.approval_id);
      if (!asked) return { outcome: 'unchanged', cursors: [] };
      const event = this.emit('approval_resolved', { ...data, by: this.user }, { thread, run: asked.run_id });
      return { outcome: 'done', cursors: [event.id] };
    }
    return { outcome: 'done', cursors: [] };
  }

  #subscribe(connection, message) {
    this.beforeSubscribing(message);
    // A consumer that has acknowledged nothing begins at the start, as at the service.
    const { req, thread_id, snapshot, merge } = message;
    const after = message.after ?? (message.consumer ? 'start' : 'now');
    const log = this.thread(thread_id);
    const head = log.at(-1)?.id ?? null;
    const oldest = log[0];
    connection.subscriptions.add(thread_id);
    const say = message => this.say(connection, { ...message, thread_id });
    const snap = () => {
      const fold = new Fold();
      log.forEach(event => fold.apply(event));
      say({ op: 'snapshot', cursor: fold.cursor, state: fold.state });
    };
    let events = [];
    if (after === 'snapshot' || after === 'now') {
      say({ op: 'subscribed', req, after: head, head });
      if (after === 'snapshot') snap();
    } else {
      const place = after === 'start' ? -1 : log.findIndex(event => event.id === after);
      if (after !== 'start' && place < 0) {
        say({ op: 'subscribed', req, after: null, head });
        say({ op: 'reset', reason: this.resetReason ?? 'diverged', oldest: oldest?.id ?? null });
        if (snapshot) snap();
      } else {
        say({ op: 'subscribed', req, after: place < 0 ? null : after, head });
        events = merge === false ? log.slice(place + 1) : merged(log.slice(place + 1));
      }
    }
    for (const text of this.tamper(events.map(event => stringify(event)), connection)) this.say(connection, text);
    say({ op: 'live', cursor: log.at(-1)?.id ?? null });
  }
}
