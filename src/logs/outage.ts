// What is lost while a log cannot be written, from the write that failed to the one that succeeds, and when to try
// again. Writes nothing itself.
import type { Clock, Timer } from '../os/ports.ts';

export class Outage {
  readonly #reason: string;
  #lines = 0;
  #bytes = 0;
  #timer: Timer | null = null;

  constructor(reason: string) {
    this.#reason = reason;
  }

  drop(lines: number, bytes: number): void {
    this.#lines += lines;
    this.#bytes += bytes;
  }

  /** For the log; `cut` lines have lost their beginning only so far. */
  notice(cut: number): string {
    return `unitd: ${this.#lines + cut} lines (${this.#bytes} bytes) dropped: ${this.#reason}`;
  }

  retryAfter(delayMs: number, clock: Clock, retry: () => void): void {
    this.#timer = clock.arm(clock.monotonicMs() + delayMs, retry);
  }

  close(): void {
    this.#timer?.close();
  }
}
