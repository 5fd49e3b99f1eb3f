// Which bytes of which stream lie where in a spool's file, from the first that is not in the log on. Does no I/O.
import { BEGINNING, moved } from './positions.ts';
import type { Positions } from './positions.ts';
import { BYTES_AT } from './spool-file.ts';
import type { Range, SpoolRecord, SpoolState } from './spool-record.ts';
import type { StreamIndex } from './stream-name.ts';

/** To make room costs a pause of reading: rare enough at this size to be felt less than the pages cost. */
const LARGE_BYTES = 4 * 1024 * 1024;
const MOST_RANGES = 64;
const NOTHING = Buffer.alloc(0);

/** Bytes of one stream that are not in the log, as they were taken. */
export interface Leftover {
  readonly stream: StreamIndex;
  readonly bytes: Buffer;
}

export class SpoolContents {
  #base: Positions = BEGINNING;
  #kept: readonly [Buffer, Buffer] = [NOTHING, NOTHING];
  #ranges: readonly Range[] = [];
  #tail: SpoolState['tail'] = null;
  #end = BYTES_AT;

  /** What a record says of itself and of a file that ends at `end`. */
  load({ state: { base, ranges, tail }, kept }: SpoolRecord, end: number): void {
    this.#base = base;
    this.#kept = kept;
    this.#ranges = ranges;
    this.#end = end;
    // Cut back since: what was said to lie there never came.
    this.#tail = tail !== null && tail.from <= end ? tail : null;
  }

  /** Nothing, from `base` on. */
  startAnew(base: Positions): void {
    this.#base = base;
    this.#kept = [NOTHING, NOTHING];
    this.#ranges = [];
    this.#tail = null;
    this.#end = BYTES_AT;
  }

  /** `left`, all of it to be kept in the record itself, from `base` on. */
  startWith(left: readonly Leftover[], base: Positions): void {
    this.startAnew(base);
    const keptOf = (index: StreamIndex): Buffer =>
      Buffer.concat(left.flatMap(({ stream, bytes }) => (stream === index ? [bytes] : [])));
    this.#kept = [keptOf(0), keptOf(1)];
  }

  /** For a record. */
  get said(): Pick<SpoolState, 'base' | 'ranges' | 'tail'> {
    return { base: this.#base, ranges: this.#ranges, tail: this.#tail };
  }

  get kept(): readonly [Buffer, Buffer] {
    return this.#kept;
  }

  /** Where the next bytes are to go. */
  get end(): number {
    return this.#end;
  }

  get isLarge(): boolean {
    return this.#end - BYTES_AT >= LARGE_BYTES || this.#ranges.length >= MOST_RANGES;
  }

  /** Up to where the streams are in here, or were. */
  get taken(): Positions {
    const [stdout, stderr] = this.#kept;
    let taken = moved(moved(this.#base, 0, stdout.length), 1, stderr.length);
    for (const { stream, from, to } of this.#closedRanges()) taken = moved(taken, stream, to - from);
    return taken;
  }

  /** Whether what is added is said to be this stream's. */
  isAt(stream: StreamIndex): boolean {
    return this.#tail?.stream === stream;
  }

  /** What is added from now on is this stream's: to be in a record before it is. */
  turnTo(stream: StreamIndex): void {
    this.#ranges = this.#closedRanges();
    this.#tail = { stream, from: this.#end };
  }

  added(bytes: number): void {
    this.#end += bytes;
  }

  /** Lets go of what lies at the beginning and is done with; the next record says so. */
  prune(done: Positions): void {
    const base: [number, number] = [...this.#base];
    const isHeld: [boolean, boolean] = [false, false];
    const isDone = (stream: StreamIndex, bytes: number): boolean => {
      isHeld[stream] ||= base[stream] + bytes > done[stream];
      if (!isHeld[stream]) base[stream] += bytes;
      return !isHeld[stream];
    };
    const [stdout, stderr] = this.#kept;
    this.#kept = [isDone(0, stdout.length) ? NOTHING : stdout, isDone(1, stderr.length) ? NOTHING : stderr];
    this.#ranges = this.#ranges.filter(({ stream, from, to }) => !isDone(stream, to - from));
    this.#base = base;
  }

  /** What was taken behind `done`, in the order in which it was taken; `read` is asked for nothing else. */
  leftBehind(done: Positions, read: (into: Buffer, at: number) => void): readonly Leftover[] {
    const skip: [number, number] = [done[0] - this.#base[0], done[1] - this.#base[1]];
    const skippedOf = (stream: StreamIndex, bytes: number): number => {
      const skipped = Math.min(skip[stream], bytes);
      skip[stream] -= skipped;
      return skipped;
    };
    const left: Leftover[] = [];
    for (const stream of [0, 1] as const) {
      const kept = this.#kept[stream];
      const bytes = kept.subarray(skippedOf(stream, kept.length));
      if (bytes.length > 0) left.push({ stream, bytes });
    }
    for (const { stream, from, to } of this.#closedRanges()) {
      const at = from + skippedOf(stream, to - from);
      if (at === to) continue;
      const bytes = Buffer.allocUnsafeSlow(to - at);
      read(bytes, at);
      left.push({ stream, bytes });
    }
    return left;
  }

  #closedRanges(): readonly Range[] {
    if (this.#tail === null || this.#tail.from >= this.#end) return this.#ranges;
    return [...this.#ranges, { ...this.#tail, to: this.#end }];
  }
}
