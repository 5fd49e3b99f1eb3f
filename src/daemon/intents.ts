// Keeps operators' words: on the disk, and for units that are not in the fleet because their files are not valid now.
// Of a unit whose file is gone from a whole set nothing is kept: a file that comes later under its name is a new unit.
import { amend } from '../core/fleet.ts';
import type { Fleet, Intent } from '../core/fleet.ts';
import type { UnitRecord } from './journal-lines.ts';
import type { Store } from './store.ts';

export class Intents {
  readonly #store: Store;
  readonly #absent = new Map<string, Intent>();
  #saved = '[]';

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * What an earlier daemon was told, to be taken in with the first set. `left`: its journal, which may know that a word
   * was taken back when the state directory took no writes.
   */
  restore(intents: ReadonlyMap<string, Intent>, left: ReadonlyMap<string, UnitRecord>): void {
    for (const [name, intent] of intents) {
      const known = left.get(name);
      const isTakenBack = known?.intent === null && intent.seq <= (known.seq ?? -1);
      if (!isTakenBack) this.#absent.set(name, intent);
    }
    this.#saved = textOf(intents);
  }

  /** A set was taken into the fleet; `isWhole`: no file was left out of it. */
  enter(fleet: Fleet, isWhole: boolean): void {
    for (const [name, intent] of this.#absent) {
      fleet.seq = Math.max(fleet.seq, intent.seq);
      const unit = fleet.units.get(name);
      if (unit === undefined) continue;
      // The journal may have a later one, of a time when the state directory took no writes.
      if ((unit.intent?.seq ?? -1) < intent.seq) amend(fleet, name, { intent });
      this.#absent.delete(name);
    }
    if (isWhole) this.#absent.clear();
    this.save(fleet);
  }

  /** Resolves when what was said is on the disk, or has failed to get there. */
  async written(): Promise<void> {
    await this.#store.written();
  }

  save(fleet: Readonly<Fleet>): void {
    const intents = new Map(this.#absent);
    for (const { spec, intent, removed } of fleet.units.values()) {
      if (intent !== null && !removed) intents.set(spec.name, intent);
    }
    const text = textOf(intents);
    if (text === this.#saved) return;
    this.#saved = text;
    this.#store.saveIntents(intents);
  }
}

function textOf(intents: ReadonlyMap<string, Intent>): string {
  return JSON.stringify([...intents].sort(([a], [b]) => (a < b ? -1 : 1)));
}
