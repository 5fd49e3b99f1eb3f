// What was decided and did not fit into the slice of its round: by unit, in the order in which it was decided.
import type { Output } from '../core/converge.ts';

export class Backlog {
  readonly #waiting = new Map<string, Output[]>();

  /** Units that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  has(unit: string): boolean {
    return this.#waiting.has(unit);
  }

  add(output: Output): void {
    const waiting = this.#waiting.get(output.unit);
    if (waiting === undefined) this.#waiting.set(output.unit, [output]);
    else waiting.push(output);
  }

  /** Takes all of the unit that has waited longest. */
  shift(): readonly Output[] {
    for (const [unit, outputs] of this.#waiting) {
      this.#waiting.delete(unit);
      return outputs;
    }
    return [];
  }

  clear(): void {
    this.#waiting.clear();
  }
}
