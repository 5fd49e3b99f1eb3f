// Writes whole lines to LOGDIR/NAME/current, and has it rotated between them when it is too large, too old or of another
// format. Decides nothing about lines that could not be written: that is capture's.
//
// The file is rotated after any part that reaches its limit (rotating-file.ts). So every part ends where that may happen.
// One that the system lets grow no further (RLIMIT_FSIZE, or what its file system can hold) has reached its limit too.
import { appendFile, mkdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogFormat, LogSpec } from '../model/unit.ts';
import type { Clock, Timer } from '../os/ports.ts';
import { Archive } from './archive.ts';
import { codeOf, phraseOf } from '../base/fault.ts';
import { endsWholeLine } from './format.ts';
import { endsBetweenLines, firstLineOf, foreignness } from './inspect.ts';
import type { FileIdentity } from './inspect.ts';
import { CURRENT } from './names.ts';
import { RotatingFile } from './rotating-file.ts';
import type { Appended } from './rotating-file.ts';
import { Turns } from '../base/turns.ts';

const DIRECTORY_MODE = 0o750;
const NEWLINE = 10;
/** A line longer than this many times maxSize is cut by a rotation. */
const OVERSIZE_FACTOR = 2;
/** Age goes by the wall clock, which runs on while the machine sleeps, and may be set: it is looked at so often. */
const LOOK_MS = 3_600_000;

/** `written` bytes, whole lines, are in the file; why not more is a phrase for people: `ENOSPC: no space left on device`. */
export type WriteResult =
  { readonly ok: true } | { readonly ok: false; readonly written: number; readonly reason: string };

/** Is told of each append before it is begun and when it is done. An append never spans a rotation. */
export interface AppendWitness {
  /** `file`, of `size` bytes, will get the next `length` bytes, up to `end` of those given to write(). */
  begins(append: {
    readonly file: FileIdentity;
    readonly size: number;
    readonly length: number;
    readonly end: number;
  }): void;
  /** The log has what was given to write() up to `end`. */
  ended(end: number): void;
}

export interface LogWriterOptions {
  readonly directory: string;
  readonly spec: LogSpec;
  readonly clock: Clock;
}

/** Owns `current` and the rotated files beside it from the first write() to close(). */
export class LogWriter {
  readonly #directory: string;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #archive: Archive;
  readonly #file: RotatingFile;
  readonly #turns = new Turns();
  #spec: LogSpec;
  #recovered = false;
  #mended = false;
  #closed = false;
  #format: LogFormat;
  #firstLineMs: number | null = null;
  /** The file is too old, and waits for the end of its last line. */
  #overdue = false;
  #ageTimer: Timer | null = null;

  constructor({ directory, spec, clock }: LogWriterOptions) {
    this.#directory = directory;
    this.#path = join(directory, CURRENT);
    this.#clock = clock;
    this.#spec = spec;
    this.#format = spec.format;
    const settled = (): Promise<void> => this.#turns.idle();
    this.#archive = new Archive({ directory, wallMs: () => clock.wallMs(), settled }, spec);
    this.#file = new RotatingFile({
      directory,
      clock,
      nextName: (attempt) => this.#archive.nextName(this.#format, attempt),
      onRotated: () => {
        this.#firstLineMs = null;
        this.#overdue = false;
        this.#archive.named();
      },
    });
  }

  /** Appends formatted lines; a format other than the file's rotates first. Never rejects. */
  write(bytes: Buffer, format: LogFormat, witness?: AppendWitness): Promise<WriteResult> {
    return this.#turns.take(() => this.#writeAll(bytes, format, witness));
  }

  /** From the next write on; what is too much or too old by the new spec goes at once. */
  update(spec: LogSpec): void {
    this.#spec = spec;
    // Nothing is compressed before the first write: of a compressed file nobody could tell any more whether it has the
    // append that an earlier process had begun.
    this.#archive.update(this.#recovered ? spec : { ...spec, compress: false });
    this.#tidy();
  }

  /** Resolves when everything written is in its file, compressions are given up and no descriptor or timer is left. */
  async close(): Promise<void> {
    // First: a rotation that falls due meanwhile would come after the end, when the log may be another writer's.
    this.#closed = true;
    this.#ageTimer?.close();
    await this.#turns.take(() => this.#file.close());
    await this.#archive.close();
  }

  async #writeAll(bytes: Buffer, format: LogFormat, witness?: AppendWitness): Promise<WriteResult> {
    let offset = 0;
    let fruitless = 0;
    let torn = false;
    /** Where a new file was begun last because the one before could not grow; -1: none was. */
    let full = -1;
    try {
      while (offset < bytes.length) {
        await this.#makeReady(format);
        const end = await this.#endOfPart(bytes, offset, format);
        // The rest of a short write belongs to the append that has been announced.
        const { identity, size } = this.#file;
        if (!torn && identity !== null) witness?.begins({ file: identity, size, length: end - offset, end });
        const { written, error } = await this.#append(bytes.subarray(offset, end));
        offset += written;
        if (error !== null) {
          offset = await this.#withoutTorn(bytes, offset);
          // Not even one line fits.
          if (codeOf(error) !== 'EFBIG' || offset === full) throw error;
          full = offset;
          torn = false;
          witness?.ended(offset);
          await this.#rotateNow();
          continue;
        }
        torn = offset < end && offset > 0 && bytes[offset - 1] !== NEWLINE;
        if (!torn) witness?.ended(offset);
        fruitless = written === 0 ? fruitless + 1 : 0;
        if (fruitless > 2) throw new Error(`${CURRENT} is being replaced or cut while it is written`);
      }
      // The next write meets the same fault and reports it.
      if (this.#overdue) await this.#rotateOld().catch(() => undefined);
      return { ok: true };
    } catch (error) {
      const written = await this.#withoutTorn(bytes, offset);
      return { ok: false, written, reason: phraseOf(error) };
    }
  }

  /** Closes the file and takes a torn line at its end back, so that what comes next stands on its own: where it began. */
  async #withoutTorn(bytes: Buffer, offset: number): Promise<number> {
    await this.#file.close();
    const boundary = offset === 0 ? 0 : bytes.lastIndexOf(NEWLINE, offset - 1) + 1;
    if (boundary < offset)
      await truncate(this.#path, this.#file.size - (offset - boundary)).catch(() => undefined);
    return boundary;
  }

  async #makeReady(format: LogFormat): Promise<void> {
    const { limit } = this.#file;
    const { maxSizeBytes } = this.#spec;
    if (this.#file.isOpen) {
      const isOtherLimit = limit !== maxSizeBytes && limit !== maxSizeBytes * OVERSIZE_FACTOR;
      if ((await this.#file.isTouched()) || isOtherLimit || this.#format !== format) await this.#file.close();
    }
    if (!this.#file.isOpen) await this.#open(format);
  }

  /**
   * Where to end the part that begins at `offset`, so that the file, which is rotated after the part that reaches
   * its limit, is so between lines. A line that passes the limit and has not ended gets a higher one.
   */
  async #endOfPart(bytes: Buffer, offset: number, format: LogFormat): Promise<number> {
    const room = this.#spec.maxSizeBytes - this.#file.size;
    if (bytes.length - offset < room) return bytes.length;
    let newline = bytes.indexOf(NEWLINE, offset + Math.max(0, room - 1));
    while (newline !== -1 && !endsWholeLine(format, bytes, newline))
      newline = bytes.indexOf(NEWLINE, newline + 1);
    if (newline === -1) {
      const oversize = this.#spec.maxSizeBytes * OVERSIZE_FACTOR;
      if (this.#file.limit !== oversize) await this.#openFile(oversize);
      return bytes.length;
    }
    const sizeThen = this.#file.size + newline + 1 - offset;
    if (sizeThen < this.#file.limit) await this.#openFile(sizeThen);
    return newline + 1;
  }

  async #append(part: Buffer): Promise<Appended> {
    const appended = await this.#file.append(part);
    if (appended.isRotated) {
      if (this.#file.limit !== this.#spec.maxSizeBytes) await this.#file.close();
      this.#tidy();
    } else if (this.#firstLineMs === null) {
      this.#firstLineMs = this.#clock.wallMs();
      this.#armAge();
    }
    return appended;
  }

  async #open(format: LogFormat): Promise<void> {
    await makeDirectory(this.#directory);
    const trouble = await foreignness(this.#directory);
    if (trouble !== null) throw new Error(`cannot use directory "${this.#directory}": ${trouble}`);
    if (!this.#recovered) {
      await this.#archive.recover();
      this.#recovered = true;
      this.#archive.update(this.#spec);
      this.#tidy();
    }
    const first = await firstLineOf(this.#path);
    if (!this.#mended) {
      // Torn by the end of the process that wrote it; what comes next begins a line of its own.
      if (first !== null && first.format !== 'raw' && !first.endsWithNewline)
        await appendFile(this.#path, '\n');
      this.#mended = true;
    }
    this.#firstLineMs = first?.atMs ?? null;
    if (first !== null) {
      this.#format = first.format;
      if (first.format === format) await this.#rotateOld();
      else await this.#rotateNow();
    }
    this.#format = format;
    await this.#openFile(this.#spec.maxSizeBytes);
    this.#armAge();
  }

  async #openFile(limit: number): Promise<void> {
    if (await this.#file.open(limit)) this.#tidy();
  }

  /** The file is rotated when it is opened, if it has reached the limit by then. */
  async #rotateNow(): Promise<void> {
    await this.#openFile(1);
    await this.#file.close();
  }

  #isTooOld(): boolean {
    const { maxAgeMs } = this.#spec;
    return (
      maxAgeMs !== null && this.#firstLineMs !== null && this.#firstLineMs + maxAgeMs <= this.#clock.wallMs()
    );
  }

  #tidy(): void {
    void this.#archive.tidy().then(() => this.#armAge());
  }

  /** One deadline for all that will grow too old; far away, and none before the first output. */
  #armAge(): void {
    this.#ageTimer?.close();
    this.#ageTimer = null;
    const { maxAgeMs } = this.#spec;
    if (maxAgeMs === null || this.#closed) return;
    const currentMs = this.#firstLineMs === null || this.#overdue ? Infinity : this.#firstLineMs + maxAgeMs;
    const dueMs = Math.min(currentMs, this.#archive.expiryMs ?? Infinity);
    if (dueMs === Infinity) return;
    // Whole seconds apart at least: the wall clock may be behind the monotonic one that the deadline is kept by.
    const delayMs = Math.min(Math.max(1000, dueMs - this.#clock.wallMs()), LOOK_MS);
    this.#ageTimer = this.#clock.arm(this.#clock.monotonicMs() + delayMs, () => {
      if (this.#clock.wallMs() < dueMs) this.#armAge();
      else void this.#age();
    });
  }

  #age(): Promise<void> {
    return this.#turns.take(async () => {
      // The next write meets the same fault and reports it.
      await this.#rotateOld().catch(() => undefined);
      this.#tidy();
    });
  }

  /** Rotates a file whose first line is too old, so that it can go when its last line is; not within a line. */
  async #rotateOld(): Promise<void> {
    this.#overdue = false;
    if (!this.#isTooOld()) return;
    const first = await firstLineOf(this.#path);
    if (first !== null) {
      this.#overdue = !(await endsBetweenLines(this.#path, first.format));
      if (this.#overdue) return;
      await this.#rotateNow();
    }
    this.#firstLineMs = null;
  }
}

/** Those above it only if they are missing: asked for all, node says ENOENT of a disk that refuses. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: DIRECTORY_MODE });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
    else if (codeOf(error) !== 'EEXIST') throw error;
  }
}
