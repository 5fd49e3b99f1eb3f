// Time from the kernel: CLOCK_MONOTONIC for every wait, CLOCK_REALTIME for people.
import type { Clock, Timer } from './ports.ts';

/** setTimeout takes a 32-bit delay and fires at once beyond it. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** A timer is hardly ever later than this unless the process was held up: stopped, or starved. */
const HELD_UP_MS = 100;

/** In this turn of the loop, whose timers then keep their order. */
let isHeldUp = false;

/** Timers come first in a turn: after such a pause they wait for what came in before their time was up. */
function heldUp(lateMs: number): boolean {
  if (!isHeldUp && lateMs > HELD_UP_MS) {
    isHeldUp = true;
    setImmediate(() => (isHeldUp = false));
  }
  return isHeldUp;
}

// process.hrtime() is CLOCK_MONOTONIC itself, so values agree between two daemons of one boot;
// performance.now() counts from the start of the process.
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

function arm(atMs: number, callback: () => void): Timer {
  if (Number.isNaN(atMs)) throw new RangeError('cannot arm timer: its time is NaN, expected milliseconds');
  let disarm: () => void;
  const callInTurn = (): void => {
    const immediate = setImmediate(callback);
    disarm = () => clearImmediate(immediate);
  };
  const wait = (): void => {
    const leftMs = atMs - monotonicMs();
    if (leftMs <= 0) callInTurn();
    else {
      const timeout = setTimeout(look, Math.min(Math.ceil(leftMs), LONGEST_TIMEOUT_MS));
      disarm = () => clearTimeout(timeout);
    }
  };
  // libuv's clock has whole milliseconds, so a timeout may end a fraction early; long waits come in pieces.
  const look = (): void => {
    const lateMs = monotonicMs() - atMs;
    if (lateMs < 0) wait();
    else if (heldUp(lateMs)) callInTurn();
    else callback();
  };
  wait();
  return { close: () => disarm() };
}

export function createClock(): Clock {
  return { monotonicMs, wallMs: () => Date.now(), arm };
}
