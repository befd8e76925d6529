/** A ChatTransport for `useChat` of the AI SDK, over a client of agent-events.js: it resumes by cursor, and stop stops the run. */
export class AgentEventsChatTransport {
  constructor(client) {
    this.client = client;
  }

  async sendMessages({ chatId, messages, messageId, trigger, abortSignal }) {
    const thread = this.client.thread(chatId);
    const events = read(thread);
    const last = messages.at(-1);
    const answered = last.role === 'assistant' ? last.parts.filter(part => part.state === 'approval-responded') : [];
    try {
      for (const { approval } of answered) await thread.respond(approval.id, approval.approved, { key: approval.id });
      if (answered.length) return stream(thread, events, last.id, abortSignal, null, last.parts);
      const { id, parts } = messages.findLast(message => message.role === 'user');
      const text = parts.map(part => part.text ?? '').join('');
      const key = trigger === 'regenerate-message' ? `${id}~${messageId ?? ''}` : id;
      return stream(thread, events, (await thread.send(text, { key })).run_id, abortSignal);
    } catch (error) {
      events.end();
      throw error;
    }
  }

  /** @returns null when no run is under way. */
  async reconnectToStream({ chatId, abortSignal }) {
    const thread = this.client.thread(chatId);
    const events = read(thread);
    while (!thread.live && !thread.error) {
      await new Promise(resolve => {
        const stop = thread.subscribe(() => resolve(stop()));
      });
    }
    const run = thread.state.runs.find(run => ['running', 'paused'].includes(run.status) && !run.parent_run_id);
    if (run) return stream(thread, events, run.run_id, abortSignal, thread.state);
    events.end();
    return null;
  }
}

/** Reads from here on, so that nothing of a run is missed that is only about to begin. */
function read(thread) {
  const events = thread[Symbol.asyncIterator]();
  const first = events.next();
  first.catch(() => {}); // It is told when it is asked for.
  return {
    end: () => void events.return(),
    async *[Symbol.asyncIterator]() {
      for (let next = await first; !next.done; next = await events.next()) yield next.value;
    },
  };
}

function stream(thread, events, run, signal, state, parts = []) {
  const stop = () => void thread.stop({ run }).catch(() => {});
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop);
  const chunks = chunksOf(events, run, state, parts);
  const end = () => {
    signal?.removeEventListener('abort', stop);
    events.end();
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await chunks.next();
        if (!done) return controller.enqueue(value);
        end();
        controller.close();
      } catch (error) {
        end();
        controller.error(error);
      }
    },
    cancel: end,
  });
}

/** The events of a run as chunks of a UI message that has some parts; what a state has of the run comes first. */
async function* chunksOf(events, run, state, parts) {
  const open = new Map(parts.map(part => [part.toolCallId, ''])); // The kind of each text by its id, and of calls nothing.
  const busy = new Set();
  const asked = new Set();
  let out = [];
  const say = (type, members) => out.push({ type, ...members });
  const write = (kind, id, delta) => {
    if (!open.has(id)) say(`${kind}-start`, { id });
    open.set(id, kind);
    if (delta) say(`${kind}-delta`, { id, delta });
  };
  const close = id => {
    if (open.get(id)) say(`${open.get(id)}-end`, { id });
    open.set(id, '');
  };
  const ways = { dynamic: true, providerExecuted: true };
  /** @returns the reason to finish, if it is one. */
  const take = (type, data) => {
    const { message_id, thought_id, call_id: toolCallId, text } = data;
    const isKnown = open.has(message_id ?? toolCallId);
    switch (type) {
      case 'agent_thinking':
        write('reasoning', thought_id, text);
        break;
      case 'message_delta':
        write('text', message_id, text);
        break;
      case 'message_completed':
        write('text', message_id, isKnown ? '' : text);
        close(message_id);
        break;
      case 'tool_executing':
        open.set(toolCallId, '');
        busy.add(toolCallId);
        say('tool-input-available', { toolCallId, toolName: data.tool, input: data.arguments, ...ways });
        break;
      case 'tool_completed': // Clients throw for a call that they do not know.
        if (!isKnown) break;
        busy.delete(toolCallId);
        asked.delete(toolCallId);
        if (data.status === 'succeeded') say('tool-output-available', { toolCallId, output: data.result ?? null, ...ways });
        else say('tool-output-error', { toolCallId, errorText: data.error?.message ?? data.status, ...ways });
        return asked.size && !busy.size ? 'tool-calls' : undefined;
      case 'approval_requested':
        if (!isKnown) break;
        say('tool-approval-request', { approvalId: data.approval_id, toolCallId });
        busy.delete(toolCallId);
        asked.add(toolCallId);
        return busy.size ? undefined : 'tool-calls';
      case 'agent_completed': return 'stop';
      case 'agent_cancelled': return 'other';
      case 'agent_failed': return 'error';
    }
  };
  say('start', { messageId: run });
  say('start-step');
  for (const { run_id, complete, ...message } of state?.messages ?? []) {
    if (run_id === run) take(complete ? 'message_completed' : 'message_delta', message);
  }
  for (const call of state?.calls ?? []) if (call.run_id === run) take('tool_executing', call);
  const last = BigInt(state?.cursor?.split('-')[1] ?? 0);
  yield* out;
  const all = async function* () {
    for (const data of state?.approvals ?? []) yield { type: 'approval_requested', data, run_id: data.run_id, seq: last + 1n };
    yield* events;
  };
  for await (const { type, data, run_id, seq } of all()) {
    if (run_id !== run || seq <= last) continue;
    out = [];
    const finishReason = take(type, data);
    if (finishReason === 'error') say('error', { errorText: data.error.message });
    if (finishReason) {
      for (const id of open.keys()) close(id);
      say('finish-step');
      say('finish', { finishReason, ...(type === 'agent_cancelled' && { messageMetadata: { cancelled: true } }) });
    }
    yield* out;
    if (finishReason) return;
  }
}
