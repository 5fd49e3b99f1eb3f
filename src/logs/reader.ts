// Reads one unit's log over all its files, oldest wanted line first, and on from there as the log grows and is rotated.
// Neither misses nor repeats a line at a rotation. Waits for nothing: whoever follows says when to look again. For a
// file that cannot be read, or the directory, an entry that says so stands in the place of its lines.
import { join } from 'node:path';
import type { LogFormat } from '../model/unit.ts';
import type { LogEntry } from '../wire/log-entry.ts';
import { codeOf, pathOf, phraseOf } from '../base/fault.ts';
import { Entries } from './entries.ts';
import { headOf, identityOf, statusOf } from './inspect.ts';
import { lastEntries } from './last-entries.ts';
import { CURRENT } from './names.ts';
import type { RotatedFile } from './names.ts';
import { formatOf, HEAD_BYTES } from './parse.ts';
import { rotatedForm, rotatedSince } from './rotations.ts';
import { blocksOf, openSegment } from './segment.ts';
import type { Segment } from './segment.ts';
import type { StreamName } from './stream-name.ts';
import { Tail } from './tail.ts';

export interface LogQuery {
  /** LOGDIR/NAME; one that does not exist is an empty log. */
  readonly directory: string;
  /** The last so many; null: all. */
  readonly lines: number | null;
  /**
   * Only what is not older, in milliseconds since the epoch; null: any. Lines without a time (raw) go by the time of
   * their file's last line: all of a file or nothing.
   */
  readonly sinceMs: number | null;
  /** Lines that keep no stream (raw) are of any. */
  readonly stream: StreamName | null;
}

const NEWLINE = 10;

/**
 * Owns the descriptor of the file it is in, until close(). What is wrong with `current` or the directory is said once,
 * until something can be read again.
 */
export class LogReader {
  readonly #query: LogQuery;
  readonly #entries: Entries;
  /** `current` as it was when it was opened, whatever it is called now; null: there was none. */
  #current: Segment | null = null;
  #format: LogFormat | null = null;
  #position = 0;
  /** The last rotated file that was there when `#current` was opened, or has been read since. */
  #newest: RotatedFile | null = null;
  /** Why there is no `#current` though there may be a file. */
  #fault: Error | null = null;
  /** What was said last of `current` and the directory; null: they have been read since. */
  #trouble: string | null = null;
  #hasBegun = false;

  constructor(query: LogQuery) {
    this.#query = query;
    const since = query.sinceMs === null ? null : new Date(query.sinceMs).toISOString().slice(0, -1);
    this.#entries = new Entries(query.stream, since);
  }

  /** What the log holds now, by the query; `final`: also a line that has begun and not ended. */
  async *history(final: boolean): AsyncGenerator<LogEntry> {
    try {
      yield* this.#history(final);
    } catch (error) {
      yield* this.#notice(error);
    }
  }

  async *#history(final: boolean): AsyncGenerator<LogEntry> {
    const files = await this.#openCurrent();
    this.#hasBegun = true;
    const { lines, stream } = this.#query;
    const { since } = this.#entries;
    const tail = new Tail({ lines, since, stream });
    const offsets = new Map<RotatedFile, number>();
    const limited = lines !== null || since !== null;
    if (this.#current !== null && limited) this.#position = await this.#offsetInCurrent(this.#current, tail);
    for (const file of files.toReversed()) {
      if (tail.done) break;
      const offset = limited ? await this.#offsetIn(file, tail) : 0;
      if (offset === 'too old') break;
      if (offset !== null) offsets.set(file, offset);
    }
    const read = (reader: LogReader): AsyncGenerator<LogEntry> => reader.#historyFrom(files, offsets, final);
    yield* lines === null ? read(this) : lastEntries(read(this), lines, () => read(this.#twin()));
    // What comes is wanted also when the clock has been set back.
    this.#entries.wantAnyTime();
  }

  async #offsetInCurrent(current: Segment, tail: Tail): Promise<number> {
    try {
      const { size } = await current.handle.stat();
      const format = await this.#formatOfCurrent();
      const tooOld = format === 'raw' && current.modifiedMs < (this.#query.sinceMs ?? 0);
      return tooOld ? size : await tail.offsetIn(current, format, size);
    } catch (error) {
      if (codeOf(error) === null) throw error;
      // Read once more, for the notice.
      return 0;
    }
  }

  /** Where in a rotated file to begin; null: it is gone. */
  async #offsetIn(file: RotatedFile, tail: Tail): Promise<number | 'too old' | null> {
    let segment: Segment | null = null;
    try {
      segment = await openSegment(this.#query.directory, file.name);
      if (segment === null) return null;
      if (segment.modifiedMs < (this.#query.sinceMs ?? -Infinity)) return 'too old';
      const end = segment.compressed ? 0 : (await segment.handle.stat()).size;
      return await tail.offsetIn(segment, file.format, end);
    } catch (error) {
      if (codeOf(error) === null) throw error;
      // Read once more, for the notice.
      return 0;
    } finally {
      await segment?.handle.close();
    }
  }

  async *#historyFrom(
    files: readonly RotatedFile[],
    offsets: ReadonlyMap<RotatedFile, number>,
    final: boolean,
  ): AsyncGenerator<LogEntry> {
    for (const file of files) {
      const offset = offsets.get(file);
      if (offset !== undefined) yield* this.#wholeFile(file, offset);
    }
    try {
      yield* this.#toEnd();
    } catch (error) {
      yield* this.#notice(error);
    }
    if (!final) return;
    // The end of a file that keeps formatted lines may be in the middle of being written; a raw line is as it is.
    if ((await this.#formatOfCurrent()) === 'raw') yield* this.#entries.endOfFile('raw');
    yield* this.#entries.rest();
  }

  /** What has come since the last call, through any number of rotations. */
  async *news(): AsyncGenerator<LogEntry> {
    try {
      yield* this.#hasBegun ? this.#news() : this.#history(false);
    } catch (error) {
      yield* this.#notice(error);
    }
  }

  async *#news(): AsyncGenerator<LogEntry> {
    for (;;) {
      // The name first, then the bytes: a file that has lost its name gets no more, so this read is its last.
      const named = identityOf(await statusOf(join(this.#query.directory, CURRENT)).catch(() => null));
      if (this.#current !== null) {
        yield* this.#toEnd();
        if (named === this.#current.identity) return;
      }
      yield* this.#leaveCurrent();
      const files = await this.#openCurrent();
      for (const file of files) yield* this.#wholeFile(file, 0);
      if (this.#fault !== null) throw this.#fault;
      if (this.#current === null) return;
    }
  }

  async close(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    await current?.handle.close();
  }

  /** Ends with the file that is open and remembers which rotated file it has become. */
  async *#leaveCurrent(): AsyncGenerator<LogEntry> {
    const current = this.#current;
    if (current === null) return;
    yield* this.#entries.endOfFile(this.#format ?? 'raw');
    const { directory } = this.#query;
    this.#newest = (await rotatedForm(directory, current, this.#newest)) ?? this.#newest;
    await this.close();
  }

  /** One that stands where this one does, in a file that stays this one's. */
  #twin(): LogReader {
    const twin = new LogReader(this.#query);
    twin.#current = this.#current;
    twin.#position = this.#position;
    twin.#fault = this.#fault;
    return twin;
  }

  /** Opens `current` and returns the rotated files before it that are new; no rotation falls between the two. */
  async #openCurrent(): Promise<readonly RotatedFile[]> {
    const { directory } = this.#query;
    for (;;) {
      const before = await rotatedSince(directory, this.#newest);
      this.#fault = null;
      let current: Segment | null = null;
      try {
        current = await openSegment(directory, CURRENT);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        this.#fault = error;
      }
      let after: readonly RotatedFile[];
      try {
        after = await rotatedSince(directory, this.#newest);
      } catch (error) {
        await current?.handle.close();
        throw error;
      }
      if (before.at(-1)?.name !== after.at(-1)?.name) {
        await current?.handle.close();
        continue;
      }
      this.#newest = after.at(-1) ?? this.#newest;
      this.#current = current;
      this.#format = null;
      this.#position = 0;
      return after;
    }
  }

  async *#wholeFile(file: RotatedFile, offset: number): AsyncGenerator<LogEntry> {
    let segment: Segment | null = null;
    try {
      segment = await openSegment(this.#query.directory, file.name);
      if (segment === null) return;
      for await (const block of blocksOf(segment, offset)) yield* this.#entries.in(block, file.format);
      yield* this.#entries.endOfFile(file.format);
    } catch (error) {
      if (codeOf(error) === null) throw error;
      yield* this.#entries.endOfFile(file.format);
      yield* this.#entries.rest();
      // All in it was written before its rotation; its modification time may be that of the damage.
      if (this.#entries.since === null || file.stampMs >= (this.#query.sinceMs ?? 0))
        yield noticeOf(file.name, error);
    } finally {
      await segment?.handle.close();
    }
  }

  async *#toEnd(): AsyncGenerator<LogEntry> {
    const current = this.#current;
    if (this.#fault !== null) throw this.#fault;
    if (current === null) return;
    const { size } = await current.handle.stat();
    if (size < this.#position) {
      // Emptied by someone: what is there now is new.
      this.#position = 0;
      this.#entries.forgetLine();
    }
    if (size > this.#position) {
      const format = await this.#formatOfCurrent();
      for await (const block of blocksOf(current, this.#position)) {
        this.#position += block.length;
        yield* this.#entries.in(block, format);
      }
    }
    this.#trouble = null;
  }

  async #formatOfCurrent(): Promise<LogFormat> {
    if (this.#format !== null) return this.#format;
    if (this.#current === null) return 'raw';
    const head = await headOf(this.#current.handle);
    const format = formatOf(head);
    // Until a line has ended, what is there may be the beginning of any format.
    if (head.length === HEAD_BYTES || head.includes(NEWLINE)) this.#format = format;
    return format;
  }

  /** For what cannot be read of `current` or the directory. */
  *#notice(error: unknown): Generator<LogEntry> {
    if (codeOf(error) === null) throw error;
    const notice = noticeOf(pathOf(error) ?? CURRENT, error);
    if (notice.text !== this.#trouble) yield notice;
    this.#trouble = notice.text;
  }
}

/** Stands for the lines of a file that cannot be read. */
function noticeOf(name: string, error: unknown): LogEntry {
  const text = `unitd: lines are missing here: cannot read "${name}": ${phraseOf(error)}`;
  return { time: null, stream: null, text };
}
