// Reads one of a unit's output pipes: when there is something, or to the end of what is there. Knows bytes, not lines.
import { closeSync, readSync } from 'node:fs';
import type { Readiness, Watched } from '../os/ports.ts';
import { codeOf, phraseOf } from '../base/fault.ts';

// One buffer for all units: every chunk is dealt with before the next is taken.
const CHUNK_BYTES = 128 * 1024;
const shared = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/** Then the other units have their turn. */
const CHUNKS_IN_A_ROW = 4;

/** What a call of drain() reads at most: several times a pipe's usual capacity. */
const DRAIN_BYTES = 4 * 1024 * 1024;

export interface SourceOptions {
  /** A non-blocking descriptor; the source owns and closes it. */
  readonly fd: number;
  readonly readiness: Readiness;
  /** Puts what the pipe holds into the buffer, as far as it fits. 0: nothing there now. */
  readonly take: (into: Buffer) => number;
  /** Borrowed bytes; what it returns says whether to read on at once (false: after resume()). */
  readonly onChunk: (chunk: Buffer) => boolean;
  /** Nothing more is read when this has been called. */
  readonly onFault: (reason: string) => void;
}

/** Made in a pause: reads from the first resume() on. */
export class Source {
  readonly #options: SourceOptions;
  readonly #watched: Watched;
  #isPaused = true;
  /** It will be told when there is something to read. */
  #isArmed = true;
  #turn: NodeJS.Immediate | null = null;
  #isClosed = false;
  #isFaulty = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#watched = options.readiness.watch(options.fd, () => {
      this.#isArmed = false;
      this.#read();
    });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isArmed) this.#readLater();
  }

  /**
   * Reads until the pipe is empty, waiting for `written` whenever onChunk has had enough. Bounded, so that a writer
   * that never rests cannot hold it. To be called while paused.
   */
  async drain(written: () => Promise<void>): Promise<void> {
    for (let total = 0; total < DRAIN_BYTES && !this.#isClosed;) {
      const bytes = this.#take();
      if (bytes === 0) return;
      total += bytes;
      if (!this.#options.onChunk(shared.subarray(0, bytes))) await written();
    }
  }

  /** Reads until the pipe is empty or it is enough, in one go: also while paused, and whatever onChunk says. */
  drainNow(isEnough: () => boolean): void {
    while (!this.#isClosed && !isEnough()) {
      const bytes = this.#take();
      if (bytes === 0) return;
      this.#options.onChunk(shared.subarray(0, bytes));
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#watched.close();
    closeSync(this.#options.fd);
  }

  #readLater(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      this.#read();
    });
  }

  #read(): void {
    for (let count = 0; count < CHUNKS_IN_A_ROW; count++) {
      if (this.#isPaused || this.#isClosed || this.#isFaulty) return;
      const bytes = this.#take();
      if (bytes === 0) {
        this.#arm();
        return;
      }
      if (!this.#options.onChunk(shared.subarray(0, bytes))) this.#isPaused = true;
    }
    if (!this.#isPaused) this.#readLater();
  }

  #arm(): void {
    if (this.#isFaulty) return;
    this.#isArmed = true;
    this.#watched.arm();
  }

  #take(): number {
    if (this.#isFaulty) return 0;
    try {
      return this.#options.take(shared);
    } catch (error) {
      this.#isFaulty = true;
      this.#options.onFault(phraseOf(error));
      return 0;
    }
  }
}

/** What a pipe holds, as far as it fits. 0: nothing there now. */
export function readNow(fd: number, into: Buffer): number {
  try {
    return readSync(fd, into, 0, into.length, null);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN' || codeOf(error) === 'EINTR') return 0;
    throw error;
  }
}
