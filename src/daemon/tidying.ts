// Gives memory back a while after the latest load, when most of what that has started is up.
import type { Clock, Timer } from '../os/ports.ts';

const AFTER_MS = 10_000;

export class Tidying {
  readonly #clock: Clock;
  readonly #tidy: () => void;
  #timer: Timer | null = null;

  constructor(clock: Clock, tidy: () => void) {
    this.#clock = clock;
    this.#tidy = tidy;
  }

  later(): void {
    this.close();
    this.#timer = this.#clock.arm(this.#clock.monotonicMs() + AFTER_MS, this.#tidy);
  }

  close(): void {
    this.#timer?.close();
    this.#timer = null;
  }
}
