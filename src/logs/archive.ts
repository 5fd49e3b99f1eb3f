// The rotated files of one log directory: names for new ones, compression, removal of the old and the too many, and
// the repair of what a killed process left. Never touches `current`.
import { createReadStream } from 'node:fs';
import { open, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { LogFormat, LogSpec } from '../model/unit.ts';
import { codeOf } from '../base/fault.ts';
import { COMPRESSED, UNFINISHED, rotatedFiles, rotatedName, unfinishedFiles } from './names.ts';
import type { RotatedFile } from './names.ts';
import { Turns } from '../base/turns.ts';

export const LOG_FILE_MODE = 0o640;

// Level 6 takes twice the time of level 3 for a tenth less on disk; the processor belongs to the services.
const GZIP_LEVEL = 3;
// One compression at a time for all units: it runs on libuv's few threads, on which every file operation waits too.
const compressions = new Turns();

export interface ArchiveOptions {
  readonly directory: string;
  readonly wallMs: () => number;
  /** Resolves when of all appends that have begun it is known that they are done. */
  readonly settled: () => Promise<void>;
}

export class Archive {
  readonly #directory: string;
  readonly #wallMs: () => number;
  readonly #settled: () => Promise<void>;
  readonly #turns = new Turns();
  #spec: LogSpec;
  #lastStampMs = 0;
  #lastSequence = 0;
  /** Wall time at which the next rotated file will be too old; null: none will. */
  #expiryMs: number | null = null;
  #proposed: { readonly stampMs: number; readonly sequence: number } | null = null;
  /** Files whose compression has been asked for and has not ended. */
  readonly #compressing = new Set<string>();
  /** The compression that was begun last; rejects never. */
  #compression: Promise<void> = Promise.resolve();
  readonly #ending = new AbortController();
  /** A tidy() that has not begun. */
  #waiting: Promise<void> | null = null;

  constructor(options: ArchiveOptions, spec: LogSpec) {
    this.#directory = options.directory;
    this.#wallMs = options.wallMs;
    this.#settled = options.settled;
    this.#spec = spec;
  }

  get expiryMs(): number | null {
    return this.#expiryMs;
  }

  update(spec: LogSpec): void {
    this.#spec = spec;
  }

  /** Name for the next rotated file; it sorts behind all others, whatever the clock says. `attempt` counts from 1. */
  nextName(format: LogFormat, attempt: number): string {
    const stampMs = Math.max(Math.floor(this.#wallMs()), this.#lastStampMs);
    this.#proposed = { stampMs, sequence: this.#lastSequence + attempt };
    return rotatedName(stampMs, this.#proposed.sequence, format);
  }

  /** To be called when a file has got the name that nextName() gave last. */
  named(): void {
    if (this.#proposed === null) return;
    this.#lastStampMs = this.#proposed.stampMs;
    this.#lastSequence = this.#proposed.sequence;
  }

  /** Repairs what a killed process left and learns the last name; to be awaited before the first nextName(). */
  async recover(): Promise<void> {
    for (const path of await unfinishedFiles(this.#directory)) await discard(path);
    for (const file of await rotatedFiles(this.#directory)) {
      this.#lastStampMs = Math.max(this.#lastStampMs, file.stampMs);
      this.#lastSequence = Math.max(this.#lastSequence, file.sequence);
      const path = join(this.#directory, file.name);
      // The compressed form gets its name only when it is complete.
      if (file.plain && file.compressed) await discard(path);
      // rotating-file-stream tries the new name with an empty file before it renames.
      else if (file.plain && (await isEmpty(path))) await discard(path);
    }
  }

  /**
   * Removes what is too much or too old and compresses the rest, as the spec says. Rejects never. Those that are asked
   * for before one has begun are that one: files can be rotated faster than a directory can be read.
   */
  tidy(): Promise<void> {
    this.#waiting ??= this.#turns.take(async () => {
      this.#waiting = null;
      try {
        const kept = await this.#removeOld();
        if (!this.#spec.compress) return;
        for (const { name, plain } of kept) {
          if (plain) this.#compressLater(name);
        }
      } catch {
        // A directory that cannot be read or changed is the writer's to report; the next rotation tries again.
      }
    });
    return this.#waiting;
  }

  /**
   * Waits for removals that have begun, and gives compressions up: a large one takes minutes, which nobody has who ends
   * a daemon. The next archive of the directory begins them anew.
   */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#turns.idle();
    await this.#compression;
  }

  #compressLater(name: string): void {
    if (this.#compressing.has(name)) return;
    this.#compressing.add(name);
    void compressions.take(async () => {
      const { signal } = this.#ending;
      // Without space for the compressed form the plain one stays, and the next tidy() tries again.
      if (!signal.aborted)
        this.#compression = compress(join(this.#directory, name), signal).catch(() => undefined);
      await this.#compression;
      this.#compressing.delete(name);
    });
  }

  async #removeOld(): Promise<readonly RotatedFile[]> {
    const { maxFiles, maxAgeMs } = this.#spec;
    const now = this.#wallMs();
    const files = await rotatedFiles(this.#directory);
    // Of a file that is gone or compressed nobody could tell any more whether its last append was done.
    await this.#settled();
    const kept: RotatedFile[] = [];
    this.#expiryMs = null;
    for (const [index, file] of files.entries()) {
      const lastLineMs = maxAgeMs === null ? null : await modifiedMs(join(this.#directory, file.name));
      const expiryMs = lastLineMs === null || maxAgeMs === null ? Infinity : lastLineMs + maxAgeMs;
      if (index < files.length - maxFiles || expiryMs <= now) {
        await discard(join(this.#directory, file.name));
        await discard(join(this.#directory, file.name + COMPRESSED));
        continue;
      }
      kept.push(file);
      if (expiryMs < (this.#expiryMs ?? Infinity)) this.#expiryMs = expiryMs;
    }
    return kept;
  }
}

/**
 * Replaces `path` by `path.gz` so that at every moment one of the two is there and complete. The compressed file keeps
 * the time of the last line as its modification time: age and readers go by it.
 */
async function compress(path: string, signal: AbortSignal): Promise<void> {
  const part = path + UNFINISHED;
  try {
    const { atime, mtime } = await stat(path);
    const target = await open(part, 'w', LOG_FILE_MODE);
    try {
      await pipeline(
        createReadStream(path, { highWaterMark: 256 * 1024 }),
        createGzip({ level: GZIP_LEVEL }),
        async (packed: AsyncIterable<Buffer>) => {
          for await (const bytes of packed) await target.writeFile(bytes);
        },
        { signal },
      );
      // On disk before the rename: after a power cut a name must not stand for a file without its bytes.
      await target.sync();
      await target.utimes(atime, mtime);
    } finally {
      await target.close();
    }
  } catch (error) {
    await removed(part);
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  await rename(part, path + COMPRESSED);
  // Removed as too old or too many meanwhile: then so is its compressed form.
  if (!(await removed(path))) await removed(path + COMPRESSED);
}

/** null: it is gone, or cannot be looked at. */
async function modifiedMs(path: string): Promise<number | null> {
  const status = await stat(path).catch(() => stat(path + COMPRESSED).catch(() => null));
  return status?.mtimeMs ?? null;
}

async function isEmpty(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => null);
  return status?.size === 0;
}

/** Rejects never: what somebody else put there and cannot be removed does not keep the rest from being seen to. */
async function discard(path: string): Promise<void> {
  await removed(path).catch(() => undefined);
}

async function removed(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
