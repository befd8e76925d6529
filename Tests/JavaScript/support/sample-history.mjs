/** Histories made by hand for tests and pictures: the same events each time. */

export class Recorder {
  events = [];
  seq = 0;
  constructor({ thread = 't_refund', generation = '1883115899030535', start = Date.parse('2026-11-28T09:14:02.310Z') } = {}) {
    Object.assign(this, { thread, generation, now: start });
  }

  wait(ms) {
    this.now += ms;
    return this;
  }

  put(type, data, run) {
    this.seq++;
    const members = run ? { run_id: run.id, agent: run.agent } : {};
    this.events.push({
      type, id: `${this.generation}-${this.seq}`, seq: this.seq, thread_id: this.thread, ...members,
      time: new Date(this.now).toISOString(), data,
    });
    return this;
  }

  user(id, text) { return this.put('user_message', { message_id: id, user_id: 'u_ada', text }); }

  start(id, agent, data = {}) {
    const run = { id, agent, began: this.now };
    this.put('agent_started', data, run);
    return run;
  }

  think(run, id, text, pause = 40) {
    for (const piece of text.match(/.{1,24}(\s|$)|\S+/g)) this.put('agent_thinking', { thought_id: id, text: piece },
      run).wait(pause);
    return this;
  }

  call(run, id, tool, args, purpose) {
    return this.put('tool_executing', { call_id: id, tool, arguments: args, ...(purpose && { purpose }) }, run);
  }

  done(run, id, tool, result, ms, status = 'succeeded', error) {
    return this.put('tool_completed', { call_id: id, tool, status, ...(error ? { error } : { result }), duration_ms: ms }, run);
  }

  say(run, id, text, pause = 45) {
    for (const piece of text.match(/\S+\s*/g)) this.put('message_delta', { message_id: id, text: piece }, run).wait(pause);
    return this.put('message_completed', { message_id: id, role: 'assistant', text }, run);
  }

  complete(run, result) {
    return this.put('agent_completed', { ...(result !== undefined && { result }),
      usage: { input_tokens: 1840, output_tokens: 312 }, duration_ms: this.now - run.began }, run);
  }

  fail(run, code, message) {
    return this.put('agent_failed', { error: { code, message, retryable: code !== 'run.lost' },
      duration_ms: this.now - run.began }, run);
  }

  get text() { return this.events.map(event => `${JSON.stringify(event)}\n`).join(''); }
}

/** A refund: parallel tools, a child that asks a person, a pause, a failure, a crash with its repair, and a last run that is open. */
export function refund() {
  const r = new Recorder();
  r.user('m_1', 'My headphones arrived broken. Can I get my money back for order 7731?');
  const desk = r.start('r_desk', 'concierge', { input: 'refund for order 7731', message_ids: ['m_1'] });
  r.wait(620).think(desk, 'th_1', 'A refund for a broken item. I need the order and the policy that was valid on its date.');
  r.wait(180).call(desk, 'c_1', 'lookup_order', { order: 7731, include: ['items', 'payments'] }, 'find the order');
  r.wait(30).call(desk, 'c_2', 'search_policy', { topic: 'refund', date: '2026-11-02' });
  r.wait(790).done(desk, 'c_1', 'lookup_order', { order: 7731, total: 129.9, currency: 'EUR', item: 'Headphones QX-2',
    delivered: '2026-11-24' }, 820);
  r.wait(640).put('tool_progress', { call_id: 'c_2', fraction: 0.6, message: 'reading 4 documents' }, desk);
  r.wait(720).done(desk, 'c_2', 'search_policy', { policy: 'Broken on arrival: full refund within 30 days.',
    source: 'policy/refunds.md' }, 2150);
  r.wait(4200).think(desk, 'th_2', 'Both fit. The refunds agent may pay it out, a person signs above 100 €.');
  r.wait(60).call(desk, 'c_3', 'delegate', { to: 'refunds', order: 7731 }, 'pay the money back');
  r.wait(20);
  const refunds = r.start('r_refunds', 'refunds', { input: { order: 7731, amount: 129.9 }, parent_run_id: 'r_desk',
    parent_call_id: 'c_3' });
  r.wait(420).call(refunds, 'c_1', 'check_fraud', { customer: 'u_ada', amount: 129.9 });
  r.wait(1310).done(refunds, 'c_1', 'check_fraud', { score: 0.03, verdict: 'clear' }, 1310);
  r.wait(240).call(refunds, 'c_2', 'issue_refund', { order: 7731, amount: 129.9, currency: 'EUR' });
  r.wait(4).put('approval_requested', {
    approval_id: 'a_1', call_id: 'c_2', prompt: 'Refund 129.90 € to u_ada for order 7731?', editable: true,
    schema: { type: 'object', properties: { note: { type: 'string', title: 'Note to the customer' },
      reason: { type: 'string', enum: ['broken', 'late', 'goodwill'] } }, required: ['reason'] },
  }, refunds);
  r.wait(18_240).put('approval_resolved', { approval_id: 'a_1', decision: 'approved', by: 'u_lee', data: { reason: 'broken' } },
    refunds);
  r.wait(1480).done(refunds, 'c_2', 'issue_refund', { refund: 'rf_5520', state: 'sent' }, 19_724);
  r.wait(120).complete(refunds, { refund: 'rf_5520' });
  r.wait(40).done(desk, 'c_3', 'delegate', { refund: 'rf_5520' }, 21_834);
  r.wait(1180).say(desk, 'm_2',
    'Done: 129.90 € are on their way back to your card, and you will see them within three working days. '
    + 'The refund has the number rf_5520.\n\nYou need not send the broken headphones back. Is there anything else that I can do for you?');
  r.wait(30).complete(desk, { refund: 'rf_5520', amount: 129.9 });
  r.wait(96_000).user('m_3', 'Yes, please find me a similar pair below 150 €, with active noise cancelling.');
  const shop = r.start('r_shop', 'shopper', { input: 'headphones below 150 €', message_ids: ['m_3'] });
  r.wait(540).think(shop, 'th_1', 'Over-ear, noise cancelling, at most 150 €.');
  r.wait(110).call(shop, 'c_1', 'search_catalogue', { query: 'noise cancelling headphones', max_price: 150, limit: 20 });
  r.wait(900).put('agent_paused', { by: 'u_lee', reason: 'price list is being updated' }, shop);
  r.wait(700).done(shop, 'c_1', 'search_catalogue', undefined, 1600, 'failed',
    { code: 'catalogue.locked', message: 'the price list is locked by an update' });
  r.wait(5200).put('agent_resumed', { by: 'u_lee' }, shop);
  r.wait(160).call(shop, 'c_2', 'search_catalogue', { query: 'noise cancelling headphones', max_price: 150, limit: 20 });
  r.wait(640).done(shop, 'c_2', 'search_catalogue', { hits: [{ name: 'Aria 300', price: 119 },
    { name: 'QX-3', price: 139.9 }] }, 640);
  r.wait(880);
  for (const piece of ['Two fit: ', 'the Aria 300 ', 'for 119 €, ', 'and the ']) r.put('message_delta',
    { message_id: 'm_4', text: piece }, shop).wait(90);
  r.generation = '1883116204418822';
  r.wait(8400).put('message_completed', { message_id: 'm_4', role: 'assistant',
    text: 'Two fit: the Aria 300 for 119 €, and the ' }, shop);
  r.fail(shop, 'run.lost', 'the process of the run has ended');
  r.wait(21_000).user('m_5', 'You stopped in the middle. The second one was…?');
  const again = r.start('r_again', 'shopper', { input: 'continue', message_ids: ['m_5'] });
  r.wait(730).think(again, 'th_1', 'The answer was cut off by a restart. The second hit was the QX-3.');
  r.wait(140).call(again, 'c_1', 'check_stock', { name: 'QX-3' });
  r.wait(410).done(again, 'c_1', 'check_stock', { stock: 14 }, 410);
  r.wait(520).say(again, 'm_6', 'The QX-3 for 139.90 €. There are 14 in stock, and it would be with you on Tuesday.', 60);
  r.wait(20).complete(again, { name: 'QX-3' });
  return r;
}

/** Many events: runs of four calls and a message of some fragments, in turn. */
export function long(count) {
  const r = new Recorder({ thread: 't_long' });
  for (let number = 1; r.seq < count; number++) {
    r.user(`m_u${number}`, `Question ${number}?`).wait(300);
    const run = r.start(`r_${number}`, number % 3 ? 'guide' : 'shopper', { input: `Question ${number}?` });
    r.wait(200).think(run, 'th_1', `Thinking about question ${number}.`);
    for (let call = 1; call <= 4; call++) {
      r.wait(80).call(run, `c_${call}`, ['search', 'read_file', 'fetch', 'compare'][call - 1], { number, call });
      r.wait(120 * call + ((number * 37) % 400)).done(run, `c_${call}`, ['search', 'read_file', 'fetch', 'compare'][call - 1],
        { found: call }, 120 * call,
        number % 7 === 0 && call === 3 ? 'failed' : 'succeeded',
          number % 7 === 0 && call === 3 ? { code: 'fetch.refused', message: 'refused' } : undefined);
    }
    r.wait(200).say(run, 'm_1',
      `The answer to question ${number} is that the number is ${number}, which was found in four places.`, 25);
    r.complete(run).wait(900);
  }
  r.events.length = count;
  return r;
}
