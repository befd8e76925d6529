/** An integer; a `bigint` where a `number` would not hold it. */
export type Integer = number | bigint;
/** Any JSON, in which large integers are `bigint`s. */
export type Json = null | boolean | number | bigint | string | Json[] | { [name: string]: Json };
/** A position in a thread's log, which is the `id` of an event: `3-42`. */
export type Cursor = string;
/** UTC, RFC 3339, milliseconds. */
export type Time = string;

// MARK: Events

/** What went wrong in a run. */
export interface Failure {
  code: string;
  message: string;
  retryable: boolean;
  details?: { [name: string]: Json };
}

/** Tokens; there may be further members. */
export interface Usage {
  input_tokens?: Integer;
  output_tokens?: Integer;
  [name: string]: Json | undefined;
}

export interface Trace {
  traceparent: string;
  tracestate?: string;
}

export type Role = 'assistant' | 'user' | 'system' | 'tool';
export type ToolStatus = 'succeeded' | 'failed' | 'timed_out' | 'cancelled' | 'denied';
export type ApprovalKind = 'approval' | 'input';
export type Decision = 'approved' | 'denied' | 'expired' | 'cancelled';

/** What events of each type have in `data`. Later versions may add members, and types. */
export interface EventData {
  agent_queued: AgentQueued;
  agent_started: AgentStarted;
  agent_thinking: AgentThinking;
  agent_progress: AgentProgress;
  agent_paused: AgentPaused;
  agent_resumed: AgentResumed;
  agent_completed: AgentCompleted;
  agent_failed: AgentFailed;
  agent_cancelled: AgentCancelled;
  input_taken: InputTaken;
  message_delta: MessageDelta;
  message_completed: MessageCompleted;
  tool_executing: ToolExecuting;
  tool_progress: ToolProgress;
  tool_completed: ToolCompleted;
  approval_requested: ApprovalRequested;
  approval_resolved: ApprovalResolved;
  usage_reported: UsageReported;
  user_message: UserMessage;
  state_updated: StateUpdated;
  custom: Custom;
}

export interface AgentQueued {
  input?: Json;
  message_ids?: string[];
  by?: string;
  not_before?: Time;
  start_by?: Time;
  schedule_id?: string;
  attempt?: Integer;
  retry_of?: string;
}

export interface AgentStarted {
  input?: Json;
  parent_run_id?: string;
  parent_call_id?: string;
  idle_timeout_ms?: Integer;
  message_ids?: string[];
  attempt?: Integer;
  retry_of?: string;
  trace?: Trace;
}

export interface AgentThinking {
  thought_id: string;
  text: string;
}

export interface AgentProgress {
  message?: string;
  fraction?: number;
  step?: Integer;
  total?: Integer;
}

export interface AgentPaused {
  by?: string;
  reason?: string;
  handed_over?: boolean;
}

export interface AgentResumed {
  by?: string;
  reason?: string;
}

export interface AgentCompleted {
  result?: Json;
  usage?: Usage;
  duration_ms: Integer;
}

export interface AgentFailed {
  error: Failure;
  usage?: Usage;
  duration_ms: Integer;
}

export interface AgentCancelled {
  reason?: string;
  by?: string;
  superseded_by?: string;
  discarded?: boolean;
  usage?: Usage;
  duration_ms: Integer;
}

export interface InputTaken {
  message_ids: string[];
}

export interface MessageDelta {
  message_id: string;
  text: string;
}

export interface MessageCompleted {
  message_id: string;
  role: Role;
  text: string;
  interrupted?: boolean;
}

export interface ToolExecuting {
  call_id: string;
  tool: string;
  arguments: Json;
  purpose?: string;
}

export interface ToolProgress {
  call_id: string;
  message?: string;
  fraction?: number;
}

export interface ToolError {
  code: string;
  message: string;
}

export interface ToolCompleted {
  call_id: string;
  tool: string;
  status: ToolStatus;
  result?: Json;
  error?: ToolError;
  duration_ms: Integer;
}

export interface ApprovalRequested {
  approval_id: string;
  call_id?: string;
  prompt: string;
  kind?: ApprovalKind;
  schema?: Json;
  editable?: boolean;
  approvers?: string[];
  separate_from?: string;
  expires_at?: Time;
}

export interface ApprovalResolved {
  approval_id: string;
  decision: Decision;
  by?: string;
  data?: Json;
}

/** There may be further members. */
export interface UsageReported {
  model?: string;
  input_tokens: Integer;
  output_tokens: Integer;
  cached_input_tokens?: Integer;
  reasoning_tokens?: Integer;
  estimated?: boolean;
  [name: string]: Json | undefined;
}

export interface UserMessage {
  message_id: string;
  user_id: string;
  text: string;
  data?: Json;
  replaces?: string;
  given_to?: string;
  trace?: Trace;
}

export interface StateUpdated {
  version: Integer;
  key: string;
  value?: Json;
  removed?: true;
  expires_at?: Time;
  by?: string;
  reason?: string;
}

export interface Custom {
  name: string;
  value: Json;
  by?: string;
}

export type EventType = keyof EventData;

interface Envelope {
  id: Cursor;
  seq: Integer;
  /** Of merged fragments, the sequence of the first. */
  from_seq?: Integer;
  thread_id: string;
  run_id?: string;
  agent?: string;
  time: Time;
}

/** An event as the log has it; `event.type` tells which `data` it has. */
export type AgentEvent = { [Type in EventType]: Envelope & { type: Type; data: EventData[Type] } }[EventType];

// MARK: State

/** The state of a conversation, as `GET /v1/threads/{thread}/state` has it, too. */
export interface ThreadState {
  format: 1;
  cursor: Cursor | null;
  messages: Message[];
  /** First those that have ended, in the order of their ends. */
  runs: Run[];
  queue: QueuedRun[];
  /** Those that are open. */
  calls: Call[];
  /** Those that are open. */
  approvals: Approval[];
  /** The last 64. */
  resolved_approvals?: ResolvedApproval[];
  entries: Entry[];
  dropped: Dropped;
  limits: Limits;
}

export interface Dropped {
  messages: number;
  runs: number;
  entries: number;
}

export interface Limits {
  message_count: number;
  message_bytes: number;
  run_count: number;
  run_bytes: number;
  entry_count: number;
  entry_bytes: number;
  thought_bytes: number;
}

export interface Message {
  message_id: string;
  role: Role;
  text: string;
  complete: boolean;
  run_id?: string;
  agent?: string;
  user_id?: string;
  data?: Json;
  time: Time;
}

export type RunStatus = 'queued' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';

export interface Run {
  run_id: string;
  agent: string;
  status: RunStatus;
  /** It waits for people. */
  waiting?: true;
  parent_run_id?: string;
  parent_call_id?: string;
  queued_at?: Time;
  started_at?: Time;
  ended_at?: Time;
  deadline_at?: Time;
  progress?: Progress;
  thought?: Thought;
  usage?: Usage;
  result?: Json;
  error?: Failure;
  reason?: string;
  by?: string;
}

export interface Thought {
  thought_id: string;
  text: string;
  /** The beginning is left out. */
  cut?: true;
}

export interface QueuedRun {
  run_id: string;
  agent: string;
  message_ids?: string[];
  queued_at: Time;
  not_before?: Time;
  position: number;
}

export interface Call {
  run_id: string;
  call_id: string;
  tool: string;
  arguments?: Json;
  purpose?: string;
  started_at: Time;
  progress?: Progress;
}

export interface Approval {
  run_id: string;
  approval_id: string;
  call_id?: string;
  prompt: string;
  kind?: ApprovalKind;
  schema?: Json;
  editable?: true;
  approvers?: string[];
  separate_from?: string;
  requested_at: Time;
  expires_at?: Time;
}

export interface ResolvedApproval {
  run_id: string;
  approval_id: string;
  decision: Decision;
  by?: string;
  cursor: Cursor;
}

export interface Entry {
  key: string;
  version: Integer;
  value?: Json;
  removed?: true;
  expires_at?: Time;
  by?: string;
  time?: Time;
}

export interface Progress {
  message?: string;
  fraction?: number;
  step?: Integer;
  total?: Integer;
}

// MARK: Commands

export type Outcome = 'done' | 'unchanged' | 'repeated';

/** The answer to a command, once the events that it made are committed. */
export interface Accepted {
  thread_id: string;
  name: string;
  outcome: Outcome;
  cursors: Cursor[];
  run_id?: string;
  message_id?: string;
  details?: Details;
}

export type MetStatus = 'queued' | 'running' | 'waiting' | 'paused' | 'completed' | 'failed' | 'cancelled';

export interface MetRun {
  run_id: string;
  status?: MetStatus;
  since?: Cursor;
  waiting_for?: string[];
}

/** The state that a command met. */
export interface Details {
  run_id?: string;
  status?: MetStatus;
  since?: Cursor;
  waiting_for?: string[];
  runs?: MetRun[];
  left?: MetRun[];
  as_of?: 'unknown';
  decision?: Decision;
  by?: string;
  cursor?: Cursor;
  /** Of a value of the context, the version it has now. */
  version?: Integer;
  value?: Json;
  time?: Time;
}

export interface Grant {
  scope?: 'thread' | 'run';
  arguments?: Json;
  ttl_ms?: Integer;
}

/** Names a request, so that sending it again does nothing twice. Without one, a random one is made. */
export interface Keyed {
  key?: string;
}

export interface SendOptions extends Keyed {
  agent?: string;
  data?: Json;
  policy?: 'reject' | 'queue' | 'supersede' | 'rollback' | 'parallel' | 'steer';
  replaces?: string;
  answers_approval?: boolean;
  trace?: Trace;
}

export interface CommandOptions extends Keyed {
  run?: string;
  as_of?: Cursor;
  data?: Json;
}

export interface RespondOptions extends Keyed {
  /** The run that asks; by default that of the open request with the id. */
  run?: string;
  data?: Json;
  grant?: Grant;
}

export interface RemoveOptions extends Keyed {
  /** Only if the value has this version, 0 for one that is not there. Else it is refused with `state.conflict`, and what is there. */
  if_version?: Integer;
}

export interface SetOptions extends RemoveOptions {
  /** For how many milliseconds the value is there; for ever by default. */
  ttl_ms?: Integer;
}

export interface StopOptions extends Keyed {
  /** By default all runs that are open. */
  run?: string;
  reason?: string;
}

// MARK: Threads

/**
 * What happened to the history when the thread was subscribed to: `first`; `resumed` exactly where it was, with the reason
 * `gap` or `duplicate` when the client found one and asked again; `snapshot`: the state came in the place of what was missed;
 * `reset`: the history is not, or no longer, the one that was known. `missed` counts the events since.
 */
export interface Recovered {
  how: 'first' | 'resumed' | 'snapshot' | 'reset';
  reason?: 'gap' | 'duplicate' | 'diverged' | 'trimmed' | 'unknown';
  missed: number;
}

/** How a run has ended; `lost` with the process that ran it. The end of a connection is never one. */
export interface Ended {
  how: 'completed' | 'failed' | 'cancelled' | 'lost';
  code?: string;
}

/** A thread as of the last frame. Another object in each frame in which something changed, and elements that did not change are the same. */
export interface ThreadView {
  readonly state: ThreadState;
  /** The values of the thread's context by their keys, without those whose time is over. */
  readonly values: ReadonlyMap<string, Json>;
  /** What was to be caught up has come. */
  readonly live: boolean;
  readonly recovered: Recovered | null;
  /** By run. */
  readonly ended: ReadonlyMap<string, Ended>;
  /** Why nothing comes any longer. */
  readonly error: AgentEventsError | null;
}

export interface ThreadOptions {
  /**
   * Where the events for readers begin: after a cursor, with `start` or `now`. By default after the cursor that is stored, when
   * somebody reads, and else now. The state is that of the whole thread in any case.
   */
  after?: Cursor | 'start';
  /** A name under which the service stores what is acknowledged, and after which it begins. */
  consumer?: string;
  /** `false` for fragments one by one, also while the thread catches up. */
  merge?: boolean;
  /** Disconnects the thread when it aborts. */
  signal?: AbortSignal;
}

interface ThreadEvents {
  recovered: CustomEvent<Recovered>;
  ended: CustomEvent<Ended & { run_id: string }>;
}

/**
 * One conversation. `for await` gives its events, each once and in order; an event is acknowledged when the next one is asked
 * for, or without readers when it is in the state. A reader that holds a page of unread events stops the thread until it reads.
 */
export interface Thread extends EventTarget, AsyncIterable<AgentEvent> {
  readonly id: string;
  /** After the last event that came. */
  readonly state: ThreadState;
  /** The values of the thread's context by their keys, without those whose time is over by the clock of the page. */
  readonly values: ReadonlyMap<string, Json>;
  readonly cursor: Cursor | null;
  readonly live: boolean;
  readonly recovered: Recovered | null;
  readonly ended: ReadonlyMap<string, Ended>;
  readonly error: AgentEventsError | null;
  /** With `getSnapshot` what `useSyncExternalStore` takes: the listener is called at most once in a frame. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly getSnapshot: () => ThreadView;
  [Symbol.asyncIterator](): AsyncGenerator<AgentEvent, void, undefined>;
  /** Sends a message to an agent. Like all commands it is sent again after a lost connection, and carried out once. */
  send(text: string, options?: SendOptions): Promise<Accepted>;
  /** `pause`, `resume`, or a name of the application's with a dot, among others. */
  command(name: string, options?: CommandOptions): Promise<Accepted>;
  /** Answers a request for approval. */
  respond(approvalId: string, decision: boolean | 'approved' | 'denied', options?: RespondOptions): Promise<Accepted>;
  /** Answers all that are open. */
  respondAll(decision: boolean | 'approved' | 'denied', options?: { data?: Json }): Promise<Accepted[]>;
  /** Sets a value of the thread's context, which all who read the thread see. */
  set(key: string, value: Json, options?: SetOptions): Promise<Accepted>;
  remove(key: string, options?: RemoveOptions): Promise<Accepted>;
  /** Ends runs on the service. `disconnect` only leaves. */
  stop(options?: StopOptions): Promise<Accepted>;
  /** Leaves the thread: nothing comes any longer, and its runs go on. */
  disconnect(): void;
  addEventListener<Name extends keyof ThreadEvents>(
    type: Name, listener: (event: ThreadEvents[Name]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

// MARK: Client

/** `reconnecting` after half a second without a connection; `refused` until there is another token. */
export type Status = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'refused' | 'closed';

/** Keeps cursors over a reload of the page. What it throws is passed over: cursors are kept in memory, too. */
export interface CursorStore {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, cursor: Cursor): void | Promise<void>;
  delete(key: string): void | Promise<void>;
}

export interface AgentEventsOptions {
  /** The service, or its stream: `https://agents.example.com`. By default that of the page. */
  url?: string | URL;
  /**
   * The token, or what obtains one when it is needed: one call at a time. When it throws `Unauthorized` the client stops; after
   * any other error it tries again, later and later.
   */
  token?: string | null | (() => string | null | undefined | Promise<string | null | undefined>);
  cursorStore?: 'memory' | 'session' | 'local' | CursorStore;
  /** By default the global one, which Node has from 22 on. */
  WebSocket?: new (url: string, protocols: string[]) => any;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** From 0 up to 1. */
  random?: () => number;
  /** Where `online`, `offline`, `visibilitychange`, `pageshow` and `pagehide` happen: by default the window. */
  networkTarget?: any;
}

interface ClientEvents {
  status: CustomEvent<Status>;
  drain: CustomEvent<{ reconnect_in_ms: number }>;
  error: CustomEvent<AgentEventsError>;
}

/** A client for one user of one service. All its threads share a connection, which begins with the first one. */
export class AgentEvents extends EventTarget {
  constructor(options?: AgentEventsOptions);
  readonly status: Status;
  /** The thread of an id: the same object until it is disconnected, whose options are those of the first call. */
  thread(id: string, options?: ThreadOptions): Thread;
  /** Another token of the same user, or what obtains one; `null` forgets the user, the cursors and the threads. */
  setToken(token: AgentEventsOptions['token']): void;
  /** Forgets the token, the cursors and the threads, and does not connect again. Runs go on. */
  close(): void;
  addEventListener<Name extends keyof ClientEvents>(
    type: Name, listener: (event: ClientEvents[Name]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

/** A refusal of the service, with the members of its `error`, or of this client. The code is dotted and stable. */
export class AgentEventsError extends Error {
  readonly code: ErrorCode;
  /** The same may succeed later. */
  readonly retryable: boolean;
  readonly retry_after_ms?: number | null;
  readonly path?: string;
  readonly details?: Json;
  readonly thread_id?: string;
}

/** Codes of this client; those of the service are in *Codes* of its documentation. */
export type ErrorCode =
  | 'client.busy' | 'client.closed' | 'client.listener' | 'client.no_websocket' | 'client.refused' | 'client.signed_out'
  | 'client.token' | 'client.unauthorized' | (string & {});

/** For `token` to throw when the user has to sign in again. */
export class Unauthorized extends Error {}

/** The state as a pure fold of events, the same as that of the service. */
export class Fold {
  constructor(state?: ThreadState);
  readonly cursor: Cursor | null;
  readonly state: ThreadState;
  apply(event: AgentEvent): void;
}

/** Parses JSON exactly: an integer that a `number` does not hold is a `bigint`. */
export function parse(text: string): any;
/** Writes JSON; numbers that were parsed are spelled as they were. */
export function stringify(value: unknown): string;
