// The live state of all units, written down so that a daemon killed at any instant leaves it readable: an append-only
// file of records in the runtime directory, which goes with the boot.
//
// - A record is one line: the CRC of its JSON, a blank, the JSON. The first whose CRC does not fit ends the reading:
//   it was being written when the daemon died, and nothing follows it.
// - A unit's record stands for it until a later one. Before each spawn the unit is written with the run that is to come
//   (so the process is found even if it was never written down), and again when the work at hand is done.
// - Writes are synchronous and not synced to disk: what has been written survives the process, and a crash of the
//   machine ends the boot that the file is about.
// - A write that fails (a full disk) is undone, said once, and made good by writing the whole file anew.
// - When the file has grown well beyond what it has to say, it is written anew beside itself and renamed.
import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Activation } from '../core/fleet.ts';
import type { MachineState } from '../core/machine-state.ts';
import type { ProcessTree } from '../model/process.ts';
import type { GoodFile } from './store.ts';

/** What is written of a unit. */
export interface UnitRecord {
  readonly state: MachineState;
  readonly activation: Activation | null;
  readonly cycle: string | null;
  readonly tree: ProcessTree;
}

export interface Journalled {
  readonly units: ReadonlyMap<string, UnitRecord>;
  /** The unit files in the form that was applied last. */
  readonly files: readonly GoodFile[];
}

type Line =
  | { readonly type: 'boot'; readonly bootId: string; readonly version: number }
  | { readonly type: 'unit'; readonly name: string; readonly unit: UnitRecord }
  | { readonly type: 'gone'; readonly name: string }
  | { readonly type: 'files'; readonly files: readonly GoodFile[] };

const VERSION = 1;
/** Below this size the file is never written anew. */
const SMALL_BYTES = 1024 * 1024;
const GROWTH = 4;

export class Journal {
  readonly #path: string;
  readonly #bootId: string;
  readonly #onTrouble: (message: string) => void;
  readonly #latest = new Map<string, string>();
  #files = '';
  #fd: number | null = null;
  #bytes = 0;
  #compactedBytes = 0;
  #isBehind = false;

  constructor(directory: string, bootId: string, onTrouble: (message: string) => void) {
    this.#path = join(directory, 'journal');
    this.#bootId = bootId;
    this.#onTrouble = onTrouble;
  }

  /** What an earlier daemon of this boot left; null when there is nothing to take up. */
  read(): Journalled | null {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return null;
    }
    const units = new Map<string, UnitRecord>();
    let files: readonly GoodFile[] = [];
    let isOurs = false;
    for (const line of text.split('\n')) {
      const record = parsed(line);
      if (record === null) break;
      if (record.type === 'boot') isOurs = record.bootId === this.#bootId && record.version === VERSION;
      if (!isOurs) return null;
      if (record.type === 'files') files = record.files;
      if (record.type === 'unit') units.set(record.name, record.unit);
      if (record.type === 'gone') units.delete(record.name);
    }
    if (!isOurs) return null;
    // They stand until this daemon has taken them up: it may be killed before that.
    this.#files = printed({ type: 'files', files });
    for (const [name, unit] of units) this.#latest.set(name, printed({ type: 'unit', name, unit }));
    return { units, files };
  }

  /** Goes on with what was read, in a file of this daemon's own. Throws when it cannot be written. */
  open(): void {
    this.#compact();
  }

  unit(name: string, unit: UnitRecord): void {
    const line = printed({ type: 'unit', name, unit });
    if (this.#latest.get(name) === line) return;
    this.#latest.set(name, line);
    this.#append(line);
  }

  gone(name: string): void {
    if (this.#latest.delete(name)) this.#append(printed({ type: 'gone', name }));
  }

  files(files: readonly GoodFile[]): void {
    this.#files = printed({ type: 'files', files });
    this.#append(this.#files);
  }

  /** `forget`: nothing is left that another daemon could take up. */
  close(forget: boolean): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    if (forget) unlinkSync(this.#path);
  }

  #append(line: string): void {
    if (this.#fd === null) return;
    const isLarge = this.#bytes > SMALL_BYTES && this.#bytes > GROWTH * this.#compactedBytes;
    try {
      if (this.#isBehind || isLarge) this.#compact();
      else this.#bytes += wholeWrite(this.#fd, line);
      this.#isBehind = false;
    } catch (error) {
      ftruncateSync(this.#fd, this.#bytes);
      if (!this.#isBehind) this.#onTrouble(`cannot write journal "${this.#path}": ${String(error)}`);
      this.#isBehind = true;
    }
  }

  #compact(): void {
    const fresh = `${this.#path}.new`;
    const fd = openSync(fresh, 'w', 0o600);
    const boot = printed({ type: 'boot', bootId: this.#bootId, version: VERSION });
    const text = [boot, this.#files, ...this.#latest.values()].join('');
    try {
      wholeWrite(fd, text);
      renameSync(fresh, this.#path);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = fd;
    this.#bytes = Buffer.byteLength(text);
    this.#compactedBytes = this.#bytes;
  }
}

function wholeWrite(fd: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  return bytes.length;
}

function printed(line: Line): string {
  const json = JSON.stringify(line);
  return `${crc32(json).toString(16)} ${json}\n`;
}

function parsed(line: string): Line | null {
  const blank = line.indexOf(' ');
  const json = line.slice(blank + 1);
  if (blank < 0 || Number.parseInt(line.slice(0, blank), 16) !== crc32(json)) return null;
  // The CRC says that it is what a daemon wrote, the version that it is one of ours.
  const record: Line = JSON.parse(json);
  return record;
}
