/** The first thing that somebody sees who has no thread yet. */
import { glyph, h, put } from './dom.js';

export class Welcome {
  constructor(app) {
    this.app = app;
    this.text = h('input.field', { placeholder: 'Where are runs ended?', 'aria-label': 'Question', autocomplete: 'off',
      onKeydown: event => { event.stopPropagation(); if (event.code === 'Enter') this.#ask(); } });
    this.id = h('input.field.mono', { placeholder: 't_1', 'aria-label': 'Id of a thread', spellcheck: 'false',
      autocomplete: 'off', onKeydown: event => { event.stopPropagation(); if (event.code === 'Enter') this.#open(); } });
    this.element = h('div.welcome', {}, h('div', {},
      h('div', {}, h('h1', {}, 'See what an agent did, when, and why it waited'),
        h('p.dim', {}, 'Every event of a thread, in the order in which it was committed: live, or as of any moment before.')),
      h('div.ways', {},
        h('div.way', {}, glyph('message'), h('h2', {}, 'Ask an agent'),
          h('div.row', {}, this.text, h('button.strong', { onClick: () => this.#ask() }, 'Ask'))),
        h('div.way', {}, glyph('run'), h('h2', {}, 'Open a thread'),
          h('div.row', {}, this.id, h('button.plain', { onClick: () => this.#open() }, 'Open'))),
        h('div.way', {}, glyph('tool'), h('h2', {}, 'Drop a recording'),
          h('p.dim', {}, 'A file of events, one on each line (NDJSON). It is read here and sent nowhere.'),
          h('div.row', {}, h('button.plain', { onClick: () => this.app.openExample() }, 'Look at an example'))))));
  }

  async #ask() {
    const text = this.text.value.trim();
    if (!text) return;
    try {
      await this.app.send(text);
      this.text.value = '';
    } catch (error) {
      this.app.tell(`${error.code ?? 'no answer'}: ${error.message}`);
    }
  }

  #open() { if (this.id.value.trim()) this.app.open(this.id.value.trim()); }

  render() {
    put(this.element, 'hidden', Boolean(this.app.session));
    this.element.style.setProperty('display', this.app.session ? 'none' : 'grid');
  }
}
