// Time from the kernel: CLOCK_MONOTONIC for every wait, CLOCK_REALTIME for people.
import type { Clock, Timer } from './ports.ts';

/** setTimeout takes a 32-bit delay and fires at once beyond it. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

// process.hrtime() is CLOCK_MONOTONIC itself, so values agree between two daemons of one boot;
// performance.now() counts from the start of the process.
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

function arm(atMs: number, callback: () => void): Timer {
  if (Number.isNaN(atMs)) throw new RangeError('cannot arm timer: its time is NaN, expected milliseconds');
  let disarm: () => void;
  const wait = (): void => {
    const leftMs = atMs - monotonicMs();
    if (leftMs <= 0) {
      const immediate = setImmediate(callback);
      disarm = () => clearImmediate(immediate);
    } else {
      const timeout = setTimeout(look, Math.min(Math.ceil(leftMs), LONGEST_TIMEOUT_MS));
      disarm = () => clearTimeout(timeout);
    }
  };
  // libuv's clock has whole milliseconds, so a timeout may end a fraction early; long waits come in pieces.
  const look = (): void => {
    if (monotonicMs() >= atMs) callback();
    else wait();
  };
  wait();
  return { close: () => disarm() };
}

export function createClock(): Clock {
  return { monotonicMs, wallMs: () => Date.now(), arm };
}
