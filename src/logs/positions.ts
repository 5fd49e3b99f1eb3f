// Where two streams stand: how many bytes of each have been dealt with. Pure.
import type { StreamIndex } from './stream-name.ts';

/** Bytes of stdout and of stderr, counted from where a unit's spool began. */
export type Positions = readonly [number, number];

export const BEGINNING: Positions = [0, 0];

export function moved(positions: Positions, stream: StreamIndex, bytes: number): Positions {
  const [stdout, stderr] = positions;
  return stream === 0 ? [stdout + bytes, stderr] : [stdout, stderr + bytes];
}

export function sum(one: Positions, other: Positions): Positions {
  return [one[0] + other[0], one[1] + other[1]];
}

export function isSame(one: Positions, other: Positions): boolean {
  return one[0] === other[0] && one[1] === other[1];
}

/** From one to the other, both streams together. */
export function bytesBetween(from: Positions, to: Positions): number {
  return to[0] - from[0] + to[1] - from[1];
}
