// A table without borders: columns that give way when the terminal is narrow, and a last one that takes the rest.
// Knows nothing of what its rows show.
//
// Column by column, with few calls and few values for a cell: nothing of this is compiled yet when some hundred rows are
// made, and V8 collects what is thrown away. Cells as objects took a twentieth of the whole command's time.
import type { Paint } from './palette.ts';
import type { Screen } from './screen.ts';
import { middleTruncated, printable, wrapped } from './text-width.ts';
import type { Measure } from './text-width.ts';

export interface Column<Item> {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** The lowest gives way first; null: never. */
  readonly rank: number | null;
  /** Characters of one column each; null: there is no value. */
  readonly text: (item: Item) => string | null;
  /** Absent: as it is. */
  readonly paint?: (item: Item) => Paint;
}

export interface Table<Item> {
  /** One character, before all columns. */
  readonly symbol: (item: Item) => string;
  readonly columns: readonly Column<Item>[];
  /** The last column, as wide as there is room. */
  readonly note: {
    readonly title: string;
    readonly text: (item: Item) => string;
    readonly paint: (item: Item) => Paint;
    /** How many lines it may take before it is cut short. */
    readonly lines: (item: Item) => number;
  };
}

/** Stands where there is no value; a column of nothing else is not shown on a terminal. */
const NOTHING = '-';

const GAP = '  ';
const NAME_LEAST = 12;
/** What a longer first column gives up before another column goes: all above this, or above a part of the width. */
const NAME_KEPT = 24;
const NAME_PART = 0.3;

/** Lines with their line feeds, none with spaces at its end. The first column is never dropped. */
export function tableText<Item>(
  { symbol, columns, note }: Table<Item>,
  items: readonly Item[],
  screen: Screen,
  measure: Measure,
): string {
  const { palette } = screen;
  const filled = columns.map((column, at) => fill(column, at === 0 ? '' : GAP, items));
  const { shown, noteWidth } = screen.width === null ? { shown: filled, noteWidth: null } : fit(screen.width);

  const lines = items.map((item) => `${symbol(item)} `);
  let heading = '  ';
  for (const each of shown) {
    heading += cellOf(each, each.column.title, palette.dim, screen);
    items.forEach((item, row) => {
      const text = each.texts[row] ?? null;
      lines[row] +=
        text === null
          ? cellOf(each, NOTHING, palette.dim, screen)
          : cellOf(each, text, each.column.paint?.(item), screen);
    });
  }
  const hasLooseEnd = shown.at(-1)?.column.align === 'left';
  items.forEach((item, row) => {
    const text = note.text(item);
    if (text !== '') lines[row] += noteOf(item, printable(text));
    else if (hasLooseEnd) lines[row] = lines[row]?.trimEnd() ?? '';
  });
  return [heading + GAP + palette.dim(note.title), ...lines, ''].join('\n');

  /** Which columns there is room for, and how wide the first and the last may be. */
  function fit(width: number): { shown: readonly Filled<Item>[]; noteWidth: number } {
    const longest = items.reduce((most, item) => Math.max(most, measure(note.text(item))), note.title.length);
    const wanted = Math.min(longest, Math.max(24, Math.min(40, Math.floor(width * 0.35))));
    const left = filled.filter(({ column, isEmpty }) => column.rank === null || !isEmpty);
    const first = left[0]?.width ?? 0;
    const kept = Math.min(first, Math.max(NAME_KEPT, Math.floor(width * NAME_PART)));
    const room = (name: number): number =>
      left
        .slice(1)
        .reduce((sum, { width: taken }) => sum - taken - GAP.length, width - 2 - name - GAP.length);
    while (room(kept) < wanted) {
      const next = weakest(left);
      if (next === null) break;
      left.splice(left.indexOf(next), 1);
    }
    const name = Math.min(first, Math.max(NAME_LEAST, kept + room(kept) - wanted));
    return {
      shown: left.map((each, at) => (at === 0 ? { ...each, width: name } : each)),
      noteWidth: Math.max(8, room(name)),
    };
  }

  function noteOf(item: Item, text: string): string {
    const paint = note.paint(item);
    if (noteWidth === null || measure(text) <= noteWidth) return GAP + paint(text);
    const indent = `\n${' '.repeat((screen.width ?? 0) - noteWidth)}`;
    return GAP + wrapped(text, noteWidth, note.lines(item), measure, screen).map(paint).join(indent);
  }
}

interface Filled<Item> {
  readonly column: Column<Item>;
  /** What stands between it and the column before. */
  readonly lead: string;
  /** One for each item. */
  readonly texts: readonly (string | null)[];
  readonly width: number;
  readonly isEmpty: boolean;
}

function fill<Item>(column: Column<Item>, lead: string, items: readonly Item[]): Filled<Item> {
  let width = column.title.length;
  let isEmpty = true;
  const texts = items.map((item) => {
    const text = column.text(item);
    if (text !== null) {
      isEmpty = false;
      if (text.length > width) width = text.length;
    }
    return text;
  });
  return { column, lead, texts, width, isEmpty };
}

/** Colour is put on the text alone, not on the spaces beside it. */
function cellOf<Item>(
  { column, lead, width }: Filled<Item>,
  text: string,
  paint: Paint | undefined,
  screen: Screen,
): string {
  const isRight = column.align === 'right';
  const fitted = text.length > width ? middleTruncated(text, width, screen) : text;
  if (paint === undefined) {
    return isRight ? fitted.padStart(lead.length + width) : lead + fitted.padEnd(width);
  }
  const spaces = ' '.repeat(width - fitted.length);
  return isRight ? lead + spaces + paint(fitted) : lead + paint(fitted) + spaces;
}

function weakest<Item>(filled: readonly Filled<Item>[]): Filled<Item> | null {
  let found: Filled<Item> | null = null;
  let lowest = Infinity;
  for (const each of filled) {
    const { rank } = each.column;
    if (rank !== null && rank < lowest) {
      lowest = rank;
      found = each;
    }
  }
  return found;
}
