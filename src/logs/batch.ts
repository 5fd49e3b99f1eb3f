// Output on its way to a log file: one growing buffer of formatted lines with what they stand for.
// Does no I/O and knows no format.
import type { LogFormat } from '../model/unit.ts';
import type { Positions } from './positions.ts';
import type { StreamIndex } from './stream-name.ts';

const NEWLINE = 10;
const SMALL_BYTES = 8 * 1024;
// Slabs are reused because a fresh one of this size costs the kernel a page fault every 4 KiB.
const SLAB_BYTES = 512 * 1024;
const SLABS_KEPT = 4;
const freeSlabs: Buffer[] = [];

const EMPTY = Buffer.alloc(0);

/** Up to `end` of the batch, the stream is in it up to `position`. */
export interface Mark {
  readonly end: number;
  readonly stream: StreamIndex;
  readonly position: number;
}

export class Batch {
  readonly format: LogFormat;
  /** Where the streams stood before it. */
  readonly from: Positions;
  /** Bytes and lines of the unit's own output that the formatted bytes hold. */
  payloadBytes = 0;
  lines = 0;
  #buffer: Buffer = EMPTY;
  #length = 0;
  readonly #marks: Mark[] = [];

  constructor(format: LogFormat, from: Positions) {
    this.format = format;
    this.from = from;
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /** To be called after each chunk: all of `stream` up to `position` is in here, was before, or has been given up. */
  mark(stream: StreamIndex, position: number): void {
    this.#marks.push({ end: this.#length, stream, position });
  }

  get length(): number {
    return this.#length;
  }

  /** The formatted bytes, valid until release(). */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  appendByte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  append(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    // Buffer.copy makes no view object, which set() needs for a part: a third of the time for lines of 100 bytes.
    if (source instanceof Buffer) source.copy(this.#buffer, this.#length, start, end);
    else this.#buffer.set(source.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  /** `prefix`, then `source[start, end)`, then a newline: append() three times, but this is called for every line. */
  appendLine(prefix: Uint8Array, source: Uint8Array, start: number, end: number): void {
    const at = this.#length;
    const newlineAt = at + prefix.length + end - start;
    if (newlineAt >= this.#buffer.length) this.#reserve(newlineAt + 1 - at);
    const buffer = this.#buffer;
    buffer.set(prefix, at);
    if (source instanceof Buffer) source.copy(buffer, at + prefix.length, start, end);
    else buffer.set(source.subarray(start, end), at + prefix.length);
    buffer[newlineAt] = NEWLINE;
    this.#length = newlineAt + 1;
  }

  /** Gives the memory back; the batch must not be used again. */
  release(): void {
    if (this.#buffer.length === SLAB_BYTES && freeSlabs.length < SLABS_KEPT) freeSlabs.push(this.#buffer);
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = bufferFor(needed);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function bufferFor(bytes: number): Buffer {
  if (bytes <= SMALL_BYTES) return Buffer.allocUnsafeSlow(SMALL_BYTES);
  if (bytes <= SLAB_BYTES) return freeSlabs.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  return Buffer.allocUnsafeSlow(bytes * 2);
}
