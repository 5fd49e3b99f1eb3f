// One of a unit's two output streams on its way into batches: how far it has come, of which line the beginning is lost or
// the end has not come, and where its runs end. Does no I/O.
import { NOTHING_CARRIED } from '../core/lines.ts';
import type { Batch } from './batch.ts';
import { encodeBreak, encodeChunk, encodeRest, newStreamState } from './format.ts';
import type { StreamState } from './format.ts';
import { STREAM_NAMES } from './stream-name.ts';
import type { StreamIndex } from './stream-name.ts';

const NEWLINE = 10;

export class OutputStream {
  readonly index: StreamIndex;
  readonly #state: StreamState;
  /** Up to where it has been dealt with: taken from the spool, if not written yet. */
  #position = 0;
  #isHeadless = false;
  /** Something was given up since it was last encoded. */
  #hasGap = false;
  /** Positions at which a run ended, and an unended line with it; those that have not been reached. */
  readonly #runEnds: number[] = [];

  constructor(index: StreamIndex) {
    this.index = index;
    this.#state = newStreamState(STREAM_NAMES[index]);
  }

  /** Up to where it has gone into batches, or been given up: what is behind waits for the end of its line. */
  get encoded(): number {
    return this.#position - this.#state.carry.length;
  }

  /** The line that comes next has lost its beginning: it is dropped to its end. */
  get isHeadless(): boolean {
    return this.#isHeadless;
  }

  /** The beginning of a line is in hand. */
  get hasRest(): boolean {
    return this.#state.carry.length > 0;
  }

  /** Bytes that come before the next end of a run; Infinity where none is known. */
  get bytesToRunEnd(): number {
    return (this.#runEnds[0] ?? Infinity) - this.#position;
  }

  startAt(position: number): void {
    this.#position = position;
  }

  /** What comes behind `position` is the next run's. */
  endRunAt(position: number): void {
    this.#runEnds.push(position);
  }

  /** Whether a run has ended by here that was not told of yet. */
  takeRunEnd(): boolean {
    const [next] = this.#runEnds;
    if (next === undefined || next > this.#position) return false;
    this.#runEnds.shift();
    return true;
  }

  encode(chunk: Buffer, stamp: string, batch: Batch): void {
    // Else the first lines behind it, which may be written alone at a rotation, would stand for less than they do.
    if (this.#hasGap) batch.mark(this.index, this.encoded);
    this.#hasGap = false;
    this.#position += chunk.length;
    encodeChunk(this.#state, chunk, stamp, batch);
    batch.mark(this.index, this.encoded);
  }

  /** The line whose beginning is in hand: as a whole one (`ended`), or as a piece to be continued. */
  encodeRest(ended: boolean, stamp: string, batch: Batch): void {
    encodeRest(this.#state, ended, stamp, batch);
    batch.mark(this.index, this.#position);
  }

  /** Gives up a chunk whole. */
  drop(chunk: Buffer): void {
    this.#position += chunk.length;
    this.#isHeadless = chunk[chunk.length - 1] !== NEWLINE;
  }

  /** Gives up the rest of a line that has lost its beginning, which the chunk begins with: so many bytes. */
  dropTail(chunk: Buffer): number {
    if (!this.#isHeadless) return 0;
    const newline = chunk.indexOf(NEWLINE);
    const lost = newline === -1 ? chunk.length : newline + 1;
    this.#position += lost;
    this.#hasGap = true;
    if (newline !== -1) this.#isHeadless = false;
    return lost;
  }

  /** Gives up the line that has begun, with what of it is in hand: so many bytes. */
  dropBegun(): number {
    const bytes = this.#state.carry.length;
    if (this.#state.open || bytes > 0) this.#isHeadless = true;
    this.#state.carry = NOTHING_CARRIED;
    return bytes;
  }

  /** What comes next begins a line; whether that before it was given up. */
  endLine(): boolean {
    const wasHeadless = this.#isHeadless;
    this.#isHeadless = false;
    return wasHeadless;
  }

  /** Ends a line of which some pieces are in the log and the rest never will be; to be followed by breakWritten(). */
  encodeBreak(stamp: string, batch: Batch): void {
    encodeBreak(this.#state, stamp, batch);
  }

  breakWritten(): void {
    this.#state.open = false;
  }
}
