import type { AgentEvents } from './agent-events.js';

interface Part {
  type: string;
  text?: string;
  state?: string;
  approval?: { id: string; approved?: boolean };
}

/** A message of `useChat`, as far as it is looked at. */
export interface ChatMessage {
  id: string;
  role: 'system' | 'user' | 'assistant';
  parts: Part[];
}

/** A chunk of the UI message stream of the AI SDK. */
export interface ChatChunk {
  type: string;
  [member: string]: unknown;
}

export interface SendMessagesOptions {
  chatId: string;
  messages: ChatMessage[];
  messageId?: string;
  trigger?: 'submit-message' | 'regenerate-message';
  abortSignal?: AbortSignal;
}

/**
 * The `ChatTransport` that `useChat({ transport })` of the AI SDK takes. The id of the chat is the thread; that of a message of
 * an assistant is its run. A lost connection is resumed exactly, a reload goes on with the text so far, and `stop` stops the run.
 */
export class AgentEventsChatTransport {
  constructor(client: AgentEvents);
  sendMessages(options: SendMessagesOptions): Promise<ReadableStream<any>>;
  reconnectToStream(options: { chatId: string; abortSignal?: AbortSignal }): Promise<ReadableStream<any> | null>;
}
