// The order of loads: one goes after the other, and all that ask for the same and have not begun are one, since they
// would read the same files.
import { Turns } from '../base/turns.ts';

export class LoadQueue<T> {
  readonly #turns = new Turns();
  /** Those that have not begun, by what they ask for. */
  readonly #waiting = new Map<string, Promise<T>>();
  /** How many there were so far. */
  #count = 0;

  /** What `load`, or that of another who asked for the same, gives. */
  async take(asked: string, load: () => Promise<T>): Promise<T> {
    const waiting = this.#waiting.get(asked);
    if (waiting !== undefined) return await waiting;
    this.#count += 1;
    const taken = this.#turns.take(async () => {
      this.#waiting.delete(asked);
      return await load();
    });
    this.#waiting.set(asked, taken);
    return await taken;
  }

  /** Resolves when none is under way and none waits. */
  async idle(): Promise<void> {
    for (let count = -1; count !== this.#count;) {
      count = this.#count;
      await this.#turns.idle();
    }
  }
}
