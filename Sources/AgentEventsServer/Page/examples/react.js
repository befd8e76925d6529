import { AgentEvents } from '/client/agent-events.js';

const { createElement: h, useState, useSyncExternalStore } = React;
const client = new AgentEvents({ url: '/' });

function Chat({ id }) {
  const thread = client.thread(id);
  const { state, live } = useSyncExternalStore(thread.subscribe, thread.getSnapshot);
  const [text, setText] = useState('');
  const isWorking = state.runs.some(run => !run.ended_at);
  const send = event => {
    event.preventDefault();
    thread.send(text);
    setText('');
  };
  return h('section', { 'aria-busy': !live },
    h('ol', null, state.messages.map(message => h(Message, { key: message.message_id, message }))),
    state.approvals.map(({ approval_id, prompt }) => h('p', { key: approval_id }, prompt,
      h('button', { onClick: () => thread.respond(approval_id, true) }, 'Approve'),
      h('button', { onClick: () => thread.respond(approval_id, false) }, 'Deny'))),
    h('form', { onSubmit: send },
      h('input', { value: text, required: true, 'aria-label': 'Message', onChange: event => setText(event.target.value) }),
      h('button', null, 'Send'),
      h('button', { type: 'button', disabled: !isWorking, onClick: () => thread.stop() }, 'Stop')));
}

// What did not change is the same object as before, so that only the message that grows is rendered again.
const Message = React.memo(({ message }) => h('li', null, `${message.role}: ${message.text}`));

ReactDOM.createRoot(document.querySelector('main')).render(h(Chat, { id: location.hash.slice(1) || 't_react' }));
