// A clock that stands still until a test moves it. Fires due timers in order of their times, then of their making.
import type { Clock, Timer } from '../../../src/os/ports.ts';

interface Armed {
  readonly atMs: number;
  readonly callback: () => void;
}

export interface FakeClock extends Clock {
  /** Moves both times on; timers armed on the way fire too when they fall due on the way. */
  advance(ms: number): void;
  /** Sets the wall clock alone, forth or back. */
  setWall(ms: number): void;
  /** When the next timer is due; null when none is armed. */
  readonly nextDueMs: number | null;
  readonly armedCount: number;
}

export function createFakeClock(startMs = 1_000_000, wallStartMs = Date.UTC(2026, 0, 1)): FakeClock {
  let nowMs = startMs;
  /** The wall clock's, when the other one says 0. */
  let wallZeroMs = wallStartMs - startMs;
  const timers = new Set<Armed>();

  const nextDue = (): Armed | null => {
    let next: Armed | null = null;
    for (const timer of timers) if (next === null || timer.atMs < next.atMs) next = timer;
    return next;
  };

  const arm = (atMs: number, callback: () => void): Timer => {
    if (Number.isNaN(atMs)) throw new RangeError('cannot arm timer: its time is NaN, expected milliseconds');
    const timer = { atMs, callback };
    timers.add(timer);
    return { close: () => void timers.delete(timer) };
  };

  const advance = (ms: number): void => {
    const untilMs = nowMs + ms;
    for (let due = nextDue(); due !== null && due.atMs <= untilMs; due = nextDue()) {
      timers.delete(due);
      nowMs = Math.max(nowMs, due.atMs);
      due.callback();
    }
    nowMs = untilMs;
  };

  return {
    monotonicMs: () => nowMs,
    wallMs: () => wallZeroMs + nowMs,
    arm,
    advance,
    setWall: (ms) => {
      wallZeroMs = ms - nowMs;
    },
    get nextDueMs() {
      return nextDue()?.atMs ?? null;
    },
    get armedCount() {
      return timers.size;
    },
  };
}
