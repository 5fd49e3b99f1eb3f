// A table without borders: columns that give way when the terminal is narrow, and a last one that takes the rest.
// Knows nothing of units.
import type { Paint } from './palette.ts';
import type { Screen } from './screen.ts';
import { middleTruncated, printable, truncated, wrapped } from './text-width.ts';
import type { Measure } from './text-width.ts';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** The lowest gives way first; null: never. */
  readonly rank: number | null;
}

export interface Cell {
  readonly text: string;
  readonly paint: Paint;
}

export interface Row {
  /** One column wide. */
  readonly symbol: Cell;
  /** One for each column. */
  readonly cells: readonly Cell[];
  /** The last column, as wide as there is room. */
  readonly note: Cell;
  /** How many lines the note may take before it is cut short. */
  readonly noteLines: number;
}

/** Stands in a cell that has no value; a column of nothing else is not shown on a terminal. */
export const NOTHING = '-';

const GAP = '  ';
const NAME_LEAST = 12;
/** What a longer first column gives up before another column goes: all above this, or above a part of the width. */
const NAME_KEPT = 24;
const NAME_PART = 0.3;

/** Lines without line feeds and without spaces at their ends. The first column is never dropped. */
export function tableLines(
  columns: readonly Column[],
  noteTitle: string,
  rows: readonly Row[],
  screen: Screen,
  measure: Measure,
): readonly string[] {
  const { palette } = screen;
  const natural = columns.map((column, at) =>
    rows.reduce((most, row) => Math.max(most, measure(row.cells[at]?.text ?? '')), column.title.length),
  );
  const layout =
    screen.width === null ? { shown: all(columns), widths: natural, note: null } : fit(screen.width);
  const lines = [heading()];
  for (const row of rows) lines.push(...rowLines(row));
  return lines;

  function fit(width: number): { shown: readonly number[]; widths: readonly number[]; note: number } {
    const longest = rows.reduce((most, row) => Math.max(most, measure(row.note.text)), noteTitle.length);
    const wanted = Math.min(longest, Math.max(24, Math.min(40, Math.floor(width * 0.35))));
    const shown = all(columns).filter((at) => columns[at]?.rank === null || !isEmpty(at));
    const first = natural[0] ?? 0;
    const kept = Math.min(first, Math.max(NAME_KEPT, Math.floor(width * NAME_PART)));
    const widths = [kept, ...natural.slice(1)];
    const taken = (): number => shown.reduce((sum, at) => sum + (widths[at] ?? 0) + GAP.length, 0);
    const room = (): number => width - 2 - taken();
    while (room() < wanted) {
      const next = weakest(columns, shown);
      if (next === null) break;
      shown.splice(shown.indexOf(next), 1);
    }
    widths[0] = Math.min(first, Math.max(NAME_LEAST, kept + room() - wanted));
    return { shown, widths, note: Math.max(8, room()) };
  }

  function isEmpty(at: number): boolean {
    return rows.every((row) => row.cells[at]?.text === NOTHING);
  }

  function heading(): string {
    const titles = layout.shown.map((at) => ({ text: columns[at]?.title ?? '', paint: palette.dim }));
    return `  ${padded(titles).join(GAP)}${GAP}${palette.dim(noteTitle)}`.trimEnd();
  }

  function rowLines(row: Row): readonly string[] {
    const cells = layout.shown.map((at) => row.cells[at] ?? { text: '', paint: palette.dim });
    const head = `${row.symbol.paint(row.symbol.text)} ${padded(cells).join(GAP)}`;
    const text = printable(row.note.text);
    if (layout.note === null) return [text === '' ? head.trimEnd() : `${head}${GAP}${row.note.paint(text)}`];
    const [first = '', ...more] = wrapped(text, layout.note, row.noteLines, measure);
    const indent = ' '.repeat((screen.width ?? 0) - layout.note);
    return [
      `${head}${first === '' ? '' : GAP + row.note.paint(first)}`.trimEnd(),
      ...more.map((line) => indent + row.note.paint(line)),
    ];
  }

  function padded(cells: readonly Cell[]): readonly string[] {
    return cells.map(({ text, paint }, index) => {
      const at = layout.shown[index] ?? 0;
      const width = layout.widths[at] ?? 0;
      const fitted = at === 0 ? middleTruncated(text, width) : truncated(text, width, measure);
      const spaces = ' '.repeat(Math.max(0, width - measure(fitted)));
      return columns[at]?.align === 'right' ? spaces + paint(fitted) : paint(fitted) + spaces;
    });
  }
}

function all(columns: readonly Column[]): number[] {
  return columns.map((_, at) => at);
}

function weakest(columns: readonly Column[], shown: readonly number[]): number | null {
  let found: number | null = null;
  let lowest = Infinity;
  for (const at of shown) {
    const rank = columns[at]?.rank ?? Infinity;
    if (rank < lowest) {
      lowest = rank;
      found = at;
    }
  }
  return found;
}
