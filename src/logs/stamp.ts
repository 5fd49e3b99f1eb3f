// The time of log lines: RFC 3339 in UTC with nanoseconds, never going back by the jitter of a clock.
import type { Clock } from '../os/ports.ts';

// A clock slewed or stepped back a little must not turn lines around; one that was plainly wrong (a machine without
// a battery, before NTP) must not freeze the log's time until the error has passed.
const HELD_BACK_MS = 10_000;

export class Stamper {
  readonly #clock: Clock;
  #lastMs = 0;
  #lastNanos = 0;
  #secondsOf = -1;
  #seconds = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** 30 characters, `2026-11-22T18:51:51.123456789Z`, not less than the one before unless the clock was set back by more than 10 s. */
  next(): string {
    const wallMs = this.#clock.wallMs();
    let ms = Math.floor(wallMs);
    // A wall clock that counts whole milliseconds borrows its fraction from the monotonic one.
    const fraction = wallMs === ms ? this.#clock.monotonicMs() % 1 : wallMs - ms;
    let nanos = Math.floor(fraction * 1e6);
    const behind = ms < this.#lastMs || (ms === this.#lastMs && nanos < this.#lastNanos);
    if (behind && this.#lastMs - ms <= HELD_BACK_MS) {
      ms = this.#lastMs;
      nanos = this.#lastNanos;
    }
    this.#lastMs = ms;
    this.#lastNanos = nanos;
    const second = Math.floor(ms / 1000);
    if (second !== this.#secondsOf) {
      this.#secondsOf = second;
      this.#seconds = new Date(second * 1000).toISOString().slice(0, 19);
    }
    const subsecond = (ms - second * 1000) * 1e6 + nanos;
    return `${this.#seconds}.${String(subsecond).padStart(9, '0')}Z`;
  }
}
