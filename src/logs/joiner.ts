// Puts the pieces of long lines together again, per stream, across files. Does no I/O.
import type { LogEntry } from '../wire/log-entry.ts';
import type { ParsedLine } from './parse.ts';

/** A longer line is handed on in entries of this size: one string cannot hold just any line. */
export const ENTRY_BYTES = 64 * 1024 * 1024;

interface Begun {
  readonly time: string | null;
  readonly pieces: Buffer[];
  bytes: number;
}

export class Joiner {
  readonly #begun = new Map<ParsedLine['stream'], Begun>();

  /** null: the line goes on. The bytes of `line` are borrowed. */
  take(line: ParsedLine): LogEntry | null {
    const begun = this.#begun.get(line.stream);
    if (begun === undefined && line.last) return entryOf(line.time, line.stream, line.text);
    const { time, pieces, bytes } = begun ?? { time: line.time, pieces: [], bytes: 0 };
    pieces.push(Buffer.from(line.text));
    const total = bytes + line.text.length;
    if (line.last || total >= ENTRY_BYTES) {
      this.#begun.delete(line.stream);
      return entryOf(time, line.stream, Buffer.concat(pieces, total));
    }
    this.#begun.set(line.stream, { time, pieces, bytes: total });
    return null;
  }

  /** What has begun and has no end in the log. */
  rest(): LogEntry[] {
    const entries = [...this.#begun].map(([stream, { time, pieces }]) =>
      entryOf(time, stream, Buffer.concat(pieces)),
    );
    this.#begun.clear();
    return entries;
  }
}

function entryOf(time: string | null, stream: ParsedLine['stream'], text: Buffer): LogEntry {
  return { time, stream, text: text.toString('utf8') };
}
