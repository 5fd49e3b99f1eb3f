// Reads one end of a unit's output pipe: event driven, or to the end of what is there. Knows bytes, not lines.
import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';
import { phraseOf } from './fault.ts';

// One buffer for all units: every chunk is dealt with before the next read.
const CHUNK_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/** What a call of drain() reads at most: several times a pipe's usual capacity. */
const DRAIN_BYTES = 4 * 1024 * 1024;

export interface SourceOptions {
  /** A non-blocking descriptor; the source owns and closes it. */
  readonly fd: number;
  /** Borrowed bytes; what it returns says whether to read on at once (false: after resume()). */
  readonly onChunk: (chunk: Buffer) => boolean;
  readonly onFault: (reason: string) => void;
}

export class Source {
  readonly #fd: number;
  readonly #onChunk: (chunk: Buffer) => boolean;
  readonly #socket: Socket;

  constructor({ fd, onChunk, onFault }: SourceOptions) {
    this.#fd = fd;
    this.#onChunk = onChunk;
    // libuv reads up to 32 times in a row unless it is told to stop.
    const onread: OnReadOpts = { buffer: shared, callback: (bytes) => onChunk(shared.subarray(0, bytes)) };
    const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
      fd,
      readable: true,
      writable: false,
      onread,
    };
    this.#socket = new Socket(options);
    this.#socket.on('error', (error) => onFault(phraseOf(error)));
    this.#socket.resume();
  }

  pause(): void {
    if (!this.#socket.destroyed) this.#socket.pause();
  }

  resume(): void {
    if (!this.#socket.destroyed) this.#socket.resume();
  }

  /**
   * Reads until the pipe is empty, waiting for `written` whenever onChunk has had enough. Bounded, so that a writer
   * that never rests cannot hold it. To be called while paused.
   */
  async drain(written: () => Promise<void>): Promise<void> {
    for (let total = 0; total < DRAIN_BYTES && !this.#socket.destroyed;) {
      const bytes = readNow(this.#fd);
      if (bytes === 0) return;
      total += bytes;
      if (!this.#onChunk(shared.subarray(0, bytes))) await written();
    }
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }
}

/** 0: nothing there now. A fault of the descriptor shows in the event loop. */
function readNow(fd: number): number {
  try {
    return readSync(fd, shared, 0, CHUNK_BYTES, null);
  } catch {
    return 0;
  }
}
