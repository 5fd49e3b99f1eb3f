// The limit that --timeout sets to operations. The daemon keeps it, and says how far they have come; but one that is
// stopped, or too busy, keeps none, so the client's own clock goes beside it.
import { armLong } from './long-timer.ts';

/** For the daemon's word on what has not happened in time. */
export const GRACE_MS = 2000;

export interface TimeLimit {
  /** Aborted once the daemon has let the limit pass without a word. */
  readonly signal: AbortSignal;
  /** Asks within what is left of the limit, which begins with the first that is asked; null: there is none. */
  keep<T>(ask: (leftMs: number | null) => Promise<T>): Promise<T>;
}

export function timeLimit(timeoutMs: number | null): TimeLimit {
  const late = new AbortController();
  let begunMs: number | null = null;
  return {
    signal: late.signal,
    async keep(ask) {
      if (timeoutMs === null) return ask(null);
      const nowMs = performance.now();
      begunMs ??= nowMs;
      const leftMs = Math.max(0, Math.round(timeoutMs - (nowMs - begunMs)));
      const timer = armLong(leftMs + GRACE_MS, () => late.abort());
      try {
        return await ask(leftMs);
      } finally {
        timer.close();
      }
    },
  };
}
