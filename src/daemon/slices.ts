// Runs long computations in slices of a few milliseconds, with the event loop's turn in between: no exit waits for them.
import type { Steps } from '../core/steps.ts';

export interface Turns {
  readonly nowMs: () => number;
  /** Resolves when everybody else has had their turn. */
  readonly next: () => Promise<void>;
  /** Runs a slice where what it works on is its own, once. */
  readonly within: <R>(slice: () => R) => Promise<R>;
}

/** A slice of the supervisor's may come in the same turn: together they stay below the ten that an exit may wait. */
const SLICE_MS = 3;

const OF_THE_LOOP: Turns = {
  nowMs: () => performance.now(),
  next: async () => await new Promise((resolve) => setImmediate(resolve)),
  within: async (slice) => slice(),
};

export async function inSlices<T>(steps: Steps<T>, turns: Partial<Turns> = {}): Promise<T> {
  const { nowMs, next, within } = { ...OF_THE_LOOP, ...turns };
  const slice = (): IteratorResult<undefined, T> => {
    const endMs = nowMs() + SLICE_MS;
    for (;;) {
      const step = steps.next();
      if (step.done === true || nowMs() >= endMs) return step;
    }
  };
  for (;;) {
    const last = await within(slice);
    if (last.done === true) return last.value;
    await next();
  }
}
