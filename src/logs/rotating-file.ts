// `current`, open through rotating-file-stream, which appends to it and renames it when its size is reached. Finds out
// what became of each append, and knows nothing of lines but that a torn one is not kept before a rotation.
//
// What the stream does not do and is done here: it takes a short write (a disk that fills up) for a whole one, and goes
// on writing to a file that was unlinked or replaced. So the file is looked at after each write. Compression and retention
// are the archive's: those of the stream hold up writing, and a crash in them doubles lines.
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createStream } from 'rotating-file-stream';
import type { RotatingFileStream } from 'rotating-file-stream';
import type { Clock } from '../os/ports.ts';
import { LOG_FILE_MODE } from './archive.ts';
import { holdsAt, identityOf, statusOf } from './inspect.ts';
import type { FileIdentity } from './inspect.ts';
import { CURRENT } from './names.ts';

const NEWLINE = 10;
/**
 * A file that was last looked at longer ago is looked at before a write too: what goes into one that somebody has just
 * moved away is in two files then, since nobody can tell whether it will be kept there; and of one that somebody has
 * emptied the size afterwards says nothing of what came. A flood pays for no more looks.
 */
const TRUSTED_MS = 10;

export interface RotatingFileOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** For the file that is rotated; `attempt` counts from 1 while the names are in use. */
  readonly nextName: (attempt: number) => string;
  /** A rotation has given the name that nextName() gave last. */
  readonly onRotated: () => void;
}

export interface Appended {
  /** So many bytes of the part are in the log, in this file or in the one that it was before a rotation. */
  readonly written: number;
  /** Why it is closed and not more are; null: all are, or the rest is to be appended once it is open again. */
  readonly error: Error | null;
  readonly isRotated: boolean;
}

/** Closed when it is made, and may be opened and closed any number of times. */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  readonly #path: string;
  #stream: RotatingFileStream | null = null;
  #limit = 0;
  #size = 0;
  #identity: FileIdentity | null = null;
  #rotatedTo: string | null = null;
  #checkedAtMs = 0;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
    this.#path = join(options.directory, CURRENT);
  }

  get isOpen(): boolean {
    return this.#stream !== null;
  }

  /** Bytes at which it is rotated, after a write or when it is opened. */
  get limit(): number {
    return this.#limit;
  }

  get size(): number {
    return this.#size;
  }

  /** null: it could not be found. */
  get identity(): FileIdentity | null {
    return this.#identity;
  }

  /** Whether somebody else has had it: its name is another file's now, or nobody's, or its size is; as far as it is worth a look. */
  async isTouched(): Promise<boolean> {
    if (this.#options.clock.monotonicMs() - this.#checkedAtMs <= TRUSTED_MS) return false;
    const status = await statusOf(this.#path);
    return identityOf(status) !== this.#identity || status?.size !== this.#size;
  }

  /** Opens it, with another limit if it is open; whether a file that had reached that was rotated. Rejects where it cannot be. */
  async open(limit: number): Promise<boolean> {
    await this.close();
    this.#rotatedTo = null;
    this.#stream = await this.#openedStream(limit);
    this.#limit = limit;
    const isRotated = this.#rotatedTo !== null;
    await this.#identify();
    return isRotated;
  }

  /** To end where a rotation may come. Rejects where the file cannot be looked at or cut. */
  async append(part: Buffer): Promise<Appended> {
    const stream = this.#stream;
    if (stream === null) return { written: 0, error: null, isRotated: false };
    const before = this.#size;
    this.#rotatedTo = null;
    const error = await new Promise<Error | null>((resolve) => {
      stream.write(part, (failure) => resolve(failure ?? null));
    });
    if (this.#rotatedTo !== null) {
      const written = await keptBefore(this.#rotatedTo, part, before);
      if (error === null) await this.#identify();
      else await this.close();
      return { written, error, isRotated: true };
    }
    return { ...(await this.#writtenHere(part, before, error)), isRotated: false };
  }

  /** Resolves when all is written and the descriptor is closed, also of a stream that has failed. */
  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null || stream.closed) return;
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.end();
    });
  }

  async #openedStream(limit: number): Promise<RotatingFileStream> {
    const { directory, nextName, onRotated } = this.#options;
    const stream = createStream(
      // Called with null for the name of the file being written.
      (time, index) => (time === null ? CURRENT : nextName(index ?? 1)),
      { path: directory, size: `${limit}B`, mode: LOG_FILE_MODE },
    );
    stream.on('rotated', (path) => {
      this.#rotatedTo = path;
      onRotated();
    });
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      // Stays for the stream's life: what fails later is learnt from the callback of the write.
      stream.on('error', reject);
    });
    return stream;
  }

  async #identify(): Promise<void> {
    const status = await statusOf(this.#path);
    this.#identity = identityOf(status);
    this.#size = status?.size ?? 0;
    this.#checkedAtMs = this.#options.clock.monotonicMs();
  }

  async #writtenHere(
    part: Buffer,
    before: number,
    error: Error | null,
  ): Promise<Pick<Appended, 'written' | 'error'>> {
    const status = await statusOf(this.#path);
    this.#checkedAtMs = this.#options.clock.monotonicMs();
    if (status === null || identityOf(status) !== this.#identity) {
      // Unlinked or replaced since it was last looked at: what went into the old file is written again.
      await this.close();
      return { written: 0, error: null };
    }
    this.#size = status.size;
    const grown = status.size - before;
    if (grown === part.length && error === null) return { written: part.length, error };
    // The stream's own count is off now, or the stream is destroyed.
    await this.close();
    const written = Math.min(Math.max(grown, 0), part.length);
    // Emptied by someone, before the write or after it, which is no lack of space: that lets a byte in, or is an error.
    if (error === null && (grown <= 0 || !(await holdsAt(this.#path, before, part.subarray(0, written))))) {
      return { written: part.length, error };
    }
    return { written, error };
  }
}

/** How much of what was appended to a file of `before` bytes, which was then rotated, stays in it: whole lines. */
async function keptBefore(path: string, part: Buffer, before: number): Promise<number> {
  const size = (await statusOf(path))?.size ?? before + part.length;
  const written = Math.min(Math.max(size - before, 0), part.length);
  if (written === part.length) return written;
  const kept = written === 0 ? 0 : part.lastIndexOf(NEWLINE, written - 1) + 1;
  await truncate(path, before + kept);
  return kept;
}
