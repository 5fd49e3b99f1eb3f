// Sizes as people write them in unit files (`10MB`, `10MiB`), to and from whole bytes.
// Rounds nothing: short forms for display belong to the CLI.

const UNITS: readonly (readonly [name: string, bytes: number])[] = [
  ['TiB', 2 ** 40],
  ['TB', 1e12],
  ['GiB', 2 ** 30],
  ['GB', 1e9],
  ['MiB', 2 ** 20],
  ['MB', 1e6],
  ['KiB', 2 ** 10],
  ['kB', 1e3],
  ['B', 1],
];

const SIZE = /^(\d+)(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;

/** Bytes, or null when `text` is no size: a whole number and a unit, decimal (`MB`) or binary (`MiB`). */
export function parseSize(text: string): number | null {
  const match = SIZE.exec(text);
  if (match === null) return null;
  const unit = match[2] === 'KB' ? 'kB' : match[2];
  const bytes = Number(match[1]) * (UNITS.find(([name]) => name === unit)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The text with the fewest digits that parseSize reads back as exactly `bytes`, a whole number not below zero. */
export function formatSize(bytes: number): string {
  const exact = UNITS.filter(([, unitBytes]) => bytes >= unitBytes && bytes % unitBytes === 0);
  const best = exact.reduce((least, unit) => (unit[1] > least[1] ? unit : least), ['B', 1] as const);
  return `${bytes / best[1]}${best[0]}`;
}
