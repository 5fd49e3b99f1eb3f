// Durations as people write them in unit files and flags (`1m30s`), to and from whole milliseconds.
// Knows no words for "no limit" and rounds nothing: short forms for display belong to the CLI.

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const DURATION = /^(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Milliseconds, or null when `text` is no duration: each of d, h, m, s, ms at most once and in this order. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null) return null;
  const totalMs = UNITS.reduce((sum, [, unitMs], index) => sum + Number(match[index + 1] ?? 0) * unitMs, 0);
  return Number.isSafeInteger(totalMs) ? totalMs : null;
}

/** The shortest text that parseDuration reads back as exactly `ms`, a whole number not below zero. */
export function formatDuration(ms: number): string {
  let restMs = ms;
  let text = '';
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(restMs / unitMs);
    if (count > 0) text += `${count}${unit}`;
    restMs -= count * unitMs;
  }
  return text === '' ? '0s' : text;
}
