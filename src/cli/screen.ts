// What the output goes to: how wide it is, whether it shows colours and symbols. Decided once, from facts given.
import { COLOURS, NO_COLOURS } from './palette.ts';
import type { Palette } from './palette.ts';

export interface Screen {
  /** null: not a terminal, so nothing is cut short. */
  readonly width: number | null;
  readonly height: number | null;
  readonly palette: Palette;
  /** Whether the terminal can be trusted with more than ASCII. */
  readonly unicode: boolean;
}

export interface StreamFacts {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  readonly rows: number | undefined;
}

export type ColorChoice = 'auto' | 'always' | 'never';

export function screenOf(
  stream: StreamFacts,
  env: Readonly<Record<string, string | undefined>>,
  choice: ColorChoice,
): Screen {
  const dumb = env['TERM'] === 'dumb';
  const colours =
    choice === 'always' || (choice === 'auto' && stream.isTTY && !dumb && (env['NO_COLOR'] ?? '') === '');
  return {
    // A serial line has no size, and says 0.
    width: stream.isTTY ? Math.max(40, stream.columns || 80) : null,
    height: stream.isTTY ? stream.rows || 24 : null,
    palette: colours ? COLOURS : NO_COLOURS,
    unicode: !dumb && speaksUnicode(env),
  };
}

// An unset locale is common in containers and over ssh, where the terminal speaks UTF-8 all the same.
function speaksUnicode(env: Readonly<Record<string, string | undefined>>): boolean {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find(
    (value) => value !== undefined && value !== '',
  );
  return locale === undefined || /utf-?8/i.test(locale);
}
