/** The line between the timeline and what is below it, which can be moved by a pointer or by keys. */
import { h } from './dom.js';
import { remember, remembered } from './settings.js';

export function splitter(upper, lower, changed) {
  const element = h('div.splitter', { role: 'separator', tabindex: '0', 'aria-orientation': 'horizontal',
    'aria-label': 'Height of the timeline', 'aria-valuemin': '15', 'aria-valuemax': '85' });
  let part = remembered('split', 55);
  const set = value => {
    part = Math.min(85, Math.max(15, value));
    upper.style.setProperty('flex', `${part} 1 0`);
    lower.style.setProperty('flex', `${100 - part} 1 0`);
    element.setAttribute('aria-valuenow', Math.round(part));
    changed();
  };
  const move = event => {
    const [top, bottom] = [upper.getBoundingClientRect().top, lower.getBoundingClientRect().bottom];
    set(((event.clientY - top) / (bottom - top)) * 100);
  };
  element.addEventListener('pointerdown', event => {
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener('pointermove', event => { if (event.buttons) move(event); });
  element.addEventListener('pointerup', () => remember('split', part));
  element.addEventListener('dblclick', () => set(55));
  element.addEventListener('keydown', event => {
    const step = { ArrowUp: -4, ArrowDown: 4 }[event.code];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    set(part + step);
    remember('split', part);
  });
  set(part);
  return element;
}
