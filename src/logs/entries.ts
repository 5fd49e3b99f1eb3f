// Turns the bytes of log files, block after block, into the entries that are wanted: cut into lines, pieces of long ones
// put together. Does no I/O.
import { NOTHING_CARRIED, splitLines } from '../core/lines.ts';
import type { LogFormat } from '../model/unit.ts';
import type { LogEntry } from '../wire/log-entry.ts';
import { ENTRY_BYTES, Joiner } from './joiner.ts';
import { bufferOf, parsedLine } from './parse.ts';
import type { StreamName } from './stream-name.ts';

/** Of one log, over its files in their order. */
export class Entries {
  readonly #stream: StreamName | null;
  #since: string | null;
  readonly #joiner = new Joiner();
  #carry: Uint8Array = NOTHING_CARRIED;

  /** `since`: the earliest time, as lines have it. Entries without stream or time (raw) are wanted whatever is asked for. */
  constructor(stream: StreamName | null, since: string | null) {
    this.#stream = stream;
    this.#since = since;
  }

  get since(): string | null {
    return this.#since;
  }

  /** From here on any time is wanted. */
  wantAnyTime(): void {
    this.#since = null;
  }

  /** Those that the block completes. */
  in(block: Buffer, format: LogFormat): LogEntry[] {
    const entries: LogEntry[] = [];
    this.#carry = splitLines(this.#carry, block, ENTRY_BYTES, (source, start, end) => {
      this.#take(bufferOf(source, start, end), format, entries);
    });
    return entries;
  }

  /** A line without a newline at the end of a file that is complete: raw output, or torn by a crash. */
  endOfFile(format: LogFormat): LogEntry[] {
    const entries: LogEntry[] = [];
    if (this.#carry.length > 0) this.#take(bufferOf(this.#carry, 0, this.#carry.length), format, entries);
    this.#carry = NOTHING_CARRIED;
    return entries;
  }

  /** The file has been emptied: of its last line nothing more comes. */
  forgetLine(): void {
    this.#carry = NOTHING_CARRIED;
  }

  /** Of lines whose last piece is not there, what is. */
  rest(): LogEntry[] {
    return this.#joiner.rest().filter((entry) => this.#isWanted(entry));
  }

  #take(line: Buffer, format: LogFormat, entries: LogEntry[]): void {
    const entry = this.#joiner.take(parsedLine(format, line));
    if (entry !== null && this.#isWanted(entry)) entries.push(entry);
  }

  #isWanted({ time, stream }: LogEntry): boolean {
    if (this.#stream !== null && stream !== null && stream !== this.#stream) return false;
    return this.#since === null || time === null || time >= this.#since;
  }
}
