/** Makes elements. Text only ever becomes text: nothing here, nor elsewhere on the page, reads markup from a string. */

const SVG = 'http://www.w3.org/2000/svg';

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name === 'style') for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(3).filter(child => child !== undefined && child !== null && child !== false));
  return element;
}

/** `h('button.quiet', { onClick }, 'Text')`; a property that begins with `on` is a listener. */
export function h(selector, properties, ...children) {
  const [tag, ...classes] = selector.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  return filled(element, properties, children);
}

export function s(selector, properties, ...children) {
  const [tag, ...classes] = selector.split('.');
  const element = document.createElementNS(SVG, tag);
  if (classes.length) element.setAttribute('class', classes.join(' '));
  return filled(element, properties, children);
}

/** Sets a text, if it is another one. */
export function say(element, text) {
  if (element.said === text) return;
  element.said = text;
  element.textContent = text;
}

export function put(element, name, value) {
  if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

const SHAPES = {
  run: [['rect', { x: 1, y: 4, width: 12, height: 6, rx: 3 }]],
  tool: [['rect', { x: 2.5, y: 2.5, width: 9, height: 9, rx: 1.5 }]],
  message: [['path', { d: 'M2 3.5h10v6H7l-3 2.5V9.5H2z' }]],
  thought: [['circle', { cx: 7, cy: 7, r: 4.2, class: 'hollow' }]],
  person: [['path', { d: 'M7 1.6 12.4 7 7 12.4 1.6 7z' }]],
  paused: [['rect', { x: 3.2, y: 2.5, width: 2.6, height: 9 }], ['rect', { x: 8.2, y: 2.5, width: 2.6, height: 9 }]],
  queued: [['circle', { cx: 3, cy: 7, r: 1.4 }], ['circle', { cx: 7, cy: 7, r: 1.4 }], ['circle', { cx: 11, cy: 7, r: 1.4 }]],
  user: [['circle', { cx: 7, cy: 4.4, r: 2.6 }], ['path', { d: 'M2.2 12.4a4.8 4.8 0 0 1 9.6 0z' }]],
  failed: [['path', { d: 'M3 3l8 8M11 3l-8 8', class: 'stroke' }]],
  ended: [['path', { d: 'M2.5 7h9', class: 'stroke' }]],
  mark: [['circle', { cx: 7, cy: 7, r: 2.2 }]],
  child: [['path', { d: 'M3 2v6h8M8.4 5.2 11.4 8l-3 2.8', class: 'stroke' }]],
};

/** A sign for a kind, so that nothing is told by colour alone. */
export function glyph(kind) {
  const shapes = SHAPES[kind] ?? SHAPES.mark;
  return s('svg.glyph', { viewBox: '0 0 14 14', 'aria-hidden': 'true', 'data-kind': kind },
    shapes.map(([tag, properties]) => s(tag, properties)));
}

/** Copies a text, and says so. */
export async function copy(text, tell) {
  try {
    await navigator.clipboard.writeText(text);
    tell('copied');
  } catch {
    tell('the browser refuses the clipboard');
  }
}

/** Has a file saved. */
export function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/x-ndjson' }));
  const link = h('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
