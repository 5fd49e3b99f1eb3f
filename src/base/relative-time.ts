// Spans of time as people read them in tables: short, one or two units, never exact.
// For text that is read back, see duration.ts.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `850ms`, `12s`, `9m12s`, `45m`, `3h20m`, `14h`, `5d3h`, `23d`: at most six characters below ten years. */
export function shortSpan(ms: number): string {
  const span = Math.max(0, ms);
  if (span < SECOND) return `${Math.floor(span)}ms`;
  if (span < 2 * MINUTE) return `${Math.floor(span / SECOND)}s`;
  if (span < 10 * MINUTE) return two(span, MINUTE, 'm', SECOND, 's');
  if (span < HOUR) return `${Math.floor(span / MINUTE)}m`;
  if (span < 10 * HOUR) return two(span, HOUR, 'h', MINUTE, 'm');
  if (span < 2 * DAY) return `${Math.floor(span / HOUR)}h`;
  if (span < 10 * DAY) return two(span, DAY, 'd', HOUR, 'h');
  return `${Math.floor(span / DAY)}d`;
}

/** `5m12s ago`, `in 8s` or `now`. */
export function relativeTo(nowMs: number, thenMs: number): string {
  const elapsed = nowMs - thenMs;
  if (Math.abs(elapsed) < SECOND) return 'now';
  return elapsed > 0 ? `${shortSpan(elapsed)} ago` : `in ${shortSpan(-elapsed)}`;
}

function two(span: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((span % large) / small);
  const head = `${Math.floor(span / large)}${largeName}`;
  return rest === 0 ? head : `${head}${rest}${smallName}`;
}
