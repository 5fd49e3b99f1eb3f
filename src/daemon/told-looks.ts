// What was last told of each unit, so that a look is told when it differs, and only then.
import type { Unit } from '../core/fleet.ts';
import { isSameLook, lookOf } from './look.ts';
import type { Look } from './look.ts';

export class ToldLooks {
  readonly #onLook: (name: string, from: Look | null, to: Look) => void;
  readonly #last: Map<string, Look>;

  /** `before`: what was told by the version that this one took over from. */
  constructor(
    onLook: (name: string, from: Look | null, to: Look) => void,
    before: ReadonlyMap<string, Look>,
  ) {
    this.#onLook = onLook;
    this.#last = new Map(before);
  }

  get last(): ReadonlyMap<string, Look> {
    return this.#last;
  }

  tell(unit: Unit): void {
    const { name } = unit.spec;
    const before = this.#last.get(name) ?? null;
    const after = lookOf(unit);
    if (before !== null && isSameLook(before, after)) return;
    this.#last.set(name, after);
    this.#onLook(name, before, after);
  }

  forget(name: string): void {
    this.#last.delete(name);
  }
}
