/**
 * A list of which only the rows in the window exist. Rows come from a pool and are filled again; where the list is scrolled to is
 * sampled in each frame, so that a fast fling shows no blank row.
 */
import { visibleRows } from './core/scale.js';
import { h } from './dom.js';

export class Rows {
  #pool = [];
  #count = 0;
  #height = 26;
  #scrolledAt = -Infinity;
  #isSampling = false;
  #first = 0;
  #last = 0;
  #sampledTop = -1;
  isFollowing = true;

  /**
   * @param {{role: string, label: string, make: () => HTMLElement, fill: (row: HTMLElement, index: number) => void,
   *   onFollow?: () => void}} options
   */
  constructor({ role, label, make, fill, onFollow = () => {} }) {
    Object.assign(this, { make, fill, onFollow });
    this.space = h('div.space', { role: 'presentation' });
    this.element = h('div.rows', { role, 'aria-label': label, tabindex: '0' }, this.space);
    this.element.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // Only what people do pauses following; that the list grows does not.
    for (const name of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      this.element.addEventListener(name, () => { this.#scrolledAt = performance.now(); }, { passive: true });
    }
    new ResizeObserver(() => this.#measure()).observe(this.element);
  }

  get mounted() { return this.#pool.filter(row => !row.hidden).length; }
  get rowHeight() { return this.#height; }
  get isAtEnd() { return this.element.scrollTop + this.element.clientHeight >= this.#count * this.#height - this.#height; }

  #measure() {
    const height = parseFloat(getComputedStyle(this.element).getPropertyValue('--row')) || 26;
    const isOther = height !== this.#height;
    this.#height = height;
    this.windowHeight = this.element.clientHeight;
    if (isOther) this.#sized();
    if (this.isFollowing && this.followsEnd) this.toEnd();
    this.refresh();
  }

  #sized() { this.space.style.setProperty('height', `${this.#count * this.#height}px`); }

  set count(count) {
    if (count === this.#count) return;
    this.#count = count;
    this.#sized();
    if (this.isFollowing && this.followsEnd) this.toEnd();
  }

  get count() { return this.#count; }

  toEnd() { this.element.scrollTop = this.#count * this.#height; }

  follow() {
    this.isFollowing = true;
    this.toEnd();
    this.refresh();
    this.onFollow();
  }

  #scrolled() {
    if (performance.now() - this.#scrolledAt < 1500) {
      const isFollowing = this.isAtEnd;
      if (isFollowing !== this.isFollowing) {
        this.isFollowing = isFollowing;
        this.onFollow();
      }
    }
    this.#show(false);
    if (this.#isSampling) return;
    this.#isSampling = true;
    let still = 0;
    const sample = () => {
      still = this.element.scrollTop === this.#sampledTop ? still + 1 : 0;
      this.#show(false);
      if (still < 12) requestAnimationFrame(sample);
      else this.#isSampling = false;
    };
    requestAnimationFrame(sample);
  }

  /** Fills all rows in the window again. */
  refresh() { this.#show(true); }

  #show(isAll) {
    const { scrollTop } = this.element;
    this.#sampledTop = scrollTop;
    const { first, last } = visibleRows({
      scrollTop, height: this.windowHeight ?? this.element.clientHeight, rowHeight: this.#height, count: this.#count, over: 6,
    });
    if (!isAll && first === this.#first && last === this.#last) return;
    this.#first = first;
    this.#last = last;
    const size = Math.max(last - first, 1);
    if (this.#pool.length < size) {
      while (this.#pool.length < size) {
        const row = this.make();
        this.#pool.push(row);
        this.space.append(row);
      }
      isAll = true;
    }
    const pool = this.#pool.length;
    for (let slot = 0; slot < pool; slot++) {
      // A row keeps its place in the pool while it is in the window.
      const row = this.#pool[slot];
      const index = first + ((((slot - first) % pool) + pool) % pool);
      const isHidden = index >= last;
      if (row.hidden !== isHidden) row.hidden = isHidden;
      if (isHidden) {
        row.index = -1;
        continue;
      }
      if (row.index === index && !isAll) continue;
      if (row.index !== index) {
        row.index = index;
        row.style.setProperty('transform', `translateY(${index * this.#height}px)`);
      }
      this.fill(row, index);
    }
  }

  rowAt(index) { return this.#pool.find(row => !row.hidden && row.index === index); }

  /** Scrolls as little as is needed for a row to be seen. */
  reveal(index) {
    const top = index * this.#height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top - Math.min(this.#height, clientHeight / 3);
    else if (top + this.#height > scrollTop + clientHeight) this.element.scrollTop = top - clientHeight + this.#height * 2;
    this.#show(false);
  }
}
