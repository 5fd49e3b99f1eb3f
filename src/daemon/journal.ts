// The live state of all units, written down so that a daemon killed at any instant leaves it readable: an append-only
// file in the runtime directory, which goes with the boot. What its lines say is in journal-lines.ts.
//
// - A unit's record is written when what it asked for has been done, and before each spawn with the run that is to come:
//   so a process that was never written down is still looked for. What was spawned follows at once.
// - Writes are synchronous and not synced to disk: what has been written survives the process, and a crash of the
//   machine ends the boot that the file is about.
// - A write that fails (a full disk) is undone, said once, and made good by writing the whole file anew: with the next
//   record or a second later, whichever comes first, since a record that is missing would be a second run.
// - When the file has grown well beyond what it has to say, it is written anew beside itself and renamed.
import { closeSync, ftruncateSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, phraseOf } from '../base/fault.ts';
import { isSameBoot } from '../os/boot-id.ts';
import { createAnew, ownText, replaceNow, writeWhole } from '../os/files.ts';
import { JournalLines, ownerIn, recordsIn } from './journal-lines.ts';
import type { Journalled, SpawnedRun, UnitRecord } from './journal-lines.ts';
import { isOutgrown } from './outgrown.ts';
import type { GoodFile } from './store.ts';

export interface JournalOptions {
  /** The runtime directory. */
  readonly directory: string;
  readonly bootId: string;
  /** Where the unit files are: what was left of another directory's units is not for this daemon. */
  readonly unitsDirectory: string;
  /** False once the directory has been replaced: what lies there then is another daemon's. */
  readonly isInPlace?: () => boolean;
  readonly onTrouble: (message: string) => void;
  /** What could not be written is written now. */
  readonly onMadeGood?: () => void;
}

const VERSION = 1;
const MODE = 0o600;
const RETRY_MS = 1000;

export class Journal {
  readonly #path: string;
  readonly #bootId: string;
  readonly #unitsDirectory: string;
  readonly #isInPlace: () => boolean;
  readonly #onTrouble: (message: string) => void;
  readonly #onMadeGood: () => void;
  readonly #lines: JournalLines;
  #fd: number | null = null;
  #bytes = 0;
  #compactedBytes = 0;
  /** Why the file does not say all; null: it does. */
  #trouble: string | null = null;
  #retry: NodeJS.Timeout | null = null;

  constructor(options: JournalOptions) {
    const { directory, bootId, unitsDirectory, isInPlace, onTrouble, onMadeGood } = options;
    this.#path = join(directory, 'journal');
    this.#bootId = bootId;
    this.#unitsDirectory = unitsDirectory;
    this.#lines = new JournalLines({ bootId, version: VERSION, unitsDirectory });
    this.#isInPlace = isInPlace ?? ((): boolean => true);
    this.#onTrouble = onTrouble;
    this.#onMadeGood = onMadeGood ?? ((): void => undefined);
  }

  /** Why the file does not say all that stands, so that nobody could go on from it; null: it does. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /**
   * What an earlier daemon of this boot left; null when there is nothing to take up. Throws when the file is there and
   * cannot be read, or is of another version: to go on without it would be to start everything a second time.
   */
  read(): Journalled | null {
    const text = textOrNull(this.#path);
    if (text === null) return null;
    const owner = ownerIn(text);
    if (owner === null) {
      this.#onTrouble(this.#cannotRead('its first line is damaged, nothing is taken back'));
      return null;
    }
    if (!isSameBoot(owner.bootId, this.#bootId)) return null;
    if (owner.version !== VERSION) throw new Error(otherVersion(this.#path, owner.version));
    const { damaged, ...journalled } = recordsIn(text);
    if (damaged > 0) this.#onTrouble(this.#cannotRead(lost(damaged)));
    if (journalled.units.size > 0 && owner.unitsDirectory !== this.#unitsDirectory)
      throw new Error(strangers(owner.unitsDirectory, this.#unitsDirectory));
    // It stands until this daemon has taken it up: it may be killed before that.
    this.#lines.take(journalled);
    return journalled;
  }

  /** Goes on with what was read, in a file of this daemon's own. Throws when it cannot be written. */
  open(): void {
    try {
      this.#compact();
    } catch (error) {
      throw new Error(this.#cannotWrite(error), { cause: error });
    }
  }

  /** Whether open() could write, and null, or why not. Leaves nothing. */
  obstacle(): string | null {
    const trial = `${this.#path}.trial`;
    try {
      const fd = createAnew(trial, MODE);
      try {
        writeWhole(fd, this.#lines.all());
      } finally {
        closeSync(fd);
      }
      return null;
    } catch (error) {
      return this.#cannotWrite(error);
    } finally {
      rmSync(trial, { force: true });
    }
  }

  /** `file`: what the unit was made from. */
  unit(name: string, unit: UnitRecord, file: GoodFile | null): void {
    this.#append(this.#lines.unit(name, unit, file));
  }

  spawned(name: string, spawned: SpawnedRun): void {
    this.#append(this.#lines.spawned(name, spawned));
  }

  gone(name: string): void {
    this.#append(this.#lines.gone(name));
  }

  /** `forget`: nothing is left that another daemon could take up. */
  close(forget: boolean): void {
    if (!forget) this.#makeGood();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    if (!forget) return;
    try {
      rmSync(this.#path, { force: true });
    } catch (error) {
      this.#onTrouble(`cannot remove journal "${this.#path}": ${phraseOf(error)}`);
    }
  }

  #append(news: string): void {
    if (this.#fd === null || news === '') return;
    if (this.#trouble !== null) {
      this.#makeGood();
      return;
    }
    const isLarge = isOutgrown(this.#bytes, this.#compactedBytes);
    try {
      if (isLarge) this.#compact();
      else this.#bytes += writeWhole(this.#fd, news);
    } catch (error) {
      try {
        ftruncateSync(this.#fd, this.#bytes);
      } catch {
        // Half a record ends the reading, and nothing is appended to this file any more.
      }
      this.#trouble = this.#cannotWrite(error);
      this.#onTrouble(this.#trouble);
      this.#retryLater();
    }
  }

  #retryLater(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#makeGood(), RETRY_MS);
  }

  #makeGood(): void {
    if (this.#trouble === null || this.#fd === null) return;
    try {
      this.#compact();
      this.#trouble = null;
      this.#onMadeGood();
    } catch {
      this.#retryLater();
    }
  }

  #cannotRead(reason: string): string {
    return `cannot read all of journal "${this.#path}": ${reason}`;
  }

  #cannotWrite(error: unknown): string {
    return `cannot write journal "${this.#path}": ${phraseOf(error)}`;
  }

  #compact(): void {
    if (!this.#isInPlace()) throw new Error('its directory was removed or replaced');
    const text = this.#lines.all();
    const fd = replaceNow(this.#path, text, MODE);
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = fd;
    this.#bytes = Buffer.byteLength(text);
    this.#compactedBytes = this.#bytes;
  }
}

function textOrNull(path: string): string | null {
  try {
    return ownText(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new Error(`cannot read journal "${path}": ${phraseOf(error)}`, { cause: error });
  }
}

function lost(lines: number): string {
  const what = lines === 1 ? '1 line is' : `${lines} lines are`;
  return `${what} damaged, what some unit did last is not known`;
}

function otherVersion(path: string, version: number): string {
  return `cannot take back the units that an earlier daemon left: journal "${path}" is of version ${version}, expected ${VERSION}: start the unitd that wrote it`;
}

// Taking them up would mean to stop them all, since none of their files is in this daemon's directory.
function strangers(theirs: string, ours: string): string {
  const expected = `expected the same directory: start it with --units ${theirs}`;
  return `cannot take back the units that an earlier daemon left: they come from "${theirs}", the unit files now from "${ours}", ${expected}`;
}
