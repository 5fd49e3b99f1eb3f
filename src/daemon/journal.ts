// The live state of all units, written down so that a daemon killed at any instant leaves it readable: an append-only
// file of records in the runtime directory, which goes with the boot.
//
// - A record is one sealed line. The last may not open, since it was being written when the daemon died. Any other that
//   does not is damage: it is said, and the records behind it hold all the same, or what they tell of would run twice.
// - A unit's record stands for it until a later one. It is written when what it asked for has been done, and before
//   each spawn with the run that is to come: so a process that was never written down is still looked for. What was
//   spawned follows at once in a record of its own.
// - The unit's file goes with it, in the form that the unit was last given: each unit can be taken up by itself, also
//   one whose file is gone and that was being stopped.
// - Writes are synchronous and not synced to disk: what has been written survives the process, and a crash of the
//   machine ends the boot that the file is about.
// - A write that fails (a full disk) is undone, said once, and made good by writing the whole file anew: with the next
//   record or a second later, whichever comes first, since a record that is missing would be a second run.
// - When the file has grown well beyond what it has to say, it is written anew beside itself and renamed.
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf, phraseOf } from '../base/fault.ts';
import type { Activation, Intent } from '../core/fleet.ts';
import type { MachineState } from '../core/machine-state.ts';
import type { ProcessId, ProcessTree } from '../model/process.ts';
import { isSameBoot } from '../os/boot-id.ts';
import { seal, unseal } from './sealed-line.ts';
import type { GoodFile } from './store.ts';

/** What is written of a unit. */
export interface UnitRecord {
  readonly state: MachineState;
  /** Also in the state directory, which may be one that takes no writes. */
  readonly intent: Intent | null;
  /** How many words there had been when it was written (Fleet.seq). A record of an earlier version does not say. */
  readonly seq?: number;
  readonly activation: Activation | null;
  readonly cycle: string | null;
  readonly removed: boolean;
  readonly tree: ProcessTree;
}

/** The last process that was spawned for a unit; its record may not know of it yet. */
export interface SpawnedRun {
  readonly run: number;
  readonly process: ProcessId;
}

export interface Journalled {
  readonly units: ReadonlyMap<string, UnitRecord>;
  readonly spawned: ReadonlyMap<string, SpawnedRun>;
  /** The file of each unit in the form that the unit was last given. */
  readonly files: readonly GoodFile[];
}

type Line =
  | {
      readonly type: 'boot';
      readonly bootId: string;
      readonly version: number;
      readonly unitsDirectory: string;
    }
  | { readonly type: 'unit'; readonly name: string; readonly unit: UnitRecord }
  | { readonly type: 'spawned'; readonly name: string; readonly spawned: SpawnedRun }
  | { readonly type: 'file'; readonly name: string; readonly file: GoodFile }
  | { readonly type: 'gone'; readonly name: string };

/** The lines that hold of one unit, as they are to be written. */
interface Latest {
  unit: string;
  spawned: string;
  file: string;
  /** What `file` prints. */
  source: GoodFile | null;
}

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
const RETRY_MS = 1000;
/** Below this size the file is never written anew. */
const SMALL_BYTES = 1024 * 1024;
const GROWTH = 4;

export class Journal {
  readonly #path: string;
  readonly #bootId: string;
  readonly #unitsDirectory: string;
  readonly #isInPlace: () => boolean;
  readonly #onTrouble: (message: string) => void;
  readonly #onMadeGood: () => void;
  readonly #latest = new Map<string, Latest>();
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
    const units = new Map<string, UnitRecord>();
    const spawned = new Map<string, SpawnedRun>();
    const files = new Map<string, GoodFile>();
    const [first = '', ...lines] = text.split('\n');
    const boot = parsed(first);
    if (boot?.type !== 'boot') {
      this.#onTrouble(this.#cannotRead('its first line is damaged, nothing is taken back'));
      return null;
    }
    if (!isSameBoot(boot.bootId, this.#bootId)) return null;
    if (boot.version !== VERSION) throw new Error(otherVersion(this.#path, boot.version));
    let damaged = 0;
    for (const [at, line] of lines.entries()) {
      const record = parsed(line);
      if (record === null) damaged += at < lines.length - 1 ? 1 : 0;
      else if (record.type === 'unit') units.set(record.name, record.unit);
      else if (record.type === 'spawned') spawned.set(record.name, record.spawned);
      else if (record.type === 'file') files.set(record.name, record.file);
      else if (record.type === 'gone') for (const map of [units, spawned, files]) map.delete(record.name);
    }
    if (damaged > 0) this.#onTrouble(this.#cannotRead(lost(damaged)));
    if (units.size > 0 && boot.unitsDirectory !== this.#unitsDirectory)
      throw new Error(strangers(boot.unitsDirectory, this.#unitsDirectory));
    // They stand until this daemon has taken them up: it may be killed before that.
    for (const [name, unit] of units) {
      const run = spawned.get(name);
      const file = files.get(name) ?? null;
      this.#latest.set(name, {
        unit: printed({ type: 'unit', name, unit }),
        spawned: run === undefined ? '' : printed({ type: 'spawned', name, spawned: run }),
        file: file === null ? '' : printed({ type: 'file', name, file }),
        source: file,
      });
    }
    return { units, spawned, files: [...files.values()] };
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
      writeFileSync(trial, this.#text(), { mode: 0o600 });
      return null;
    } catch (error) {
      return this.#cannotWrite(error);
    } finally {
      rmSync(trial, { force: true });
    }
  }

  /**
   * `file`: what the unit was made from. Its line comes last: a unit that is to restart with a new file says so before
   * the new file counts as the one that runs.
   */
  unit(name: string, unit: UnitRecord, file: GoodFile | null): void {
    const line = printed({ type: 'unit', name, unit });
    const latest = this.#latestOf(name);
    let news = latest.unit === line ? '' : line;
    latest.unit = line;
    if (file !== null && latest.source !== file && !isSameFile(latest.source, file)) {
      latest.file = printed({ type: 'file', name, file });
      latest.source = file;
      news += latest.file;
    }
    if (news !== '') this.#append(news);
  }

  spawned(name: string, spawned: SpawnedRun): void {
    const latest = this.#latestOf(name);
    latest.spawned = printed({ type: 'spawned', name, spawned });
    this.#append(latest.spawned);
  }

  gone(name: string): void {
    if (this.#latest.delete(name)) this.#append(printed({ type: 'gone', name }));
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

  #latestOf(name: string): Latest {
    const known = this.#latest.get(name);
    if (known !== undefined) return known;
    const fresh: Latest = { unit: '', spawned: '', file: '', source: null };
    this.#latest.set(name, fresh);
    return fresh;
  }

  #append(line: string): void {
    if (this.#fd === null) return;
    if (this.#trouble !== null) {
      this.#makeGood();
      return;
    }
    const isLarge = this.#bytes > SMALL_BYTES && this.#bytes > GROWTH * this.#compactedBytes;
    try {
      if (isLarge) this.#compact();
      else this.#bytes += wholeWrite(this.#fd, line);
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

  #text(): string {
    const unitsDirectory = this.#unitsDirectory;
    const boot = printed({ type: 'boot', bootId: this.#bootId, version: VERSION, unitsDirectory });
    const units = [...this.#latest.values()].map(({ unit, spawned, file }) => unit + spawned + file);
    return [boot, ...units].join('');
  }

  #compact(): void {
    if (!this.#isInPlace()) throw new Error('its directory was removed or replaced');
    const fresh = `${this.#path}.new`;
    const fd = openSync(fresh, 'w', 0o600);
    const text = this.#text();
    try {
      wholeWrite(fd, text);
      renameSync(fresh, this.#path);
    } catch (error) {
      closeSync(fd);
      // On a full disk, half a file would only be in the way.
      rmSync(fresh, { force: true });
      throw error;
    }
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = fd;
    this.#bytes = Buffer.byteLength(text);
    this.#compactedBytes = this.#bytes;
  }
}

function textOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new Error(`cannot read journal "${path}": ${phraseOf(error)}`, { cause: error });
  }
}

function isSameFile(a: GoodFile | null, b: GoodFile): boolean {
  return a?.file === b.file && a.text === b.text;
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

function wholeWrite(fd: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  return bytes.length;
}

function printed(line: Line): string {
  return seal(line);
}

function parsed(line: string): Line | null {
  // The seal says that it is what a daemon wrote, the version that it is one of ours.
  return (unseal(line) ?? null) as Line | null;
}
