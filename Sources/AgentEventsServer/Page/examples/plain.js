import { AgentEvents } from '/client/agent-events.js';
const [list, form] = document.querySelectorAll('ol, form');
const thread = new AgentEvents({ url: '/' }).thread(location.hash.slice(1) || 't_plain');
thread.subscribe(() => list.replaceChildren(...thread.getSnapshot().state.messages.map(({ role, text }) => {
  const item = document.createElement('li');
  item.textContent = `${role}: ${text}`;
  return item;
})));
form.onreset = () => thread.stop();
form.onsubmit = event => void (event.preventDefault(), thread.send(form.text.value), form.text.value = '');
