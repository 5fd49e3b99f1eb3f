// What outlives the daemon in the state directory: operators' words, and the last set of unit files that was applied
// without an error. Each is one JSON file, replaced whole. One that cannot be read is set aside, never fatal. One that
// cannot be written is said once, and tried again: with the next that is saved, after a while, and at the end.
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Intent } from '../core/fleet.ts';
import { pieces } from '../core/steps.ts';
import { codeOf, phraseOf } from '../base/fault.ts';
import { ownText, removeUnfinished, writeFileAtomic } from '../os/files.ts';
import { inSlices } from './slices.ts';

/** A unit file as it was when it was last good. */
export interface GoodFile {
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

export interface Stored {
  readonly intents: ReadonlyMap<string, Intent>;
  readonly lastGood: readonly GoodFile[];
  /** What could not be read, for the log. */
  readonly warnings: readonly string[];
}

const INTENTS = 'intents.json';
const LAST_GOOD = 'last-good.json';
const VERSION = 1;
const RETRY_MS = 10_000;

/** Gives a file's text, part by part: thousands of unit files are megabytes, which no one slice of the loop prints. */
type Printing = () => Iterable<string>;

export class Store {
  readonly #directory: string;
  readonly #onTrouble: (message: string) => void;
  readonly #isKept: boolean;
  readonly #pending = new Map<string, Printing>();
  /** What the disk refused, and does not hold. */
  readonly #refused = new Map<string, Printing>();
  #retry: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;

  /** `isKept`: false where it is known that nothing can be written, and said. */
  constructor(directory: string, onTrouble: (message: string) => void, isKept = true) {
    this.#directory = directory;
    this.#onTrouble = onTrouble;
    this.#isKept = isKept;
  }

  read(): Stored {
    const warnings: string[] = [];
    const intents = this.#readOne(INTENTS, intentsOf, warnings) ?? new Map<string, Intent>();
    const lastGood = this.#readOne(LAST_GOOD, goodFilesOf, warnings) ?? [];
    return { intents, lastGood, warnings };
  }

  /** As they are when they are written: of many words that come together, that is once. */
  saveIntents(intents: ReadonlyMap<string, Intent>): void {
    this.#save(INTENTS, () => [
      `${JSON.stringify({ version: VERSION, units: Object.fromEntries(intents) })}\n`,
    ]);
  }

  saveLastGood(files: readonly GoodFile[]): void {
    this.#save(LAST_GOOD, () => printedFiles(files));
  }

  /** Resolves when all that was saved is on the disk, or has failed to get there. */
  async written(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  /** The last chance for what the disk refused. Nothing is to be saved after it. */
  async close(): Promise<void> {
    // What is under way may be refused yet.
    await this.written();
    this.#writeAgain();
    await this.written();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #readOne<T>(name: string, parse: (value: unknown) => T | null, warnings: string[]): T | null {
    const path = join(this.#directory, name);
    removeUnfinished(path);
    let text: string;
    try {
      text = ownText(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') {
        warnings.push(`cannot read state file "${path}": ${phraseOf(error)}, going on without it`);
      }
      return null;
    }
    const value = jsonOf(text);
    const parsed = parse(value);
    if (parsed !== null) return parsed;
    const other = otherVersion(value);
    const [what, ending] =
      other === null
        ? ['damaged', 'corrupt']
        : [`of version ${other}, expected ${VERSION}`, `version-${other}`];
    const aside = `${path}.${ending}`;
    try {
      renameSync(path, aside);
      warnings.push(`cannot read state file "${path}": it is ${what}, set aside as "${aside}"`);
    } catch (error) {
      warnings.push(`cannot set aside state file "${path}", which is ${what}: ${phraseOf(error)}`);
    }
    return null;
  }

  /** Of several saves of one file while another write is under way, only the last is written. */
  #save(name: string, printed: Printing): void {
    if (!this.#isKept) return;
    this.#pending.set(name, printed);
    this.#writeAgain();
  }

  /** What is pending, and what was refused. */
  #writeAgain(): void {
    for (const [name, printed] of this.#refused) {
      if (!this.#pending.has(name)) this.#pending.set(name, printed);
    }
    if (this.#pending.size > 0) this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    for (const [name, printed] of this.#pending) {
      this.#pending.delete(name);
      const path = join(this.#directory, name);
      try {
        await writeFileAtomic(path, await inSlices(pieces(printed())), 0o600);
        this.#refused.delete(name);
      } catch (error) {
        if (!this.#refused.has(name))
          this.#onTrouble(`cannot write state file "${path}": ${phraseOf(error)}`);
        this.#refused.set(name, printed);
      }
    }
    this.#writing = null;
    if (this.#refused.size > 0) this.#writeLater();
  }

  #writeLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      this.#writeAgain();
    }, RETRY_MS).unref();
  }
}

function* printedFiles(files: readonly GoodFile[]): Generator<string> {
  yield `{"version":${VERSION},"files":[`;
  for (const [index, file] of files.entries()) yield `${index === 0 ? '' : ','}${JSON.stringify(file)}`;
  yield ']}\n';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of a daemon that wrote another version than this one; null: it says none. */
function otherVersion(value: unknown): number | null {
  const version = isRecord(value) ? value['version'] : null;
  return Number.isInteger(version) && version !== VERSION ? Number(version) : null;
}

function intentsOf(value: unknown): ReadonlyMap<string, Intent> | null {
  if (!isRecord(value) || value['version'] !== VERSION || !isRecord(value['units'])) return null;
  const intents = new Map<string, Intent>();
  for (const [name, intent] of Object.entries(value['units'])) {
    if (!isRecord(intent)) return null;
    const { wanted, seq } = intent;
    if ((wanted !== 'up' && wanted !== 'down') || typeof seq !== 'number') return null;
    intents.set(name, { wanted, seq });
  }
  return intents;
}

function goodFilesOf(value: unknown): readonly GoodFile[] | null {
  if (!isRecord(value) || value['version'] !== VERSION || !Array.isArray(value['files'])) return null;
  const files: GoodFile[] = [];
  for (const item of value['files']) {
    if (!isRecord(item)) return null;
    const { name, file, text } = item;
    if (typeof name !== 'string' || typeof file !== 'string' || typeof text !== 'string') return null;
    files.push({ name, file, text });
  }
  return files;
}
