// Writes whole lines to LOGDIR/NAME/current through rotating-file-stream, which rotates when the size is reached, and
// finds out what became of each write. Decides nothing about lines that could not be written: that is capture's.
//
// What the stream does not do and is done here: it takes a short write (a disk that fills up) for a whole one, it goes
// on writing to a file that was unlinked or replaced, and it rotates after any chunk. So every chunk handed to it ends
// where a rotation may happen, and after each write the file is looked at.
import { appendFile, mkdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { RotatingFileStream } from 'rotating-file-stream';
import type { LogFormat, LogSpec } from '../model/unit.ts';
import type { Clock, Timer } from '../os/ports.ts';
import { Archive } from './archive.ts';
import { phraseOf } from '../base/fault.ts';
import { endsWholeLine } from './format.ts';
import { endsBetweenLines, firstLineOf, foreignness, holdsAt, identityOf, statusOf } from './inspect.ts';
import type { FileIdentity } from './inspect.ts';
import { CURRENT } from './names.ts';
import { endedStream, openedStream } from './rotating.ts';
import { Turns } from './turns.ts';

const DIRECTORY_MODE = 0o750;
const NEWLINE = 10;
/**
 * A file that was last looked at longer ago is looked at before a write too: what goes into one that somebody has just
 * moved away is in two files then, since nobody can tell whether it will be kept there. A flood pays for no more looks.
 */
const TRUSTED_MS = 10;
/** A line longer than this many times maxSize is cut by a rotation. */
const OVERSIZE_FACTOR = 2;

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
  readonly #turns = new Turns();
  #spec: LogSpec;
  #recovered = false;
  #mended = false;
  #closed = false;
  #stream: RotatingFileStream | null = null;
  /** Size at which the open stream rotates. */
  #limit = 0;
  #size = 0;
  #identity: FileIdentity | null = null;
  #format: LogFormat;
  #firstLineMs: number | null = null;
  /** The file is too old, and waits for the end of its last line. */
  #overdue = false;
  #rotatedTo: string | null = null;
  #checkedAtMs = 0;
  #ageTimer: Timer | null = null;

  constructor({ directory, spec, clock }: LogWriterOptions) {
    this.#directory = directory;
    this.#path = join(directory, CURRENT);
    this.#clock = clock;
    this.#spec = spec;
    this.#format = spec.format;
    const settled = (): Promise<void> => this.#turns.idle();
    this.#archive = new Archive({ directory, wallMs: () => clock.wallMs(), settled }, spec);
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
    await this.#turns.take(() => this.#closeStream());
    await this.#archive.close();
    this.#closed = true;
    this.#ageTimer?.close();
  }

  async #writeAll(bytes: Buffer, format: LogFormat, witness?: AppendWitness): Promise<WriteResult> {
    let offset = 0;
    let fruitless = 0;
    let torn = false;
    try {
      while (offset < bytes.length) {
        await this.#makeReady(format);
        const end = await this.#endOfPart(bytes, offset, format);
        // The rest of a short write belongs to the append that has been announced.
        if (!torn && this.#identity !== null)
          witness?.begins({ file: this.#identity, size: this.#size, length: end - offset, end });
        const { written, error } = await this.#append(bytes.subarray(offset, end));
        offset += written;
        if (error !== null) throw error;
        torn = offset < end && offset > 0 && bytes[offset - 1] !== NEWLINE;
        if (!torn) witness?.ended(offset);
        fruitless = written === 0 ? fruitless + 1 : 0;
        if (fruitless > 2) throw new Error(`${CURRENT} is being replaced or cut while it is written`);
      }
      // The next write meets the same fault and reports it.
      if (this.#overdue) await this.#rotateOld().catch(() => undefined);
      return { ok: true };
    } catch (error) {
      await this.#closeStream();
      const boundary = offset === 0 ? 0 : bytes.lastIndexOf(NEWLINE, offset - 1) + 1;
      // A torn line at the end of a full disk's file: taken back, so that what is written next stands on its own.
      if (boundary < offset)
        await truncate(this.#path, this.#size - (offset - boundary)).catch(() => undefined);
      return { ok: false, written: boundary, reason: phraseOf(error) };
    }
  }

  async #makeReady(format: LogFormat): Promise<void> {
    if (this.#stream !== null) {
      const stale =
        this.#clock.monotonicMs() - this.#checkedAtMs > TRUSTED_MS &&
        identityOf(await statusOf(this.#path)) !== this.#identity;
      const otherLimit =
        this.#limit !== this.#spec.maxSizeBytes && this.#limit !== this.#spec.maxSizeBytes * OVERSIZE_FACTOR;
      if (stale || otherLimit || this.#format !== format) await this.#closeStream();
    }
    if (this.#stream === null) await this.#open(format);
  }

  /**
   * Where to end the part that begins at `offset`, so that the stream, which rotates after the part that reaches its
   * limit, does so between lines. A line that passes the limit and has not ended gets a stream with a higher one.
   */
  async #endOfPart(bytes: Buffer, offset: number, format: LogFormat): Promise<number> {
    const room = this.#spec.maxSizeBytes - this.#size;
    if (bytes.length - offset < room) return bytes.length;
    let newline = bytes.indexOf(NEWLINE, offset + Math.max(0, room - 1));
    while (newline !== -1 && !endsWholeLine(format, bytes, newline))
      newline = bytes.indexOf(NEWLINE, newline + 1);
    if (newline === -1) {
      const oversize = this.#spec.maxSizeBytes * OVERSIZE_FACTOR;
      if (this.#limit !== oversize) await this.#restart(oversize);
      return bytes.length;
    }
    const sizeThen = this.#size + newline + 1 - offset;
    if (sizeThen < this.#limit) await this.#restart(sizeThen);
    return newline + 1;
  }

  async #append(part: Buffer): Promise<{ readonly written: number; readonly error: Error | null }> {
    const stream = this.#stream;
    if (stream === null) return { written: 0, error: null };
    const before = this.#size;
    this.#rotatedTo = null;
    const error = await new Promise<Error | null>((resolve) => {
      stream.write(part, (failure) => resolve(failure ?? null));
    });
    if (this.#firstLineMs === null) this.#firstLineMs = this.#clock.wallMs();
    if (this.#rotatedTo !== null) return this.#writtenBeforeRotation(part, before, this.#rotatedTo, error);
    const status = await statusOf(this.#path);
    this.#checkedAtMs = this.#clock.monotonicMs();
    if (status === null || identityOf(status) !== this.#identity) {
      // Unlinked or replaced since it was last looked at: what went into the old file is written again.
      await this.#closeStream();
      return { written: 0, error: null };
    }
    this.#size = status.size;
    const grown = status.size - before;
    if (grown === part.length && error === null) return { written: part.length, error };
    // The stream's own count is off now, or the stream is destroyed.
    await this.#closeStream();
    const written = Math.min(Math.max(grown, 0), part.length);
    // Emptied by someone, before the write or after it, which is no lack of space.
    if (error === null && (grown < 0 || !(await holdsAt(this.#path, before, part.subarray(0, written))))) {
      return { written: part.length, error };
    }
    return { written, error };
  }

  async #writtenBeforeRotation(
    part: Buffer,
    before: number,
    path: string,
    error: Error | null,
  ): Promise<{ readonly written: number; readonly error: Error | null }> {
    const size = (await statusOf(path))?.size ?? before + part.length;
    let written = Math.min(Math.max(size - before, 0), part.length);
    if (written < part.length) {
      const kept = written === 0 ? 0 : part.lastIndexOf(NEWLINE, written - 1) + 1;
      await truncate(path, before + kept);
      written = kept;
    }
    if (error !== null || this.#limit !== this.#spec.maxSizeBytes) await this.#closeStream();
    else await this.#identify();
    this.#tidy();
    return { written, error };
  }

  async #open(format: LogFormat): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
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
    await this.#start(this.#spec.maxSizeBytes);
    this.#armAge();
  }

  async #restart(limit: number): Promise<void> {
    await this.#closeStream();
    await this.#start(limit);
  }

  /** A stream rotates the file it finds if that has reached the limit. */
  async #rotateNow(): Promise<void> {
    await this.#restart(1);
    await this.#closeStream();
  }

  async #start(limit: number): Promise<void> {
    this.#rotatedTo = null;
    const stream = await openedStream({
      directory: this.#directory,
      limit,
      nextName: (attempt) => this.#archive.nextName(this.#format, attempt),
      onRotated: (path) => {
        this.#rotatedTo = path;
        this.#firstLineMs = null;
        this.#overdue = false;
        this.#archive.named();
      },
    });
    this.#stream = stream;
    this.#limit = limit;
    // A file that had reached the limit already.
    if (this.#rotatedTo !== null) this.#tidy();
    await this.#identify();
  }

  async #identify(): Promise<void> {
    const status = await statusOf(this.#path);
    this.#identity = identityOf(status);
    this.#size = status?.size ?? 0;
    this.#checkedAtMs = this.#clock.monotonicMs();
  }

  async #closeStream(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    if (stream !== null) await endedStream(stream);
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
    const delayMs = Math.max(1000, dueMs - this.#clock.wallMs());
    this.#ageTimer = this.#clock.arm(this.#clock.monotonicMs() + delayMs, () => void this.#age());
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
