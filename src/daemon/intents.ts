// Keeps operators' words: on the disk, and for units that are not in the fleet because their files are not valid now.
// Of a unit whose file is gone from a whole set nothing is kept: a file that comes later under its name is a new unit.
import { amend } from '../core/fleet.ts';
import type { Fleet, Intent } from '../core/fleet.ts';
import type { UnitRecord } from './journal-lines.ts';
import type { Store } from './store.ts';

export class Intents {
  readonly #store: Store;
  readonly #absent = new Map<string, Intent>();
  /** What the disk is to hold; printed when its turn to be written has come. */
  #kept = new Map<string, Intent>();

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
    this.#kept = new Map(intents);
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
    const names = [...this.#kept.keys(), ...fleet.units.keys()];
    this.said(fleet, names);
  }

  /** Resolves when what was said is on the disk, or has failed to get there. */
  async written(): Promise<void> {
    await this.#store.written();
  }

  /** Words were taken in, by which those for these units may be others now: it costs these, not the fleet. */
  said(fleet: Readonly<Fleet>, names: Iterable<string>): void {
    let isNew = false;
    for (const name of names) {
      const intent = this.#wordFor(name, fleet);
      if (isSame(intent, this.#kept.get(name) ?? null)) continue;
      isNew = true;
      if (intent === null) this.#kept.delete(name);
      else this.#kept.set(name, intent);
    }
    if (isNew) this.#store.saveIntents(this.#kept);
  }

  #wordFor(name: string, fleet: Readonly<Fleet>): Intent | null {
    const unit = fleet.units.get(name);
    if (unit === undefined || unit.removed) return this.#absent.get(name) ?? null;
    return unit.intent;
  }
}

function isSame(one: Intent | null, other: Intent | null): boolean {
  return one?.wanted === other?.wanted && one?.seq === other?.seq;
}
