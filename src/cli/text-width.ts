// How many columns a text takes on a terminal, and texts cut, padded and wrapped to columns.
// Takes plain text only: colour is put on afterwards.
import { STEERING } from '../base/steering.ts';
import type { Screen } from './screen.ts';

export type Measure = (text: string) => number;

const ASCII = /^[\x20-\x7e]*$/;
// ASCII, Latin, dashes, arrows, box drawing, check marks: one column each on every terminal.
const SINGLE_COLUMN = /^[\x20-\x7e\u00a0-\u024f\u2010-\u2027\u2190-\u21ff\u2500-\u25ff\u2713-\u2718]*$/;

/** A measure that is exact for all of `texts`; loads the tables of wide characters only if one of them needs it. */
export async function measureFor(texts: Iterable<string>): Promise<Measure> {
  for (const text of texts) {
    if (SINGLE_COLUMN.test(text)) continue;
    const { default: stringWidth } = await import('string-width');
    return (measured) => (ASCII.test(measured) ? measured.length : stringWidth(measured));
  }
  return oneColumnEach;
}

/** For texts of single-column characters. */
export function oneColumnEach(text: string): number {
  return text.length;
}

/** Never less than what is shown, for where a line must not be wrapped and nothing can be loaded first. */
export function twoColumnsAtMost(text: string): number {
  return text.length + (text.match(/[^\x20-\x7e]/g)?.length ?? 0);
}

const NAME_COLUMNS = 32;

/** To align what follows the names; one that is longer sticks out alone. */
export function nameColumns(units: readonly { readonly name: string }[]): number {
  return Math.max(0, ...units.map(({ name }) => name.length).filter((length) => length <= NAME_COLUMNS));
}

/**
 * Control characters made visible, and those that turn text round: what a unit wrote must not steer the terminal of the
 * one who looks.
 */
export function printable(text: string): string {
  return text.replace(STEERING, (character) => CONTROL[character] ?? '\ufffd');
}

const CONTROL: Readonly<Record<string, string>> = { '\t': ' ', '\n': ' ', '\r': ' ' };

type Speaks = Pick<Screen, 'unicode'>;

export function ellipsisOn({ unicode }: Speaks): string {
  return unicode ? '…' : '...';
}

/** `text` in at most `columns`, its end replaced by an ellipsis if it is longer. */
export function truncated(text: string, columns: number, measure: Measure, screen: Speaks): string {
  if (measure(text) <= columns) return text;
  const ellipsis = ellipsisOn(screen);
  return `${fitting(text, columns - ellipsis.length, measure).trimEnd()}${ellipsis}`;
}

/** The middle replaced by an ellipsis: names often differ at their ends. */
export function middleTruncated(text: string, columns: number, screen: Speaks): string {
  if (text.length <= columns) return text;
  const ellipsis = ellipsisOn(screen);
  const tail = Math.floor((columns - ellipsis.length) / 2);
  return text.slice(0, columns - ellipsis.length - tail) + ellipsis + text.slice(text.length - tail);
}

/** Lines of at most `columns`, broken at spaces where possible; the last of `mostLines` is truncated. */
export function wrapped(
  text: string,
  columns: number,
  mostLines: number,
  measure: Measure,
  screen: Speaks,
): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (measure(rest) > columns && lines.length < mostLines - 1) {
    const head = fitting(rest, columns, measure);
    const space = rest[head.length] === ' ' ? head.length : head.lastIndexOf(' ');
    const cut = space > 0 ? space : Math.max(1, head.length);
    lines.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut).trimStart();
  }
  return [...lines, truncated(rest, columns, measure, screen)];
}

// A segmenter takes milliseconds to set up, and in ASCII every character is a grapheme.
function fitting(text: string, columns: number, measure: Measure): string {
  if (ASCII.test(text)) return text.slice(0, columns);
  let kept = '';
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (measure(kept + segment) > columns) break;
    kept += segment;
  }
  return kept;
}
