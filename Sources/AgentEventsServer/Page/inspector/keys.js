/** The keyboard: by the place of a key, not by its letter, so that other layouts work too; and the sheet that shows it. */
import { h } from './dom.js';

/** `[code, shown, what it does, shift?]` by group. */
export const KEYS = [
  ['Move', [
    ['KeyJ', 'J', 'next event', app => app.step(1)], ['KeyK', 'K', 'previous event', app => app.step(-1)],
    ['ArrowRight', '→', 'cursor one event on', app => app.moveBy(1)],
      ['ArrowLeft', '←', 'cursor one event back', app => app.moveBy(-1)],
    ['BracketRight', ']', 'next run', app => app.stepRun(1)], ['BracketLeft', '[', 'previous run', app => app.stepRun(-1)],
    ['KeyE', 'E', 'next failure', app => app.stepFailure(1)], ['KeyP', 'P', 'the run’s parent', app => app.toParent()],
    ['KeyL', 'L', 'back to the head', app => app.toHead()],
  ]],
  ['Timeline', [
    ['KeyW', 'W', 'zoom in', app => app.timeline.zoom(1 / 1.5)], ['KeyS', 'S', 'zoom out', app => app.timeline.zoom(1.5)],
    ['KeyA', 'A', 'pan left', app => app.timeline.pan(-0.2)], ['KeyD', 'D', 'pan right', app => app.timeline.pan(0.2)],
    ['Digit0', '0', 'everything in view', app => app.set({ view: { from: 0, to: 1 } })],
      ['KeyG', 'G', 'compress idle stretches', app => app.set({ compress: !app.ui.compress })],
    ['Digit7', '7', 'fold to runs', app => app.timeline.foldTo(0)],
      ['Digit8', '8', 'fold to calls', app => app.timeline.foldTo(1)],
      ['Digit9', '9', 'unfold all', app => app.timeline.foldTo(99)],
  ]],
  ['Views', [
    ['Digit1', '1', 'events', app => app.set({ lower: 'events', pane: 'lower' })],
      ['Digit2', '2', 'order', app => app.set({ lower: 'order', pane: 'lower' })],
    ['Digit3', '3', 'proof', app => app.set({ lower: 'proof', pane: 'lower' })],
      ['Digit4', '4', 'compare', app => app.set({ lower: 'compare', pane: 'lower' })],
    ['KeyT', 'T', 'timeline', app => app.focusTimeline()], ['Slash', '/', 'filter events', app => app.focusFilter()],
    ['KeyO', 'O', 'find a thread', app => app.focusThreads()],
      ['KeyF', 'F', 'join fragments', app => app.set({ fold: !app.ui.fold })],
    ['KeyV', 'V', 'frames in each protocol', app => app.toggleFrames()],
    ['KeyZ', 'Z', 'UTC, local, relative', app => app.nextZone()], ['KeyM', 'M', 'dark or light', app => app.nextTheme()],
  ]],
  ['Do', [
    ['KeyC', 'C', 'write a message', app => app.focusComposer()], ['KeyX', 'X', 'stop the runs', app => app.command('stop')],
    ['KeyU', 'U', 'pause or resume', app => app.pauseOrResume()], ['KeyY', 'Y', 'copy the link', app => app.copyLink()],
    ['KeyR', 'R', 'range from here to the cursor', app => app.rangeToCursor()],
      ['KeyN', 'N', 'new conversation', app => app.close()],
    ['Escape', 'Esc', 'back', app => app.back()],
  ]],
];

const byCode = new Map(KEYS.flatMap(([, keys]) => keys).map(([code, , , work]) => [code, work]));

export function listen(app, target = document) {
  target.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector('dialog[open]')) return;
    if (event.target.closest?.('input, textarea, select, [contenteditable]') && event.code !== 'Escape') return;
    if (event.key === '?') {
      event.preventDefault();
      return app.help();
    }
    if (event.shiftKey) return;
    if (['ArrowLeft', 'ArrowRight'].includes(event.code) && event.target.closest?.('[role="tablist"]')) return;
    const work = byCode.get(event.code);
    if (!work) return;
    if (!app.session && !['Escape', 'KeyO', 'KeyM', 'KeyZ', 'KeyN'].includes(event.code)) return;
    event.preventDefault();
    work(app);
  });
}

export function helpSheet() {
  const dialog = h('dialog', { 'aria-label': 'Keyboard' }, h('div.help', {},
    h('h2', {}, 'Keyboard'), h('p.dim.small', {},
      'Keys count by their place, as on a US keyboard. In a list: ↑ ↓ to move, Shift for a range, Space to fold, Enter to zoom to a bar. Ctrl and the wheel zoom, Shift and the wheel pan.'),
    h('div.columns', {}, KEYS.map(([title, keys]) => h('section', {}, h('h3', {}, title),
      h('dl', {}, keys.map(([, shown, what]) => [h('dt', {}, h('kbd', {}, shown)), h('dd', {}, what)])))))));
  dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
  return dialog;
}
