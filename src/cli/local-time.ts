// Moments as people read them, in the zone of the one who reads.
import { isDay, nearestMoment } from '../base/moment.ts';

/** `10:01:02.345` */
export function clockTime(ms: number): string {
  const date = new Date(ms);
  const two = (part: number): string => String(part).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** `2026-11-22 10:01:02` */
export function dateAndTime(ms: number): string {
  const date = new Date(ms);
  const two = (part: number): string => String(part).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${clockTime(ms).slice(0, 8)}`;
}

/** Milliseconds since the epoch of `10m` (ago), `10:00` (today) or `2026-11-22[T10:00[:00[Z]]]` (local time unless
 *  it names a zone); null if it is none of these. `agoMs` is the text read as a duration, null if it is none. */
export function momentOf(text: string, agoMs: number | null, nowMs: number): number | null {
  if (agoMs !== null) return nearestMoment(nowMs - agoMs);
  const clock = /^(\d\d?):(\d\d)(?::(\d\d))?$/.exec(text);
  if (clock !== null) {
    const date = new Date(nowMs);
    const at = date.setHours(Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0), 0);
    return Number(clock[1]) < 24 && Number(clock[2]) < 60 && Number(clock[3] ?? 0) < 60 ? at : null;
  }
  const day = /^\d{4}-\d\d-\d\d/.exec(text)?.[0];
  if (day === undefined || !isDay(day)) return null;
  // A date alone is midnight here, not in UTC as ECMAScript reads it.
  const ms = Date.parse(text === day ? `${text}T00:00` : text.replace(' ', 'T'));
  return Number.isNaN(ms) ? null : nearestMoment(ms);
}
