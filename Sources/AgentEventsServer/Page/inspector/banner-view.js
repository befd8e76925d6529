/** One sentence above the views: what a link leads to, what was lost, what is wrong, and who the service wants to know. */
import { reveal } from './core/words.js';
import { h, put } from './dom.js';

export class BannerView {
  #shown = '';

  constructor(app) {
    this.app = app;
    this.element = h('div.banner', { role: 'alert', hidden: true });
  }

  /** `{text, kind?, action?: [title, work], close?, asksForToken?}`; undefined where there is nothing to say. */
  get #what() {
    const { app } = this;
    const { session, service } = app;
    const error = session?.error ?? (service.status === 'refused' ? service.error : undefined);
    if (app.needsToken || error?.code?.startsWith('auth.')) return { asksForToken: true, text: 'The service asks who you are.' };
    if (error) return { kind: 'failed', text: `${error.code}: ${error.message}` };
    if (app.banner) return { ...app.banner, close: () => { app.banner = undefined; } };
    const lost = session?.lost ?? [];
    if (!lost.length || session.seenLost === lost.length) return undefined;
    const before = session.events[Math.max(0, session.history.indexOfSequence(Number(lost[0].seq) - 1))];
    return {
      kind: 'failed', text: `${lost.length} events that this page had shown were lost: the log diverged after ${before?.id}.`,
      close: () => { session.seenLost = lost.length; },
    };
  }

  render() {
    const what = this.#what;
    const key = what ? `${what.text} ${Boolean(what.asksForToken)}` : '';
    if (key === this.#shown) return;
    this.#shown = key;
    put(this.element, 'hidden', !what);
    if (!what) return;
    this.element.dataset.kind = what.kind ?? 'person';
    const close = () => {
      what.close();
      this.app.changed();
    };
    this.element.replaceChildren(h('p', {}, reveal(what.text)), ...(what.asksForToken ? this.#signIn() : []),
      what.action ? h('button.plain', { onClick: what.action[1] }, what.action[0]) : '',
      what.close ? h('button.quiet', { 'aria-label': 'Close', onClick: close }, '✕') : '');
  }

  #signIn() {
    const signIn = () => this.app.signIn(input.value.trim());
    const input = h('input.field', {
      type: 'password', placeholder: 'Token', 'aria-label': 'Token', autocomplete: 'off', style: { 'max-width': '280px' },
      onKeydown: event => { if (event.code === 'Enter') signIn(); },
    });
    return [input, h('button.plain', { onClick: signIn }, 'Sign in')];
  }
}
