/** What the files of the inspector may hold: modules that are there, no markup from strings, nothing from elsewhere, and little of it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const page = fileURLToPath(new URL('../../Sources/AgentEventsServer/Page/', import.meta.url));
const folder = join(page, 'inspector');

function filesIn(path) {
  return readdirSync(path).flatMap(name => {
    const each = join(path, name);
    return statSync(each).isDirectory() ? filesIn(each) : [each];
  });
}

const files = filesIn(folder).map(path => ({ path, name: relative(folder, path), text: readFileSync(path, 'utf8') }));
const modules = files.filter(({ name }) => name.endsWith('.js'));

/** What a text breaks. */
function faultsOf({ name, text }) {
  const faults = [];
  const banned = /\.(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|DOMParser|setHTML|srcdoc/;
  if (banned.test(text)) faults.push(`reads markup or code from a text: ${banned.exec(text)[0]}`);
  const outside = text.match(/(?:https?:)?\/\/[a-z0-9-]+\.[a-z0-9.-]+/gi)?.filter(each => each !== 'http://www.w3.org') ?? [];
  if (outside.length) faults.push(`names another origin: ${outside[0]}`);
  if (text.split('\n').length > 401) faults.push('has more than 400 lines');
  if (name.endsWith('.html')
    && /<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=/.test(text)) faults.push('has an inline script or style');
  if (name.endsWith('.css') && /@import|url\(/.test(text)) faults.push('loads something');
  return faults;
}

describe('the files of the inspector', () => {
  test('hold no markup from strings, nothing from elsewhere, and no long file', () => {
    for (const file of files.filter(({ name }) => !name.endsWith('.ndjson'))) assert.deepEqual(faultsOf(file), [], file.name);
  });

  test('the rules notice what breaks them', () => {
    for (const [name, text] of [
      ['a.js', 'x.innerHTML = y'], ['a.js', 'eval(x)'], ['a.js', "fetch('https://evil.example/')"], ['a.js', '\n'.repeat(402)],
      ['a.html', '<script>x</script>'], ['a.html', '<p style="x">'], ['a.css', '@import "x"'],
    ]) assert.equal(faultsOf({ name, text }).length, 1, text.trim());
  });

  test('every module and file that is named is there', () => {
    const path = (from, to) => (to.startsWith('/client/') ? join(page, to.slice(8)) : to.startsWith('/') ? join(page, to)
      : join(dirname(from), to));
    for (const file of modules) {
      for (const [, , to] of file.text.matchAll(/(from|import) '([^']+)'/g)) assert.ok(existsSync(path(file.path, to)),
        `${file.name}: ${to}`);
    }
    const html = files.find(({ name }) => name === 'index.html');
    for (const [, to] of html.text.matchAll(/(?:src|href)="([^"]+)"/g)) assert.ok(existsSync(path(html.path, to)), to);
  });

  test('core modules know no page', () => {
    for (const { name, text } of modules.filter(each => each.name.startsWith('core/'))) {
      assert.ok(!/\b(document\.|window\.|globalThis|fetch\(|requestAnimationFrame|Date\.now|Math\.random)/.test(text.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, '')), name);
    }
  });

  test('are less than 150 kB, compressed', () => {
    const sum = files.reduce((bytes, { text }) => bytes + gzipSync(text, { level: 9 }).length, 0);
    assert.ok(sum < 150_000, `${sum} bytes`);
    console.log(`${files.length} files, ${Math.round(sum / 100) / 10} kB compressed`);
  });
});
