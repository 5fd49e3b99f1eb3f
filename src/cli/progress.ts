// The moving part of a terminal while units move: a line for each, or one counter for many, redrawn in place.
// Anywhere else it is silent: the outcomes are told by the caller.
import { shortSpan } from '../base/relative-time.ts';
import type { ProgressLine } from './client.ts';
import type { Context } from './context.ts';
import { statePaint, stateSymbol } from './state-look.ts';
import { middleTruncated, printable, truncated, twoColumnsAtMost } from './text-width.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const ASCII_FRAMES = ['|', '/', '-', '\\'];
const FRAME_MS = 100;
const MOST_LINES = 8;
/** Columns for what stands beside a name. A line that the terminal wraps would not be erased whole. */
const BESIDE_NAME = 25;
/** DECAWM: has the terminal cut off what is too wide for it, where it is very narrow or was made so meanwhile. */
const NO_WRAP = '\u001b[?7l';
const WRAP = '\u001b[?7h';

export interface ProgressView {
  update(line: ProgressLine): void;
  /** Takes the moving part off the screen and stops its timer. */
  close(): void;
}

/** `asked`: units that were named; others appear as they move. */
export function progressView(context: Context, verb: string, asked: readonly string[]): ProgressView {
  const { err, note } = context;
  if (err.width === null || context.env['TERM'] === 'dumb') return { update: () => {}, close: () => {} };
  const { width, palette } = err;
  // What has left the screen at its top is not reached any more.
  const mostLines = Math.min(MOST_LINES, (err.height ?? Infinity) - 1);
  const frames = err.unicode ? FRAMES : ASCII_FRAMES;
  const latest = new Map<string, ProgressLine | null>(asked.map((name) => [name, null]));
  const begun = performance.now();
  let drawn = 0;
  let frame = 0;

  const settled = (line: ProgressLine | null): boolean =>
    line !== null && ['running', 'completed', 'stopped', 'failed'].includes(line.state);

  const lines = (): readonly string[] => {
    const spinner = palette.cyan(frames[frame % frames.length] ?? '');
    const elapsed = palette.dim(shortSpan(performance.now() - begun));
    if (latest.size === 0 || latest.size > mostLines) {
      const done = [...latest.values()].filter(settled).length;
      const count = latest.size === 0 ? '' : ` ${done}/${latest.size} units`;
      return [`${spinner} ${verb}${count} ${elapsed}`];
    }
    return [...latest].map(([unit, line]) => {
      const name = middleTruncated(unit, width - BESIDE_NAME, err);
      if (line === null) return `${spinner} ${name} ${palette.dim(verb)} ${elapsed}`;
      const look = { state: line.state, ready: line.state === 'running' };
      const paint = statePaint(look, palette);
      const sign = settled(line) ? paint(stateSymbol(look, err)) : spinner;
      const left = width - name.length - line.state.length - 14;
      const reason = left > 8 ? truncated(printable(line.reason), left, twoColumnsAtMost, err) : '';
      return `${sign} ${name} ${paint(line.state)} ${palette.dim(reason)} ${settled(line) ? '' : elapsed}`;
    });
  };

  // Line by line: what erases a screen from its top on has some terminals keep it all in their history.
  const up = (): string => (drawn === 0 ? '' : `\u001b[${drawn}F`);
  const erase = (): string => up() + '\u001b[K\n'.repeat(drawn) + up();
  const draw = (): void => {
    const next = lines();
    note(`${erase()}${NO_WRAP}${next.join('\n')}${WRAP}\n`);
    drawn = next.length;
    frame += 1;
  };
  // The first frame waits too: what is done at once never flickers.
  const timer = setInterval(draw, FRAME_MS);
  return {
    update: (line) => void latest.set(line.unit, line),
    close() {
      clearInterval(timer);
      note(erase());
      drawn = 0;
    },
  };
}
