/** From time to pixels and back; what a view shows of many rows. Pure: a box and a view in, rectangles out. */

/**
 * A scale over a stretch of time. Idle gaps, when they are given, take a fixed width each. The view is a part of the whole,
 * `{from, to}` from 0 to 1, so that it survives a change of the width.
 */
export class Scale {
  #pieces = [];
  constructor({ start, end, width, gaps = [], view = { from: 0, to: 1 }, gapWidth = 28 }) {
    const whole = Math.max(end - start, 1);
    Object.assign(this, { start, end: start + whole, width, view, gaps });
    const idle = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
    const busy = Math.max(whole - idle, 1);
    const room = Math.max(width - gaps.length * gapWidth, width * 0.25);
    const unit = gaps.length ? ((width - room) / gaps.length) * (busy / room) : 0; // Of virtual time, for a gap.
    let at = start;
    let virtual = 0;
    for (const gap of gaps) {
      this.#pieces.push({ from: at, to: gap.from, virtual, length: gap.from - at });
      virtual += gap.from - at;
      this.#pieces.push({ from: gap.from, to: gap.to, virtual, length: unit, isGap: true });
      virtual += unit;
      at = gap.to;
    }
    this.#pieces.push({ from: at, to: this.end, virtual, length: this.end - at });
    this.total = virtual + this.end - at;
  }

  #virtual(time) {
    const piece = this.#pieces.find(each => time <= each.to) ?? this.#pieces.at(-1);
    const length = piece.to - piece.from;
    return piece.virtual + (length ? ((time - piece.from) / length) * piece.length : 0);
  }

  #real(virtual) {
    const piece = this.#pieces.find(each => virtual <= each.virtual + each.length) ?? this.#pieces.at(-1);
    return piece.from + (piece.length ? ((virtual - piece.virtual) / piece.length) * (piece.to - piece.from) : 0);
  }

  /** The part of the whole at a time, from 0 to 1. */
  part(time) { return this.#virtual(time) / this.total; }
  x(time) { return ((this.part(time) - this.view.from) / (this.view.to - this.view.from)) * this.width; }
  time(x) { return this.#real((this.view.from + (x / this.width) * (this.view.to - this.view.from)) * this.total); }

  /** Milliseconds that a pixel stands for, outside of gaps. */
  get step() { return (this.total * (this.view.to - this.view.from)) / Math.max(this.width, 1); }

  /** Where the gaps lie that are in view: `{gap, x, width}`. */
  get gapBoxes() {
    return this.gaps.map(gap => ({ gap, x: this.x(gap.from), width: this.x(gap.to) - this.x(gap.from) }))
      .filter(({ x, width }) => x + width > 0 && x < this.width);
  }

  /** `{x, width}` of a span, cut at the edges, at least as wide as can be seen; undefined when it is out of view. */
  box(from, to, least = 3) {
    const left = this.x(from);
    const right = Math.max(this.x(to), left);
    if (right < -least || left > this.width + least) return undefined;
    const x = Math.max(left, -8);
    const width = Math.max(Math.min(right, this.width + 8) - x, least);
    return { x: Math.min(x, this.width - 1), width };
  }

  /** Ticks about `apart` pixels from each other: `{time, x, step}`; none in a gap. */
  ticks(apart = 110) {
    const least = this.step * apart;
    const step = STEPS.find(each => each >= least) ?? Math.ceil(least / 86_400_000) * 86_400_000;
    const ticks = [];
    const [first, last] = [this.time(0), this.time(this.width)];
    const origin = step >= 1000 ? 0 : this.start - (this.start % 1000);
    for (let time = Math.ceil((first - origin) / step) * step + origin; time <= last && ticks.length < 200; time += step) {
      if (this.gaps.some(gap => time > gap.from && time < gap.to)) {
        const gap = this.gaps.find(each => time > each.from && time < each.to);
        time = Math.floor((gap.to - origin) / step) * step + origin;
        continue;
      }
      const x = this.x(time);
      if (!ticks.length || x - ticks.at(-1).x > apart * 0.55) ticks.push({ time, x, step });
    }
    // Where time is compressed, its edges are said.
    for (const time of [this.start, ...this.gaps.map(gap => gap.to)]) {
      const x = this.x(time);
      if (this.gaps.length && x >= 0 && x < this.width - 60
        && ticks.every(tick => x < tick.x - 70 || x > tick.x + 70)) ticks.push({ time, x, step });
    }
    return ticks;
  }
}

/** Ticks since an origin, for relative times. */
export function relativeTicks(scale, origin, apart) {
  const shifted = new Scale({ ...scale, start: scale.start - origin, end: scale.end - origin,
    gaps: scale.gaps.map(gap => ({ from: gap.from - origin, to: gap.to - origin })) });
  return shifted.ticks(apart).map(tick => ({ ...tick, time: tick.time + origin }));
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
    1_800_000,
  3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000,
];

/** Zooms a view by a factor about a part of it; from 1 down to a millionth of the whole. */
export function zoomed({ from, to }, factor, about = 0.5) {
  const length = Math.min(1, Math.max(1e-6, (to - from) * factor));
  const middle = from + (to - from) * about;
  return kept(middle - length * about, length);
}

export const panned = ({ from, to }, by) => kept(from + (to - from) * by, to - from);

function kept(from, length) {
  const start = Math.min(Math.max(from, 0), 1 - length);
  return { from: start, to: start + length };
}

/** Which rows of a list are in a window. */
export function visibleRows({ scrollTop, height, rowHeight, count, over = 4 }) {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - over);
  const last = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + over);
  return { first: Math.min(first, last), last };
}
