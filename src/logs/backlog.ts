// Formatted output that waits for the write before it. Does no I/O.
import type { LogFormat } from '../model/unit.ts';
import { Batch } from './batch.ts';
import type { Positions } from './positions.ts';

/** Batches of one format each, in the order they came: more than one only around a change of format. */
export class Backlog {
  readonly #batches: Batch[] = [];

  get bytes(): number {
    let bytes = 0;
    for (const batch of this.#batches) bytes += batch.length;
    return bytes;
  }

  /** The batch to append to; `from`: where the streams stand before what is to be appended. */
  batchOf(format: LogFormat, from: Positions): Batch {
    const last = this.#batches.at(-1);
    if (last !== undefined && last.format === format) return last;
    const batch = new Batch(format, from);
    this.#batches.push(batch);
    return batch;
  }

  /** The first batch, which is the caller's to release. */
  shift(): Batch | undefined {
    return this.#batches.shift();
  }
}
