// Formatted output that waits for the write before it: one write at a time, and one after another. Does no I/O itself.
import type { LogFormat } from '../model/unit.ts';
import { Batch } from './batch.ts';
import type { Positions } from './positions.ts';

// Less costs throughput.
const PAUSE_AT_BYTES = 256 * 1024;

/** Batches of one format each, in the order they came: more than one only around a change of format. */
export class Backlog {
  readonly #write: (batch: Batch) => Promise<void>;
  readonly #batches: Batch[] = [];
  #writing: Promise<void> | null = null;

  /** `write` borrows the batch. */
  constructor(write: (batch: Batch) => Promise<void>) {
    this.#write = write;
  }

  get isWriting(): boolean {
    return this.#writing !== null;
  }

  /** So much waits that nothing more should come before the write has ended. */
  get isLong(): boolean {
    return this.#bytes >= PAUSE_AT_BYTES;
  }

  /** The batch to append to; `from`: where the streams stand before what is to be appended. */
  batchOf(format: LogFormat, from: Positions): Batch {
    const last = this.#batches.at(-1);
    if (last !== undefined && last.format === format) return last;
    const batch = new Batch(format, from);
    this.#batches.push(batch);
    return batch;
  }

  /** Has what waits written as soon as that can be. */
  start(): void {
    if (this.#writing !== null || this.#bytes === 0) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = null;
    });
  }

  /** Has what waits written, and resolves when nothing does any more. */
  async written(): Promise<void> {
    for (this.start(); this.#writing !== null; this.start()) await this.#writing;
  }

  /** Takes out the batches that wait, which are the caller's to release. */
  takeAll(): readonly Batch[] {
    return this.#batches.splice(0);
  }

  get #bytes(): number {
    let bytes = 0;
    for (const batch of this.#batches) bytes += batch.length;
    return bytes;
  }

  async #writeAll(): Promise<void> {
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      await this.#write(batch);
      batch.release();
    }
  }
}
