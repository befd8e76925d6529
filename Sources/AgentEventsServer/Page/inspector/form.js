/** A request to a person, with the form that its schema asks for: a flat object of texts, numbers, choices and checks. */
import { reveal } from './core/words.js';
import { duration } from './core/time.js';
import { h, say } from './dom.js';
import { json } from './json-view.js';

const isShown = value => value !== undefined && value !== null;

function field(name, schema, isNeeded) {
  const title = reveal(schema.title ?? name);
  const about = schema.description ? h('span.dim.small', {}, reveal(schema.description)) : undefined;
  const options = schema.enum ?? schema.oneOf?.map(each => each.const);
  const { type } = schema;
  if (type === 'boolean') {
    const input = h('input', { type: 'checkbox', name });
    input.checked = schema.default === true;
    return { element: h('label.check', {}, input, h('span', {}, title, ' ', about)), read: () => input.checked };
  }
  if (options) {
    const names = schema.enumNames ?? schema.oneOf?.map(each => each.title) ?? options;
    const input = h('select.field', { name }, isNeeded ? undefined : h('option', { value: '' }, '–'),
      options.map((each, index) => h('option', { value: String(index) }, reveal(names[index] ?? each))));
    if (isShown(schema.default)) input.value = String(options.indexOf(schema.default));
    return { element: h('label', {}, h('span', {}, title), input, about),
      read: () => (input.value === '' ? undefined : options[Number(input.value)]) };
  }
  const isNumber = type === 'number' || type === 'integer';
  const isLong = type === 'string' && (schema.maxLength === undefined || schema.maxLength > 200) && !schema.format;
  const kind = isNumber ? 'number' : { email: 'email', date: 'date', 'date-time': 'text', uri: 'text' }[schema.format] ?? 'text';
  const input = isLong ? h('textarea.field', { name, rows: '2' }) : h('input.field', {
    name, type: kind, min: schema.minimum, max: schema.maximum, step: type === 'integer' ? '1' : isNumber ? 'any' : undefined,
      maxlength: schema.maxLength,
  });
  if (isShown(schema.default)) input.value = String(schema.default);
  input.required = isNeeded;
  return {
    element: h('label', {}, h('span', {}, title, isNeeded ? undefined : h('span.dim', {}, ' (optional)')), input, about),
    read: () => (input.value === '' ? undefined : isNumber ? Number(input.value) : input.value),
    input,
  };
}

/** The card of a request. `answer` is called with the decision and the data; undefined where nobody can answer. */
export function requestCard(span, { answer, now, select }) {
  const { data } = span.event;
  const properties = data.schema && typeof data.schema === 'object' ? Object.entries(data.schema.properties ?? {}) : [];
  const needed = new Set(Array.isArray(data.schema?.required) ? data.schema.required : []);
  const fields = answer ? properties.map(([name, schema]) => [name, field(name, schema ?? {}, needed.has(name))]) : [];
  const problem = h('p.problem', { role: 'alert', hidden: true });
  const buttons = [];
  const send = async decision => {
    const values = Object.fromEntries(fields.map(([name, each]) => [name,
      each.read()]).filter(([, value]) => value !== undefined));
    const wrong = decision === 'approved' && fields.find(([, each]) => each.input && !each.input.checkValidity());
    if (wrong) {
      problem.hidden = false;
      say(problem, `${wrong[0]}: ${wrong[1].input.validationMessage}`);
      return wrong[1].input.focus();
    }
    for (const button of buttons) button.disabled = true;
    try {
      await answer(decision, decision === 'approved' && fields.length ? values : undefined);
    } catch (error) {
      problem.hidden = false;
      say(problem, `${error.code ?? ''} ${reveal(error.message)}`);
      for (const button of buttons) button.disabled = false;
    }
  };
  const isQuestion = data.kind === 'input';
  buttons.push(h('button.strong', { type: 'button', onClick: () => send('approved') }, isQuestion ? 'Answer' : 'Approve'),
    h('button.plain', { type: 'button', onClick: () => send('denied') }, isQuestion ? 'Decline' : 'Deny'));
  return h('div.ask', { role: 'group', 'aria-label': 'Request for approval' },
    h('p.prompt', { dir: 'auto' }, reveal(data.prompt)),
    span.call ? h('div.small', {}, h('button.link', { onClick: () => select(span.call.first) }, reveal(span.call.name)),
      h('div.json', {}, json(span.call.event.data.arguments ?? {}))) : undefined,
    fields.map(([, each]) => each.element), problem,
    h('div.row', {}, answer ? buttons : h('span.dim.small', {}, 'waits for a person'),
      data.expires_at ? h('span.dim.small', {}, `expires in ${duration(Date.parse(data.expires_at) - now)}`) : undefined,
      data.approvers?.length ? h('span.dim.small', {}, `asked: ${reveal(data.approvers.join(', '))}`) : undefined));
}
