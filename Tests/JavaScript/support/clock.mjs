/** A clock that stands still until it is moved, in the place of the timers and frames of the process. */
const realImmediate = setImmediate;

/** Lets everything run that waits for nothing but its turn. */
export async function settle() {
  for (let turn = 0; turn < 4; turn++) await new Promise(resolve => realImmediate(resolve));
}

export class FakeClock {
  time = Date.parse('2026-11-28T10:00:00.000Z');
  hasFrames = true;
  frames = 0;
  #timers = new Map();
  #lastTimer = 0;
  #saved;

  now = () => this.time;
  get timerCount() { return this.#timers.size; }

  install() {
    const { setTimeout, clearTimeout, requestAnimationFrame, cancelAnimationFrame } = globalThis;
    this.#saved = { setTimeout, clearTimeout, requestAnimationFrame, cancelAnimationFrame };
    globalThis.setTimeout = (work, pause = 0) => this.#add(work, pause);
    globalThis.clearTimeout = number => void this.#timers.delete(number);
    globalThis.requestAnimationFrame = work => this.#add(() => {
      this.frames++;
      work(this.time);
    }, 16);
    globalThis.cancelAnimationFrame = globalThis.clearTimeout;
    return this;
  }

  uninstall() { Object.assign(globalThis, this.#saved); }

  #add(work, pause) {
    this.#timers.set(++this.#lastTimer, { due: this.time + Math.max(0, pause), work });
    return this.#lastTimer;
  }

  /** Moves the clock, and runs what is due on the way, in its order. */
  async advance(milliseconds) {
    const end = this.time + milliseconds;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(([, { due }]) => due <= end).sort((a, b) => a[1].due - b[1].due || a[0] - b[0]);
      if (!next) break;
      this.#timers.delete(next[0]);
      this.time = Math.max(this.time, next[1].due);
      next[1].work();
      await settle();
    }
    this.time = end;
    await settle();
  }

  /** Time goes by, and no timer runs: the machine sleeps. */
  sleep(milliseconds) { this.time += milliseconds; }
}

/** Numbers from 0 up to 1 that are the same in each run. */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}
