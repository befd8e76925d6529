/** Times and durations for people: one zone for the whole page. Pure. */

export const ZONES = ['utc', 'local', 'relative'];

/** @param {number} ms @returns the duration with three significant digits, or whole units: `238 ms`, `14.2 s`, `2 m 05 s` */
export function duration(ms) {
  if (!Number.isFinite(ms)) return '–';
  const sign = ms < 0 ? '−' : '';
  const value = Math.abs(ms);
  if (value < 1000) return `${sign}${Math.round(value)} ms`;
  if (value < 9_995) return `${sign}${(value / 1000).toFixed(2)} s`;
  if (value < 59_950) return `${sign}${(value / 1000).toFixed(1)} s`;
  const seconds = Math.round(value / 1000);
  const two = number => String(number).padStart(2, '0');
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86_400) return `${sign}${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} m`;
  return `${sign}${Math.floor(seconds / 86_400)} d ${two(Math.floor(seconds / 3600) % 24)} h`;
}

const formats = new Map();

function parts(ms, timeZone) {
  if (!formats.has(timeZone)) {
    formats.set(timeZone, new Intl.DateTimeFormat('en-CA', {
      timeZone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
      second: '2-digit', timeZoneName: 'shortOffset',
    }));
  }
  return Object.fromEntries(formats.get(timeZone).formatToParts(ms).map(({ type, value }) => [type, value]));
}

const thousandths = ms => String(((Math.floor(ms) % 1000) + 1000) % 1000).padStart(3, '0');

/** Writes times in one zone: `utc`, `local` (an IANA name, by default that of the machine) or `relative` to an origin. */
export class Clock {
  constructor(zone = 'utc', origin = 0, timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone) {
    Object.assign(this, { zone, origin, timeZone });
  }

  get #name() { return this.zone === 'utc' ? 'UTC' : this.timeZone; }

  /** The zone, as it is printed beside times. */
  name(ms = this.origin) {
    if (this.zone === 'relative') return 'since start';
    return this.zone === 'utc' ? 'UTC' : parts(ms, this.#name).timeZoneName.replace('GMT', 'UTC');
  }

  /** `14:02:03.123`, or `+1.230` seconds. */
  time(ms) {
    if (this.zone === 'relative') return offset(ms - this.origin);
    const { hour, minute, second } = parts(ms, this.#name);
    return `${hour}:${minute}:${second}.${thousandths(ms)}`;
  }

  /** For an axis whose ticks are `step` apart. */
  tick(ms, step) {
    if (this.zone === 'relative') return coarse(ms - this.origin, step);
    const { year, month, day, hour, minute, second } = parts(ms, this.#name);
    if (step >= 86_400_000) return `${year}-${month}-${day}`;
    if (step >= 60_000) return `${hour}:${minute}`;
    return step >= 1000 ? `${hour}:${minute}:${second}` : `${second}.${thousandths(ms)}`;
  }

  date(ms) {
    const { year, month, day } = parts(ms, this.zone === 'relative' ? 'UTC' : this.#name);
    return `${year}-${month}-${day}`;
  }

  /** Everything, with the zone: what tooltips and copied texts have. */
  full(ms) {
    if (this.zone === 'relative') return `${offset(ms - this.origin)} since start`;
    return `${this.date(ms)} ${this.time(ms)} ${this.name(ms)}`;
  }
}

function offset(ms) {
  const sign = ms < 0 ? '−' : '+';
  const value = Math.abs(Math.round(ms));
  const seconds = Math.floor(value / 1000);
  const two = number => String(number).padStart(2, '0');
  if (seconds < 60) return `${sign}${seconds}.${thousandths(value)}`;
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${thousandths(value)}`;
  return `${sign}${seconds >= 3600 ? `${Math.floor(seconds / 3600)}:` : ''}${minutes}`;
}

function coarse(ms, step) {
  if (step < 1000) return ms < 1000 && step < 1000 && Math.abs(ms) < 1000 ? `${Math.round(ms)} ms`
    : `${(ms / 1000).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1)} s`;
  if (step < 60_000) return ms < 60_000 ? `${Math.round(ms / 1000)} s` : duration(ms);
  return duration(ms).replace(/ 00 [sm]$/, '');
}
