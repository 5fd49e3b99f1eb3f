// One timer a unit at most: the deadline of what it is in the middle of.
import type { Clock, Timer } from '../os/ports.ts';

interface Armed {
  readonly deadline: number;
  readonly timer: Timer;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #onPassed: (name: string, deadline: number) => void;
  readonly #armed = new Map<string, Armed>();

  constructor(clock: Clock, onPassed: (name: string, deadline: number) => void) {
    this.#clock = clock;
    this.#onPassed = onPassed;
  }

  /** In place of the unit's last, which goes on if it is the same; by the monotonic clock, null: none. */
  set(name: string, deadline: number | null): void {
    const armed = this.#armed.get(name);
    if (armed?.deadline === deadline) return;
    armed?.timer.close();
    this.#armed.delete(name);
    if (deadline === null) return;
    const timer = this.#clock.arm(deadline, () => {
      if (this.#armed.get(name)?.timer === timer) this.#armed.delete(name);
      this.#onPassed(name, deadline);
    });
    this.#armed.set(name, { deadline, timer });
  }

  close(): void {
    for (const { timer } of this.#armed.values()) timer.close();
    this.#armed.clear();
  }
}
