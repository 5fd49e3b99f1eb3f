// What the daemon writes down for the one after it: how each unit stands, operators' words, the units' histories and the
// last good set. Each is a file whose form is that file's own affair; here is which of them hears of what, and when.
import type { DaemonPaths } from '../base/paths.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import type { ProcessTree } from '../model/process.ts';
import type { ExitRecord } from '../model/state.ts';
import type { UnitSpec } from '../model/unit.ts';
import type { DaemonLog } from './daemon-log.ts';
import { History } from './history.ts';
import { Intents } from './intents.ts';
import { Journal } from './journal.ts';
import type { Journalled, SpawnedRun } from './journal-lines.ts';
import { Store } from './store.ts';
import type { GoodFile } from './store.ts';

export interface RecordsOptions {
  readonly paths: DaemonPaths;
  /** Of the kernel's present boot. */
  readonly bootId: string;
  /** The runtime directory has not been replaced since: what lies there is not another daemon's. */
  readonly holdsRuntime: () => boolean;
  /** The state directory is there; false: nothing is written to it. */
  readonly hasState: boolean;
  readonly log: DaemonLog;
}

/** What an earlier daemon wrote down. */
export interface Found {
  readonly lastGood: readonly GoodFile[];
  /** Of this boot; null: there is nothing to take up. */
  readonly left: Journalled | null;
}

export class Records {
  readonly intents: Intents;
  readonly #log: DaemonLog;
  readonly #store: Store;
  readonly #history: History;
  readonly #journal: Journal;
  /** The fingerprint of the last good set, as it is written down; null: it is not known. */
  #lastGood: string | null = null;
  readonly #sources = new WeakMap<UnitSpec, GoodFile>();

  constructor({ paths, bootId, holdsRuntime, hasState, log }: RecordsOptions) {
    this.#log = log;
    const onTrouble = (message: string): void => {
      log.write('error', 'state', message);
    };
    this.#store = new Store(paths.state, onTrouble, hasState);
    this.intents = new Intents(this.#store);
    this.#history = new History({ directory: paths.state, isKept: hasState, onTrouble });
    this.#journal = new Journal({
      directory: paths.runtime,
      bootId,
      unitsDirectory: paths.units,
      isInPlace: holdsRuntime,
      onTrouble: (message) => {
        log.write('error', 'journal', message);
      },
      onMadeGood: () => {
        log.write('info', 'journal', 'journal can be written again');
      },
    });
  }

  /** Once, before anything is written. Throws when the journal cannot be read or written. */
  open(): Found {
    const { intents, lastGood, warnings } = this.#store.read();
    for (const warning of [...warnings, ...this.#history.read()])
      this.#log.write('warning', 'state', warning);
    const left = this.#journal.read();
    this.#journal.open();
    this.intents.restore(intents, left?.units ?? new Map());
    return { lastGood, left };
  }

  /** Why no other version could go on from what is written down; null: it could. */
  get trouble(): string | null {
    return this.#journal.trouble;
  }

  /** This unit, made from this file, may be about to be the fleet's. */
  cameFrom(spec: UnitSpec, file: GoodFile): void {
    this.#sources.set(spec, file);
  }

  /** A set was taken into the fleet, whose new units get what is remembered of them; `isWhole`: no file was left out. */
  entered(fleet: Fleet, isWhole: boolean): void {
    this.intents.enter(fleet, isWhole);
    this.#history.enter(fleet, isWhole);
  }

  /** A set without an error was applied, of this fingerprint: one that is applied again costs no disk. */
  saveLastGood(fingerprint: string, files: readonly GoodFile[]): void {
    if (fingerprint === this.#lastGood) return;
    this.#lastGood = fingerprint;
    this.#store.saveLastGood(files);
  }

  /** The version before this one has written it down; null: it ran degraded. */
  hasLastGood(fingerprint: string | null): void {
    this.#lastGood = fingerprint;
  }

  /** `seq`: how many words there have been (Fleet.seq). */
  changed(unit: Unit, seq: number, tree: ProcessTree): void {
    const { spec, state, sinceWall, intent, activation, cycle, removed } = unit;
    const record = { state, sinceWall, intent, seq, activation, cycle, removed, tree };
    this.#journal.unit(spec.name, record, this.#sources.get(spec) ?? null);
  }

  spawned(unit: string, spawned: SpawnedRun): void {
    this.#journal.spawned(unit, spawned);
  }

  exited(unit: string, exit: ExitRecord): void {
    this.#history.add(unit, exit);
  }

  forgotten(unit: string): void {
    this.#journal.gone(unit);
    this.#history.forget(unit);
  }

  /** How the units stand is not written any more; `forget`: nothing is left that another daemon could take up. */
  closeJournal(forget: boolean): void {
    this.#journal.close(forget);
  }

  /** The last chance for what a disk refused; nothing is to be written down after it. */
  async close(): Promise<void> {
    await Promise.all([this.#store.close(), this.#history.close()]);
  }
}
