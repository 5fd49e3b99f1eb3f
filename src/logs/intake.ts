// Reads a unit's two output pipes through its spool: when there is something, but not while it is held, nor while the
// spool is full.
import { closeSync } from 'node:fs';
import { bytesInPipe } from '../os/libc/pipe.ts';
import type { Readiness } from '../os/ports.ts';
import type { Positions } from './positions.ts';
import { Source } from './source.ts';
import type { Spool } from './spool.ts';
import type { StreamIndex } from './stream-name.ts';

export interface IntakeOptions {
  /** Non-blocking; the intake owns and closes both, also when it cannot be made. */
  readonly fds: readonly [number, number];
  readonly readiness: Readiness;
  readonly spool: Spool;
  /** Borrowed bytes; what it returns says whether to read on at once (false: after readOn()). */
  readonly onChunk: (stream: StreamIndex, chunk: Buffer) => boolean;
  /** Nothing more of the stream is read when this has been called. */
  readonly onFault: (stream: StreamIndex, reason: string) => void;
}

/** Made held: reads from letGo() on. */
export class Intake {
  readonly #fds: readonly [number, number];
  readonly #spool: Spool;
  readonly #sources: readonly Source[];
  #isHeld = true;

  constructor({ fds, readiness, spool, onChunk, onFault }: IntakeOptions) {
    this.#fds = fds;
    this.#spool = spool;
    const sources: Source[] = [];
    this.#sources = sources;
    try {
      for (const stream of [0, 1] as const) {
        const fd = fds[stream];
        sources.push(
          new Source({
            fd,
            readiness,
            take: (into) => spool.take(stream, fd, into),
            onChunk: (chunk) => onChunk(stream, chunk),
            onFault: (reason) => onFault(stream, reason),
          }),
        );
      }
    } catch (error) {
      for (const source of sources) source.close();
      for (const fd of fds.slice(sources.length)) closeSync(fd);
      throw error;
    }
  }

  /** Bytes that the pipes hold now. */
  unread(): Positions {
    const [stdout, stderr] = this.#fds;
    return [bytesInPipe(stdout) ?? 0, bytesInPipe(stderr) ?? 0];
  }

  hold(): void {
    this.#isHeld = true;
    for (const source of this.#sources) source.pause();
  }

  letGo(): void {
    this.#isHeld = false;
    this.readOn();
  }

  /** To be called when there is room again; nothing while it is held. */
  readOn(): void {
    if (!this.#isHeld && !this.#spool.isFull) for (const source of this.#sources) source.resume();
  }

  /** Reads what the pipes hold, stdout first, waiting for `written` whenever onChunk has had enough. To be called held. */
  async drain(written: () => Promise<void>): Promise<void> {
    for (const source of this.#sources) await source.drain(written);
  }

  /** Has what the pipes hold in the spool at once, as far as that has room for it: also while held. */
  secure(): void {
    for (const source of this.#sources) source.drainNow(() => this.#spool.isFull || !this.#spool.isKept);
  }

  close(): void {
    for (const source of this.#sources) source.close();
  }
}
