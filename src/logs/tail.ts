// Finds where in a log to begin reading for its last lines, from the end, so that a long log costs no more than its
// last lines do. Yields no entries.
import { NOTHING_CARRIED, splitLines } from '../core/lines.ts';
import type { LogFormat } from '../model/unit.ts';
import { ENTRY_BYTES } from './joiner.ts';
import { bufferOf, parsedLine } from './parse.ts';
import type { ParsedLine } from './parse.ts';
import { blocksOf, linesBackwards } from './segment.ts';
import type { Segment } from './segment.ts';
import type { StreamName } from './stream-name.ts';

/** How far to look for the first pieces of lines that end among the wanted ones, beyond these and between two pieces. */
const LOOKBACK_BYTES = 256 * 1024;

export interface TailWanted {
  /** How many lines; null: all since `since`. */
  readonly lines: number | null;
  /** The earliest time, as the lines have it; null: any. */
  readonly since: string | null;
  readonly stream: StreamName | null;
}

/** Counts from the end of a log, over its files from the newest to the oldest. */
export class Tail {
  readonly #wanted: TailWanted;
  #found = 0;
  #enough: boolean;
  /** Streams of which a line is wanted whose beginning has not been seen. */
  readonly #unbegun = new Set<ParsedLine['stream']>();
  #beyondBytes = 0;

  constructor(wanted: TailWanted) {
    this.#wanted = wanted;
    this.#enough = wanted.lines === 0;
  }

  /** Nothing before what was looked at is wanted. */
  get done(): boolean {
    return this.#enough && (this.#unbegun.size === 0 || this.#beyondBytes > LOOKBACK_BYTES);
  }

  /** Where in this file (uncompressed) to begin reading. A compressed one is read whole or not at all. */
  async offsetIn(segment: Segment, format: LogFormat, end: number): Promise<number> {
    if (this.done) return end;
    if (segment.compressed) {
      await this.#countIn(segment, format);
      return 0;
    }
    for await (const { start, line } of linesBackwards(segment, end)) {
      this.#look(parsedLine(format, line), line.length);
      if (this.done) return start;
    }
    return 0;
  }

  #look(line: ParsedLine, length: number): void {
    const { since, lines } = this.#wanted;
    if (since !== null && line.time !== null && line.time < since) this.#enough = true;
    if (this.#enough) {
      this.#beyondBytes += length;
      if (line.last) this.#unbegun.delete(line.stream);
      else if (this.#unbegun.has(line.stream)) this.#beyondBytes = 0;
      return;
    }
    if (!line.last || !this.#matches(line)) return;
    this.#found += 1;
    if (line.stream !== null) this.#unbegun.add(line.stream);
    if (lines !== null && this.#found >= lines) this.#enough = true;
  }

  async #countIn(segment: Segment, format: LogFormat): Promise<void> {
    const { since, lines } = this.#wanted;
    let found = 0;
    let carry = NOTHING_CARRIED;
    for await (const block of blocksOf(segment, 0)) {
      carry = splitLines(carry, block, ENTRY_BYTES, (source, start, end) => {
        const line = parsedLine(format, bufferOf(source, start, end));
        if (line.last && this.#matches(line)) found += 1;
        if (since !== null && line.time !== null && line.time < since) this.#enough = true;
      });
      if (since !== null && lines === null && this.#enough) break;
    }
    // Not before the end: what was seen of a damaged file is perhaps not seen again.
    this.#found += found;
    if (lines !== null && this.#found >= lines) this.#enough = true;
    // A line whose first pieces are in the file before is not worth reading that for.
    if (this.#enough) this.#beyondBytes = LOOKBACK_BYTES + 1;
  }

  #matches({ stream }: ParsedLine): boolean {
    return this.#wanted.stream === null || stream === null || stream === this.#wanted.stream;
  }
}
