// Owns every unit's output: opened at the unit's first start or as it is taken back, told of spec changes, settled when
// its processes have ended, closed when the unit is forgotten or the daemon ends.
import { setMaxListeners } from 'node:events';
import type { CaptureStats } from '../logs/capture-stats.ts';
import type { UnitSpec } from '../model/unit.ts';
import { phraseOf } from '../base/fault.ts';
import { removeUnusedPipes } from '../os/fifo.ts';
import type { Timer } from '../os/ports.ts';
import { heldThroughExec } from '../os/replace.ts';
import { openOutput } from './output.ts';
import type { Output, OutputOptions } from './output.ts';

const NOTHING: CaptureStats = { bytes: 0, lines: 0, droppedLines: 0, droppedBytes: 0, problem: null };

/** As long as nobody reads, a writer that has filled its pipe stands still. */
const RETRY_MS = 1000;

/** A unit whose output is to be read on: its spec, and whether none of its processes is left. */
export interface Writer {
  readonly spec: UnitSpec;
  readonly isOver: boolean;
}

export class Outputs {
  readonly #options: OutputOptions;
  readonly #open = new Map<string, Output>();
  /** Of forgotten units, as long as they write what they hold: one that comes back under its name waits for that. */
  readonly #closing = new Map<string, Promise<void>>();
  /** Of units that write and whose pipes could not be had. */
  readonly #retries = new Map<string, Timer>();
  /** Of units whose log somebody follows, or has followed. */
  readonly #lasts = new Map<string, AbortController>();

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** Throws what the system said when the pipes cannot be made. */
  openFor(spec: UnitSpec): Output {
    const known = this.#open.get(spec.name);
    if (known !== undefined) {
      known.update(spec.logs);
      return known;
    }
    const output = openOutput(spec, this.#options, this.#closing.get(spec.name) ?? null);
    this.#giveUp(spec.name);
    this.#open.set(spec.name, output);
    return output;
  }

  /**
   * Reads on what processes of an earlier daemon write. Where that cannot be, it is told, and tried again as long as
   * `writer` says that the unit is there.
   */
  readOn(unit: string, writer: () => Writer | null): void {
    this.#tryToReadOn(unit, writer, this.#report(unit, 'read output'));
  }

  /** Takes changed log settings in, if anything is open for the unit. */
  update(spec: UnitSpec): void {
    this.#open.get(spec.name)?.update(spec.logs);
  }

  stats(unit: string): CaptureStats {
    return this.#open.get(unit)?.stats() ?? NOTHING;
  }

  settle(unit: string): void {
    this.#open.get(unit)?.settle().catch(this.#report(unit, 'complete log'));
  }

  /** Aborts when the unit has been forgotten and all that it wrote is in its log. */
  last(unit: string): AbortSignal {
    const known = this.#lasts.get(unit) ?? new AbortController();
    // Each follower listens to it, which node would take for a leak.
    setMaxListeners(0, known.signal);
    this.#lasts.set(unit, known);
    return known.signal;
  }

  forget(unit: string): void {
    this.#giveUp(unit);
    const last = this.#lasts.get(unit);
    this.#lasts.delete(unit);
    const output = this.#open.get(unit);
    if (output === undefined) return last?.abort();
    this.#open.delete(unit);
    const closing = output.close(true).catch(this.#report(unit, 'close log'));
    this.#closing.set(unit, closing);
    void closing.then(() => {
      if (this.#closing.get(unit) === closing) this.#closing.delete(unit);
      last?.abort();
    });
  }

  /** Copies of the pipes' descriptors that stay open when this program is replaced: with them, what is in the pipes. */
  held(): readonly number[] {
    const held: number[] = [];
    for (const [unit, output] of this.#open) {
      try {
        held.push(heldThroughExec(output.stdoutFd), heldThroughExec(output.stderrFd));
      } catch (error) {
        // Of the pipes that are not held, those whose unit lives are held by that.
        this.#report(unit, 'hold output')(error);
        break;
      }
    }
    return held;
  }

  /** `forget`: nothing runs any more, so the pipes go too. */
  async close(forget: boolean): Promise<void> {
    for (const unit of [...this.#retries.keys()]) this.#giveUp(unit);
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(
      open.map(async ([unit, output]) => await output.close(forget).catch(this.#report(unit, 'close log'))),
    );
    await Promise.all(this.#closing.values());
    // An earlier daemon may have been killed between making some and writing down for whom.
    if (forget) removeUnusedPipes(this.#options.fifoDirectory);
  }

  #tryToReadOn(unit: string, writer: () => Writer | null, onFault: (error: unknown) => void): void {
    this.#giveUp(unit);
    const now = writer();
    if (now === null) return;
    try {
      this.openFor(now.spec);
      if (now.isOver) this.settle(unit);
    } catch (error) {
      onFault(error);
      const { clock } = this.#options;
      const again = (): void => this.#tryToReadOn(unit, writer, () => undefined);
      this.#retries.set(unit, clock.arm(clock.monotonicMs() + RETRY_MS, again));
    }
  }

  #giveUp(unit: string): void {
    this.#retries.get(unit)?.close();
    this.#retries.delete(unit);
  }

  #report(unit: string, what: string): (error: unknown) => void {
    return (error) => {
      this.#options.onTrouble(unit, `cannot ${what} of unit "${unit}": ${phraseOf(error)}`);
    };
  }
}
