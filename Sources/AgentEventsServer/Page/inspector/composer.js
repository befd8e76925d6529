/** Messages to agents, and the commands for runs that are open. */
import { reveal } from './core/words.js';
import { h, put, say } from './dom.js';

export class Composer {
  constructor(app) {
    this.app = app;
    this.text = h('textarea.field', {
      rows: '1', placeholder: 'Message to the agent', 'aria-label': 'Message to the agent',
      onInput: () => this.#grow(),
      onKeydown: event => {
        if (event.code === 'Enter' && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this.#send();
        } else if (event.code === 'Escape') {
          this.text.blur();
        }
        event.stopPropagation();
      },
    });
    this.button = h('button.strong', { onClick: () => this.#send() }, 'Send');
    this.stop = h('button.plain.danger', { title: 'Ends what is open; the connection stays (X)',
      onClick: () => app.command('stop') }, 'Stop');
    this.pause = h('button.plain', { onClick: () => app.command(this.isPaused ? 'resume' : 'pause') }, 'Pause');
    this.about = h('span.dim.small.clip');
    this.runs = h('div.row', { style: { 'align-items': 'center' } }, this.stop, this.pause, this.about);
    this.element = h('div.composer', {}, this.runs, h('div.row', {}, this.text, this.button));
  }

  #grow() {
    this.text.style.setProperty('height', 'auto');
    this.text.style.setProperty('height', `${Math.min(this.text.scrollHeight + 2, 160)}px`);
  }

  async #send() {
    const text = this.text.value.trim();
    if (!text || this.button.disabled) return;
    this.button.disabled = true;
    try {
      await this.app.send(text);
      this.text.value = '';
      this.#grow();
    } catch (error) {
      this.app.tell(`${error.code ?? ''} ${error.message}`);
    } finally {
      this.button.disabled = false;
    }
  }

  render() {
    const { app } = this;
    const open = app.session?.openRuns ?? [];
    put(this.element, 'hidden', !app.canCommand);
    this.element.style.setProperty('display', app.canCommand ? 'grid' : 'none');
    this.runs.style.setProperty('display', open.length ? 'flex' : 'none');
    this.isPaused = open.length > 0 && open[0].status === 'paused';
    say(this.pause, this.isPaused ? 'Resume' : 'Pause');
    say(this.about, open.length ? `${reveal(open[0].name)}${open.length > 1 ? ` and ${open.length - 1} more` : ''}` : '');
  }
}
