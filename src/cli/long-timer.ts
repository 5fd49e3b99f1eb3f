// A timer for any delay: setTimeout takes one of 32 bits and fires at once beyond it, so long ones come in pieces.
// The daemon's is in src/os/clock.ts, which the client does not know.

const LONGEST_MS = 2 ** 31 - 1;

export interface LongTimer {
  /** Disarms it; harmless when it has fired. */
  close(): void;
}

export function armLong(delayMs: number, callback: () => void): LongTimer {
  let timeout: NodeJS.Timeout;
  const wait = (leftMs: number): void => {
    const pieceMs = Math.min(leftMs, LONGEST_MS);
    timeout = setTimeout(() => (leftMs > pieceMs ? wait(leftMs - pieceMs) : callback()), pieceMs);
  };
  wait(delayMs);
  return { close: () => clearTimeout(timeout) };
}
