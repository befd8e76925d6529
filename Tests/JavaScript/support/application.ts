// An application, for the compiler alone.
import { AgentEvents, AgentEventsError, AgentEvent, Fold, Thread, ThreadView, Unauthorized, parse, stringify } from '../../../Sources/AgentEventsServer/Page/agent-events';
import { AgentEventsChatTransport } from '../../../Sources/AgentEventsServer/Page/agent-events-chat-transport';
import { followThreads, inOrder } from '../../../Sources/AgentEventsServer/Page/agent-events-threads';

declare function useSyncExternalStore<Snapshot>(subscribe: (listener: () => void) => () => void, getSnapshot: () => Snapshot): Snapshot;

const client = new AgentEvents({
  url: 'https://agents.example.com',
  token: async () => { throw new Unauthorized('sign in'); },
  cursorStore: 'session',
  networkTarget: new EventTarget(),
});
client.addEventListener('status', ({ detail }) => { const status: 'connected' | string = detail; return status; });
client.addEventListener('error', ({ detail }) => detail.code.startsWith('client.'));

function Conversation(thread: Thread): string[] {
  const { state, live, ended, recovered }: ThreadView = useSyncExternalStore(thread.subscribe, thread.getSnapshot);
  if (live && recovered?.how === 'reset') return [recovered.reason ?? ''];
  return state.messages.map(message => message.text + (ended.get(message.run_id ?? '')?.how ?? ''));
}

function Conversations(q: string): string[] {
  const list = followThreads(client, { q, status: 'waiting', limit: 20, signal: new AbortController().signal });
  list.addEventListener('change', ({ detail }) => detail.threads.map(({ title }) => title).concat(detail.gone));
  // @ts-expect-error: no thread is in this state.
  list.ask({ status: 'finished' });
  const { threads, live, next, error } = useSyncExternalStore(list.subscribe, list.getSnapshot);
  if (!live) list.disconnect();
  return inOrder(threads).map(({ thread_id, title, last_outcome }) => title ?? last_outcome ?? thread_id).concat(next ?? '', error?.code ?? '');
}

export async function main(): Promise<void> {
  const thread = client.thread('t_7', { after: '3-42', signal: new AbortController().signal });
  thread.addEventListener('ended', ({ detail }) => detail.run_id + detail.how);
  try {
    const { run_id, cursors } = await thread.send('Which files?', { policy: 'queue', key: 'k' });
    await thread.stop({ run: run_id, reason: cursors[0] });
  } catch (error) {
    if (error instanceof AgentEventsError && error.retryable) await thread.respondAll(false);
  }
  const fold = new Fold();
  for await (const event of thread) {
    fold.apply(event);
    tell(event);
  }
  // @ts-expect-error: there is no such decision.
  await thread.respond('a_1', 'maybe');
  // @ts-expect-error: nor such a place.
  client.thread('t_8', { after: 7 });
  new AgentEventsChatTransport(client).reconnectToStream({ chatId: 't_7' });
  Conversation(thread);
  Conversations('parser');
  stringify(parse('{}'));
}

function tell(event: AgentEvent): string {
  switch (event.type) {
    case 'message_delta': return event.data.text;
    case 'tool_completed': return event.data.status === 'denied' ? event.data.tool : '';
    case 'agent_failed': return event.data.error.code;
    // @ts-expect-error: a user's message has no role.
    case 'user_message': return event.data.role;
    default: return event.id;
  }
}
