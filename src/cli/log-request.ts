// What is asked of the daemon for lines of logs, and how they are handed on.
import type { LogLine } from '../wire/v1.ts';
import { unitPath } from './unit-path.ts';

export interface LogWish {
  /** null: all. */
  readonly lines: number | null;
  /** Wall clock; null: however old they are. */
  readonly sinceMs: number | null;
  readonly stream: string | undefined;
}

export type Print = (lines: readonly LogLine[]) => void;

export function logPath(unit: string, wish: LogWish, follow: boolean): string {
  const query = new URLSearchParams();
  if (wish.lines !== null) query.set('lines', String(wish.lines));
  if (wish.sinceMs !== null) query.set('since', new Date(wish.sinceMs).toISOString());
  if (wish.stream !== undefined) query.set('stream', wish.stream);
  if (follow) query.set('follow', '1');
  return `${unitPath(unit, 'logs')}?${query.toString()}`;
}

/** Prints the lines of one turn of the loop at once. */
export function inBatches(print: Print): (line: LogLine) => void {
  let batch: LogLine[] = [];
  const flush = (): void => {
    print(batch);
    batch = [];
  };
  return (line) => {
    if (batch.push(line) === 1) queueMicrotask(flush);
  };
}
