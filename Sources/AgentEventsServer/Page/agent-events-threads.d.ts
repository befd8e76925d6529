import type { AgentEvents, AgentEventsError, Cursor, Integer, Time } from './agent-events.js';

export type ThreadStatus = 'idle' | 'running' | 'waiting' | 'paused' | 'queued';

/** What the list says of a thread, as `GET /v1/threads` does. */
export interface ThreadCard {
  thread_id: string;
  /** The user whose thread it is, for those who may know it. */
  user_id?: string;
  title?: string;
  created_at?: Time;
  updated_at: Time;
  head: Cursor;
  status: ThreadStatus;
  last_outcome?: 'completed' | 'failed' | 'cancelled';
  agents?: string[];
  runs?: Integer;
}

/** The threads that are listed: all that the user may read, or those that match. */
export interface ThreadQuestion {
  /** A part of the title or of the id; upper and lower case are the same. */
  q?: string;
  status?: ThreadStatus;
  /** One that began a run. */
  agent?: string;
  /** The most threads, up to 100; 50 by default. */
  limit?: number;
}

/** The list as of the last frame. Another object in each frame in which something changed. */
export interface ThreadListView {
  /** Those in which something happened last come first. */
  readonly threads: readonly ThreadCard[];
  /** The `before` with which `GET /v1/threads` continues after them; null where nothing follows. */
  readonly next: string | null;
  /** The list is that of the question, as it is now. Until then it is as it was. */
  readonly live: boolean;
  /**
   * Why nothing comes any longer: a refused question, a list that the service has ended (`threads.unlisted`, `auth.scope_missing`),
   * a client that was refused, or one that has ended: `client.closed`, or `client.signed_out`, by `setToken(null)` or another user.
   * It is null while the connection comes back, and after `disconnect`.
   */
  readonly error: AgentEventsError | null;
}

interface ThreadListEvents {
  /** The cards that are new or have changed since the one before, also after another connection, and the ids of what has gone. */
  change: CustomEvent<{ threads: ThreadCard[]; gone: string[] }>;
}

/** The list of threads of a client, over its connection: it comes back with it, and has then what happened meanwhile. */
export interface ThreadList extends EventTarget, ThreadListView {
  /** With `getSnapshot` what `useSyncExternalStore` takes: the listener is called at most once in a frame. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly getSnapshot: () => ThreadListView;
  /**
   * Another question, of which the list keeps a copy. The threads of the one before stay until the answer comes. The same one again
   * does nothing, unless it was refused or its list has ended: then it is asked again.
   */
  ask(question?: ThreadQuestion): void;
  /** Leaves the list: nothing comes any longer. */
  disconnect(): void;
  addEventListener<Name extends keyof ThreadListEvents>(
    type: Name, listener: (event: ThreadListEvents[Name]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

/**
 * Follows the list of the threads that the user of a client may read. A client has one: the same object until it is disconnected,
 * of which another question takes the place of the one before. The signal is that of the first call; it disconnects the list.
 * It asks as `ask` does, so each call asks again for what was refused: call it once for a question, in an effect and not while rendering.
 */
export function followThreads(client: AgentEvents, options?: ThreadQuestion & { signal?: AbortSignal }): ThreadList;

/** Threads in the order of the list; those of which no time is known come last. */
export function inOrder<Card extends { thread_id: string; updated_at?: Time }>(threads: Iterable<Card>): Card[];
