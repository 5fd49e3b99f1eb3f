// Takes all units down, dependants first, and says when they are at rest. Hurried, it waits for nobody's grace.
import { needsStop } from '../core/fleet.ts';
import type { Supervisor } from './supervisor.ts';

export class Shutdown {
  readonly #supervisor: Supervisor;
  #onAllDown: (() => void) | null = null;
  #isHurried = false;

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  get isBegun(): boolean {
    return this.#onAllDown !== null;
  }

  /** Nothing is started from now on; what is up stays so until begin(). */
  foresee(): void {
    this.#supervisor.change((fleet) => {
      fleet.shuttingDown = true;
    });
  }

  /** Once; resolves when all units are at rest. */
  async begin(): Promise<void> {
    const down = new Promise<void>((resolve) => {
      this.#onAllDown = resolve;
    });
    this.foresee();
    this.#supervisor.change((fleet) => {
      for (const name of fleet.units.keys()) fleet.dirty.add(name);
    });
    if (this.#isHurried) this.hurry();
    if (this.#supervisor.isSettled && this.#isAllDown()) return;
    await down;
  }

  /** Under way or still to come. */
  hurry(): void {
    this.#isHurried = true;
    if (!this.isBegun) return;
    for (const name of this.#supervisor.fleet.units.keys()) this.#supervisor.send(name, { type: 'hurried' });
  }

  /** For the supervisor's onSettled. */
  settled(): void {
    if (this.#onAllDown !== null && this.#isAllDown()) this.#onAllDown();
  }

  #isAllDown(): boolean {
    for (const unit of this.#supervisor.fleet.units.values()) if (needsStop(unit)) return false;
    return true;
  }
}
