// Lines of logs as they are printed: bare text for programs; times, names and colours for eyes.
import { STEERING } from '../base/steering.ts';
import type { LogLine } from '../wire/v1.ts';
import { clockTime } from './local-time.ts';
import type { Screen } from './screen.ts';

export interface LogLook {
  readonly times: 'none' | 'clock' | 'full';
  /** In front of each line; null: one unit only. */
  readonly names: NameColumn | null;
}

/** As wide as the longest of the names, each in the colour of its place. */
export class NameColumn {
  readonly #places = new Map<string, number>();
  #width = 0;

  constructor(names: readonly string[]) {
    for (const name of names) this.add(name);
  }

  add(name: string): void {
    if (!this.#places.has(name)) this.#places.set(name, this.#places.size);
    this.#width = Math.max(this.#width, name.length);
  }

  cell(name: string, { palette, unicode }: Screen): string {
    const color = NAME_COLORS[(this.#places.get(name) ?? 0) % NAME_COLORS.length] ?? 'cyan';
    return palette[color](`${name.padEnd(this.#width)} ${bar(unicode)}`);
  }
}

const NAME_COLORS = ['cyan', 'magenta', 'green', 'yellow', 'blue'] as const;

export function logText(line: LogLine, look: LogLook, screen: Screen): string {
  const { palette } = screen;
  const parts: string[] = [];
  if (look.times !== 'none') parts.push(palette.dim(timeOf(line, look.times)));
  if (look.names !== null) {
    parts.push(look.names.cell(line.unit, screen));
  } else if (look.times !== 'none' && line.stream === 'stderr') {
    parts.push(palette.yellow(bar(screen.unicode)));
  } else if (look.times === 'clock') parts.push(palette.dim(bar(screen.unicode)));
  const text = screen.width === null ? line.text : tamed(line.text);
  return [...parts, text].join(' ');
}

function bar(unicode: boolean): string {
  return unicode ? '│' : '|';
}

function timeOf(line: LogLine, times: 'clock' | 'full'): string {
  if (line.time === null) return times === 'clock' ? '-'.padEnd(12) : '-'.padEnd(30);
  return times === 'clock' ? clockTime(Date.parse(line.time)) : line.time;
}

// oxlint-disable-next-line no-control-regex
const COLOUR = /\u001b\[[0-9;]*m/y;

// Colours pass, with an end put to them; what would move the cursor, turn text round or talk to the terminal is
// shown instead.
function tamed(text: string): string {
  const shown = text.replace(STEERING, (character, at: number) => {
    if (character === '\t' || character === '\n') return character;
    COLOUR.lastIndex = at;
    if (COLOUR.test(text)) return character;
    return character < ' ' ? String.fromCharCode(0x2400 + character.charCodeAt(0)) : '\ufffd';
  });
  return shown.includes('\u001b[') ? `${shown}\u001b[0m` : shown;
}
