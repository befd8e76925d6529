/** Stops the page at the first event that a filter lets through: exactly, since an event is shown only once it is committed. */
import { query } from './core/query.js';
import { h, say } from './dom.js';

export function breakpointCard(app) {
  const input = h('input.field.mono', { type: 'text', placeholder: 'type:tool_completed status:failed tool:search',
    'aria-label': 'Stop at', spellcheck: 'false', onInput: () => { armed = undefined; } });
  const pauses = h('input', { type: 'checkbox' });
  const status = h('p', { role: 'status' },
    'The cursor stops at the first event that fits; later ones come in, and are not shown until you go on (L).');
  let armed;
  const arm = () => {
    const words = query(input.value, app.session.textOf);
    if (words.isEmpty || words.unknown.length) return say(status,
      words.unknown.length ? `There is no ${words.unknown.join(', ')}` : 'Write what to stop at.');
    armed = { session: app.session, test: words.test, from: app.session.events.length };
    say(status, 'Armed. It stops at the first event that comes and fits.');
  };
  const back = () => {
    const words = query(input.value, app.session.textOf);
    if (words.isEmpty) return;
    const index = app.session.events.findIndex((event, at) => at > (app.isHead ? -1 : app.cursor) && words.test(event));
    if (index < 0) return say(status, 'No later event fits.');
    app.select(index, {});
    app.moveTo(index);
    say(status, `Stopped at #${app.session.events[index].seq}.`);
  };
  const element = h('section.card', {}, h('h2', {}, 'Stop at'), input,
    h('label.row', {}, pauses, 'and pause the run (which is not cancel)'),
    h('div.row', {}, h('button.plain', { onClick: arm }, 'Stop live'), h('button.plain', { onClick: back }, 'Next in the log')),
      status);
  return {
    element,
    render() { pauses.disabled = !app.canCommand; },
    /** An event has come. */
    met(event, index) {
      if (!armed || armed.session !== app.session || index < armed.from || !armed.test(event)) return;
      armed = undefined;
      app.select(index, {});
      app.moveTo(index);
      say(status, `Stopped at #${event.seq}, before anything later.`);
      if (pauses.checked && event.run_id && app.canCommand) app.command('pause', event.run_id);
    },
  };
}
