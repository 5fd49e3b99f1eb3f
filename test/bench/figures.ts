// Figures that a measure gives, and the few statistics they are told by. Prints nothing.
import type { Scope } from './scope.ts';

export type FigureUnit = 'ms' | 'µs' | '%' | 'MB' | 'KB' | 'MB/s' | 'x' | 'n';

export interface Figure {
  readonly name: string;
  readonly unit: FigureUnit;
  /** One for each round, or for each event where events are many. */
  readonly values: readonly number[];
  /** The median must not be above this. */
  readonly wanted?: number;
}

export interface Measure {
  readonly name: string;
  /** What is done, in a line. */
  readonly about: string;
  readonly run: (scope: Scope, note: (text: string) => void) => Promise<readonly Figure[]>;
}

export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = at * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? NaN;
  const high = sorted[Math.ceil(place)] ?? NaN;
  return low + (high - low) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Round by round, so that what slowed one round down slowed both sides. */
export function ratios(values: readonly number[], against: readonly number[]): readonly number[] {
  return values.slice(0, against.length).map((value, round) => value / (against[round] ?? NaN));
}
