/** JSON as a tree. Long texts are cut to their size and their beginning until they are asked for; nothing is read as markup. */
import { bytes, reveal } from './core/words.js';
import { h } from './dom.js';

const TEXT = 2048;
const MEMBERS = 100;
const PIECE = 16_384;

export function json(value, depth = 0) {
  if (value === null) return h('span.word', {}, 'null');
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number' || typeof value === 'bigint') return h('span.number', {}, String(value));
  if (typeof value === 'boolean') return h('span.word', {}, String(value));
  const entries = Array.isArray(value) ? value.map((each, index) => [index, each]) : Object.entries(value);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (!entries.length) return h('span', {}, open + close);
  const list = h('ul', {});
  const show = from => {
    for (const [key, member] of entries.slice(from, from + MEMBERS)) {
      list.append(h('li', {}, h('span.key', {}, Array.isArray(value) ? `${key} ` : `${reveal(key)}: `), json(member, depth + 1)));
    }
    const left = entries.length - from - MEMBERS;
    if (left > 0) {
      const more = h('li', {}, h('button.link', { onClick: () => { more.remove(); show(from + MEMBERS); } },
        `showing ${from + MEMBERS} of ${entries.length} · more`));
      list.append(more);
    }
  };
  const details = h('details', { open: depth < 2 && entries.length <= 24 },
    h('summary', {}, open, h('span.hint', {}, ` ${entries.length} `), close), list);
  let isShown = false;
  const fill = () => {
    if (isShown || !details.open) return;
    isShown = true;
    show(0);
  };
  fill();
  details.addEventListener('toggle', fill);
  return details;
}

function text(value) {
  if (value.length <= TEXT) return h('span.text', {}, `"${reveal(value)}"`);
  const size = bytes(new TextEncoder().encode(value).length);
  const element = h('span.text', {}, `"${reveal(value.slice(0, TEXT))}…`);
  const more = h('button.link', {
    onClick: () => {
      // In pieces that are laid out when they are seen, so that a very long text does not hold the page up.
      more.remove();
      let at = 0;
      const next = () => {
        element.append(h('span.piece', {}, reveal(value.slice(at, at + PIECE))));
        at += PIECE;
        if (at < value.length) requestAnimationFrame(next);
      };
      element.textContent = '';
      next();
    },
  }, `${size}, showing the first ${bytes(TEXT)} · all`);
  return h('span', {}, element, ' ', more);
}
