/** The threads: those that the service lists, or those that were opened here, and those of files. */
import { reveal } from './core/words.js';
import { h, put, s } from './dom.js';

export class ThreadsView {
  #stamp = '';
  constructor(app) {
    this.app = app;
    this.input = h('input.field', {
      type: 'search', placeholder: 'Find or open a thread', 'aria-label': 'Find or open a thread', spellcheck: 'false',
        autocomplete: 'off',
      onInput: () => app.listing.find(this.input.value),
      onKeydown: event => {
        event.stopPropagation();
        const id = this.input.value.trim();
        if (event.code === 'Enter' && id) {
          // Without a list of the service, what is typed is an id.
          const found = app.listing.isListed ? app.listing.threads : [];
          app.open(found.length === 1 ? found[0].thread_id : id);
          this.input.value = '';
          app.listing.find('');
        }
        if (event.code === 'Escape') this.input.blur();
      },
    });
    this.list = h('div.list', { role: 'navigation', 'aria-label': 'Threads' });
    this.status = h('span.dim.small.clip', { role: 'status' });
    this.dot = h('span.dot');
    this.fileInput = h('input', { type: 'file', accept: '.ndjson,.jsonl,.json,.txt', multiple: true, hidden: true,
      onChange: () => app.openFiles([...this.fileInput.files]) });
    this.element = h('aside.threads', { 'aria-label': 'Threads' },
      h('div.head', {}, h('span.brand', {}, h('img.mark', { src: '/inspector/icon.svg', alt: '', width: '20', height: '20' }),
        'Agent events'), h('span.space'),
        h('button.quiet', { 'aria-label': 'New conversation', title: 'New conversation (N)', onClick: () => app.close() },
          s('svg', { viewBox: '0 0 14 14', width: '14', height: '14', 'aria-hidden': 'true', fill: 'none',
          stroke: 'currentColor', 'stroke-width': '1.6', 'stroke-linecap': 'round' }, s('path', { d: 'M7 2v10M2 7h10' })))),
      h('div.find', {}, this.input), this.list,
      h('div.foot', {}, h('button.quiet', { onClick: () => this.fileInput.click(),
        title: 'Opens a recording (NDJSON); nothing is sent anywhere' }, 'Open a file'), this.fileInput,
        h('span.quiet', { style: { 'pointer-events': 'none', 'min-width': '0' } }, this.dot, this.status)));
  }

  render() {
    const { app } = this;
    const { service, ui } = app;
    const words = { connected: 'live', connecting: 'connecting', reconnecting: 'reconnecting', refused: 'refused',
      closed: 'closed', idle: app.isOffline ? 'no service' : 'ready' };
    const status = words[service.status] ?? service.status;
    if (this.status.textContent !== status) this.status.textContent = status;
    put(this.dot, 'data-status', { connected: 'running', reconnecting: 'waiting', refused: 'failed' }[service.status]);
    const threads = app.listing.threads;
    const current = app.session;
    const files = [...app.files.values()];
    const stamp = JSON.stringify([threads, current?.id, current?.file, current?.status, current?.events.length,
      files.map(each => [each.file, each.id]), ui.find, app.listing.isListed],
      (key, value) => (typeof value === 'bigint' ? `${value}` : value));
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    const hasFocus = this.list.contains(document.activeElement) && document.activeElement.dataset.id;
    this.list.replaceChildren(
      ...(files.length ? [h('h3', {}, 'Files'), ...files.map(session => this.#thread({ thread_id: session.id,
        status: session.status, about: `${reveal(session.file)} · ${session.events.length.toLocaleString('en')} events` },
        session === current, () => app.show(session)))] : []),
      h('h3', {}, app.listing.isListed ? 'Threads' : 'Opened here'),
      ...threads.map(thread => this.#thread(this.#about(thread), !current?.file && current?.id === thread.thread_id,
        () => app.open(thread.thread_id))),
      ...(threads.length ? [] : [h('p.dim.small', { style: { padding: '4px 8px' } },
        ui.find ? 'None fits; Enter opens the thread of this id.' : 'None yet.')]),
      app.listing.next ? h('button.quiet', { onClick: () => app.listing.more() }, 'Older') : '');
    if (hasFocus) [...this.list.querySelectorAll('.thread')].find(each => each.dataset.id === hasFocus)?.focus();
  }

  #about(thread) {
    const { session } = this.app;
    if (session && !session.file && session.id === thread.thread_id) {
      return { ...thread, status: session.status, about: [thread.agents?.join(', '),
        `${session.events.length.toLocaleString('en')} events`].filter(Boolean).join(' · ') };
    }
    const agents = thread.agents?.join(', ');
    const when = thread.updated_at ? ago(this.app.service.now - Date.parse(thread.updated_at)) : '';
    const runs = thread.runs ? `${thread.runs} ${Number(thread.runs) === 1 ? 'run' : 'runs'}` : '';
    return { ...thread, about: [agents, runs, when].filter(Boolean).join(' · ') };
  }

  #thread({ thread_id: id, status: now = 'idle', last_outcome: outcome, title, about = '' }, isCurrent, open) {
    const status = now === 'idle' && outcome === 'failed' ? 'failed' : now;
    return h('button.thread', { onClick: open, 'aria-current': isCurrent ? 'true' : undefined, 'data-id': id,
      title: `${id}: ${status}` },
      h('span.dot', { 'data-status': status, role: 'img', 'aria-label': status }),
        h(title ? 'span.clip' : 'span.id.clip', { dir: 'auto' }, reveal(title ?? id)),
        h('span.dim.small', {}, status === 'idle' ? '' : status),
      h('span.about.clip', {}, reveal(about), title ? h('span.mono.small', {}, `${about && ' · '}${reveal(id)}`) : ''));
  }
}

function ago(ms) {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return 'now';
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 1440 ? `${Math.round(minutes / 60)} h ago` : `${Math.round(minutes / 1440)} d ago`;
}
