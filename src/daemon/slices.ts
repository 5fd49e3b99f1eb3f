// Runs long computations in slices of a few milliseconds, with the event loop's turn in between: no exit waits for them.
import type { Steps } from '../core/steps.ts';

export interface Turns {
  readonly nowMs: () => number;
  /** Resolves when everybody else has had their turn. */
  readonly next: () => Promise<void>;
}

/** A slice of the supervisor's may come in the same turn: together they stay below the ten that an exit may wait. */
const SLICE_MS = 3;

const OF_THE_LOOP: Turns = {
  nowMs: () => performance.now(),
  next: async () => await new Promise((resolve) => setImmediate(resolve)),
};

export async function inSlices<T>(steps: Steps<T>, { nowMs, next }: Turns = OF_THE_LOOP): Promise<T> {
  let endMs = nowMs() + SLICE_MS;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (nowMs() < endMs) continue;
    await next();
    endMs = nowMs() + SLICE_MS;
  }
}
