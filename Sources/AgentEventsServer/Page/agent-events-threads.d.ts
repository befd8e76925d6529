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
  /** Why nothing comes any longer: a refused question, `threads.unlisted`, or a client that has ended. */
  readonly error: AgentEventsError | null;
}

interface ThreadListEvents {
  /** The cards that are new or have changed, and the ids of the threads that are in the list no longer. */
  change: CustomEvent<{ threads: ThreadCard[]; gone: string[] }>;
}

/** The list of threads of a client, over its connection: it comes back with it, and has then what happened meanwhile. */
export interface ThreadList extends EventTarget, ThreadListView {
  /** With `getSnapshot` what `useSyncExternalStore` takes: the listener is called at most once in a frame. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly getSnapshot: () => ThreadListView;
  /** Another question. The threads of the one before stay until the answer comes; the same one again does nothing. */
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
 */
export function followThreads(client: AgentEvents, options?: ThreadQuestion & { signal?: AbortSignal }): ThreadList;

/** Threads in the order of the list. */
export function inOrder<Card extends { thread_id: string; updated_at: Time }>(threads: Iterable<Card>): Card[];
