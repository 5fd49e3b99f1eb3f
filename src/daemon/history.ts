// Keeps the units' restart histories in the state directory, so that they outlive a clean stop and the boot.
//
// - One file of sealed lines, one for each end of a run, oldest first; a line without an end says that the unit is gone.
// - Lines that come while a write is under way go with the next one. Nothing is synced: after a power cut some of the
//   latest ends may be missing. After a kill they are in the journal, and are made good from there.
// - What does not open (the last line of a daemon that was killed, a damaged disk) is left out, said, and the file as it
//   was set aside; what does open is written anew at once.
// - When the file has grown well beyond what the units remember, it is written anew, in slices: no exit waits for it.
// - A write that fails is made good by writing the whole file anew: at once, and if that fails too, which is said once,
//   with each later line and at the end.
import { constants, renameSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { amend } from '../core/fleet.ts';
import type { Fleet } from '../core/fleet.ts';
import { HISTORY_LENGTH } from '../core/machine-state.ts';
import { pieces } from '../core/steps.ts';
import { isSameExit } from '../model/state.ts';
import type { ExitRecord } from '../model/state.ts';
import { codeOf, phraseOf } from '../base/fault.ts';
import { ownText, removeUnfinished, writeFileAtomic } from '../os/files.ts';
import { isOutgrown } from './outgrown.ts';
import { seal, unseal } from './sealed-line.ts';
import { inSlices } from './slices.ts';

interface Line {
  readonly unit: string;
  /** null: the unit is gone, and what was said of it before. */
  readonly exit: ExitRecord | null;
}

export interface HistoryOptions {
  /** The state directory. */
  readonly directory: string;
  /** False where it is known that nothing can be written, and said. */
  readonly isKept?: boolean;
  readonly onTrouble: (message: string) => void;
}

const MODE = 0o600;
/** A link or a FIFO in its place fails, and is replaced. */
const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
const APPEND_FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;

export class History {
  readonly #path: string;
  readonly #isKept: boolean;
  readonly #onTrouble: (message: string) => void;
  /** What the file holds or will hold, as long as each unit remembers. */
  readonly #exits = new Map<string, readonly ExitRecord[]>();
  /** Units that the fleet has not been given theirs. */
  readonly #waiting = new Set<string>();
  #hasEntered = false;
  #pending: string[] = [];
  #writing: Promise<void> | null = null;
  #bytes = 0;
  #compactedBytes = 0;
  /** The file does not say all, or has what does not open: it is to be written anew. */
  #isBehind = false;
  /** A write has failed since the last that went well, which was said. */
  #isInTrouble = false;
  #isToBeWritten = false;

  constructor({ directory, isKept = true, onTrouble }: HistoryOptions) {
    this.#path = join(directory, 'history');
    this.#isKept = isKept;
    this.#onTrouble = onTrouble;
  }

  /** What could not be read, for the log. */
  read(): readonly string[] {
    const warnings: string[] = [];
    removeUnfinished(this.#path);
    const text = this.#text(warnings);
    const lines = text.split('\n');
    const isTorn = lines.pop() !== '';
    let damaged = 0;
    for (const line of lines) {
      const record = lineOf(unseal(line));
      if (record === null) damaged += 1;
      else this.#take(record);
    }
    for (const unit of this.#exits.keys()) this.#waiting.add(unit);
    this.#bytes = Buffer.byteLength(text);
    this.#isBehind ||= isTorn || damaged > 0;
    if (damaged > 0) {
      warnings.push(this.#setAside(damaged));
      this.#isToBeWritten = true;
      this.#write();
    }
    return warnings;
  }

  /**
   * A set was taken into the fleet: units that are new there get what they are remembered by. `isWhole`: no file was
   * left out of it, so what is remembered of others is forgotten.
   */
  enter(fleet: Fleet, isWhole: boolean): void {
    if (!this.#hasEntered) this.#makeGood(fleet);
    this.#hasEntered = true;
    for (const name of this.#waiting) {
      const unit = fleet.units.get(name);
      if (unit === undefined) continue;
      this.#waiting.delete(name);
      const history = this.#exits.get(name) ?? [];
      amend(fleet, name, { state: { ...unit.state, history } });
    }
    if (isWhole) for (const name of this.#waiting) this.forget(name);
  }

  /** Nothing for an end that it has already. */
  add(unit: string, exit: ExitRecord): void {
    const known = this.#exits.get(unit) ?? [];
    if (!known.some((other) => isSameExit(other, exit))) this.#append({ unit, exit });
  }

  forget(unit: string): void {
    this.#waiting.delete(unit);
    if (this.#exits.has(unit)) this.#append({ unit, exit: null });
  }

  /** Resolves when all that was added is in the file, or has failed to get there. */
  async written(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  /** The last chance for what the disk refused. Nothing is to be added after it. */
  async close(): Promise<void> {
    // What is under way may be refused yet.
    await this.written();
    this.#isToBeWritten = this.#isBehind;
    this.#write();
    await this.written();
  }

  /** Units that were taken up from the journal may remember what is not in the file. */
  #makeGood(fleet: Fleet): void {
    for (const { spec, state } of fleet.units.values()) {
      for (const exit of state.history) this.add(spec.name, exit);
    }
  }

  #take({ unit, exit }: Line): void {
    if (exit === null) this.#exits.delete(unit);
    else this.#exits.set(unit, [...(this.#exits.get(unit) ?? []), exit].slice(-HISTORY_LENGTH));
  }

  #append(line: Line): void {
    this.#take(line);
    if (!this.#isKept) return;
    this.#pending.push(seal(line));
    this.#write();
  }

  #write(): void {
    if (this.#isKept) this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // The end that is added may be followed by a start at once, which comes first.
    await turnOfTheLoop();
    while (this.#pending.length > 0 || this.#isToBeWritten) {
      this.#isToBeWritten = false;
      const text = this.#pending.join('');
      this.#pending = [];
      const isLarge = isOutgrown(this.#bytes, this.#compactedBytes);
      try {
        if (this.#isBehind || isLarge) await this.#compact();
        else {
          await appendFile(this.#path, text, { mode: MODE, flag: APPEND_FLAGS });
          this.#bytes += Buffer.byteLength(text);
        }
        this.#isBehind = false;
        this.#isInTrouble = false;
      } catch (error) {
        if (!this.#isBehind) {
          // Whatever is in the way of an append, a link or another kind of file, may not be in that of a replacement.
          this.#isBehind = true;
          this.#isToBeWritten = true;
          continue;
        }
        if (!this.#isInTrouble)
          this.#onTrouble(`cannot write restart history "${this.#path}": ${phraseOf(error)}`);
        this.#isInTrouble = true;
      }
    }
    this.#writing = null;
  }

  async #compact(): Promise<void> {
    // As of now: what comes while it is printed is appended behind it.
    const text = await inSlices(pieces(printed([...this.#exits])));
    await writeFileAtomic(this.#path, text, MODE);
    this.#compactedBytes = text.reduce((bytes, piece) => bytes + Buffer.byteLength(piece), 0);
    this.#bytes = this.#compactedBytes;
  }

  #text(warnings: string[]): string {
    try {
      return ownText(this.#path);
    } catch (error) {
      // What is no file of ours is replaced, not added to.
      this.#isBehind = codeOf(error) === null;
      if (codeOf(error) !== 'ENOENT') {
        warnings.push(`cannot read restart history "${this.#path}": ${phraseOf(error)}, going on without it`);
      }
      return '';
    }
  }

  #setAside(damaged: number): string {
    const aside = `${this.#path}.corrupt`;
    const lines = damaged === 1 ? '1 line is' : `${damaged} lines are`;
    try {
      renameSync(this.#path, aside);
      return `cannot read all of restart history "${this.#path}": ${lines} damaged, set aside as "${aside}"`;
    } catch (error) {
      return `cannot set aside damaged restart history "${this.#path}": ${phraseOf(error)}`;
    }
  }
}

function* printed(all: readonly (readonly [string, readonly ExitRecord[]])[]): Generator<string> {
  for (const [unit, exits] of all) yield exits.map((exit) => seal({ unit, exit })).join('');
}

/** Null for what is no line of this version. */
function lineOf(value: unknown): Line | null {
  if (typeof value !== 'object' || value === null || !('unit' in value) || !('exit' in value)) return null;
  const { unit, exit } = value;
  if (typeof unit !== 'string') return null;
  if (exit === null) return { unit, exit };
  return isExit(exit) ? { unit, exit } : null;
}

function isExit(value: unknown): value is ExitRecord {
  if (typeof value !== 'object' || value === null) return false;
  const {
    code,
    signal,
    cause,
    atWall,
    uptimeMs,
    attempt,
    requested,
    text,
  }: Partial<Record<string, unknown>> = {
    ...value,
  };
  return (
    (code === null || typeof code === 'number') &&
    (signal === null || typeof signal === 'string') &&
    [cause, text].every((word) => typeof word === 'string') &&
    [atWall, uptimeMs, attempt].every((figure) => typeof figure === 'number') &&
    typeof requested === 'boolean'
  );
}
