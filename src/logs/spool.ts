// Keeps what was taken from a unit's two pipes until it is in the log, in a file that outlives a kill of the daemon.
// Knows bytes and how far they are dealt with; never lines, and nothing of log files but which append was begun.
//
// The rules, which hold for SIGKILL between any two instructions and within any system call:
//
// 1. Bytes leave a pipe by splice(2) alone, to the end of the file: one system call, in which the kernel takes out of
//    the pipe exactly what it has put into the file. So each byte is in one of them, never in both or in neither, and
//    how many were taken is what the file has grown by. (iter_file_splice_write in fs/splice.c)
// 2. What the bytes are is said by a record: which ranges belong to which stream, up to where the streams are in the
//    log (`done`), and which append to the log is under way. The bytes that count are those of the record's ranges,
//    and what lies behind the start of its tail. A record is written before the splice that makes it true when the
//    stream changes, and never for another splice of the same stream.
// 3. There are two places for records, used in turn. The valid one with the later number holds; one that a kill has
//    torn fails its sum, and the one before it holds, as if nothing had been done. Numbers go round: a unit that says
//    much in small pieces uses 32 bits of them up in weeks.
// 4. Before each append to the log a record says: this file, of this size, will grow by this many bytes, and then the
//    streams are in the log up to here. After it another record says that it is so. An append never spans a rotation.
// 5. Who finds a record with an append under way looks at the file (see append.ts): has it grown by all of it, then it
//    is done; else the file is cut back to the size before, and the bytes are written again from here.
// 6. When all that was taken is in the log, the file is emptied: an empty file says that nothing is at stake, and
//    costs no memory where files are in memory. When it has grown large and only unfinished lines are left, they
//    go into a record, without ranges and tail, and then the file is cut back to its records.
// 7. When a run has ended, a record says up to where the streams are its own, unread bytes in the pipes included, before
//    the next run can write a byte. It stands until the streams are in the log up to there.
// 8. All of it is worth something within one boot only: the pipes do not survive one either.
//
// Where the file cannot be had or written (a full or read-only runtime directory), the pipes are read as usual and the
// file is removed: then a kill costs what was read and not yet written. It is tried again after a while.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { constants as system } from 'node:os';
import { isSameBoot } from '../os/boot-id.ts';
import { bytesInPipe, errnoName, spliceToFile } from '../os/libc.ts';
import { raisedFd } from '../os/fifo.ts';
import type { Clock } from '../os/ports.ts';
import { codeOf, phraseOf } from '../base/fault.ts';
import { BEGINNING, bytesBetween, isSame, moved, sum } from './positions.ts';
import type { Positions } from './positions.ts';
import { decodeRecord, encodeRecord, isLater, sequenceAfter } from './spool-record.ts';
import { readNow } from './source.ts';
import type { Append, Range, SpoolState } from './spool-record.ts';
import type { StreamIndex } from './stream-name.ts';

const SLOT_BYTES = 64 * 1024;
/** Where bytes begin, behind the places of two records. Untouched parts of these cost no memory. */
const BYTES_AT = 2 * SLOT_BYTES;
/** A record has room for two unfinished lines (see PIECE_BYTES), its text beside them. */
const KEPT_BYTES = 40 * 1024;
/** To make room costs a pause of reading: rare enough at this size to be felt less than the pages cost. */
const LARGE_BYTES = 4 * 1024 * 1024;
const MOST_RANGES = 64;
/** In a record, which has no room for more: the nearest ones. */
const MOST_RUN_ENDS = 512;
const RETRY_MS = 60_000;
const NOTHING = Buffer.alloc(0);

export interface SpoolOptions {
  readonly path: string;
  /** Of the kernel's boot: what another one left is not looked at. */
  readonly bootId: string;
  readonly clock: Clock;
  /** The file cannot be used, with a phrase that says why: `ENOSPC: no space left on device`. */
  readonly onFault: (reason: string) => void;
}

/** Bytes of one stream that are not in the log, as they were taken. */
export interface Leftover {
  readonly stream: StreamIndex;
  readonly bytes: Buffer;
}

export class Spool {
  readonly #options: SpoolOptions;
  #fd: number | null = null;
  #sequence = 0;
  #base: Positions = BEGINNING;
  #done: Positions = BEGINNING;
  #taken: Positions = BEGINNING;
  #kept: readonly [Buffer, Buffer] = [NOTHING, NOTHING];
  #ranges: readonly Range[] = [];
  #tail: SpoolState['tail'] = null;
  #append: Append | null = null;
  #runEnds: Positions[] = [];
  #end = BYTES_AT;
  #retryAtMs = 0;
  #isAbandoned = false;

  /** Takes up what an earlier daemon left at the path; makes nothing. */
  constructor(options: SpoolOptions) {
    this.#options = options;
    try {
      this.#fd = raisedFd(openSync(options.path, constants.O_RDWR | constants.O_NOFOLLOW));
      this.#load();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#fail(error);
    }
  }

  /** Up to where the streams have been taken from the pipes. */
  get taken(): Positions {
    return this.#taken;
  }

  /** Nothing more should be taken before what was taken is in the log. */
  get isFull(): boolean {
    return this.#fd !== null && (this.#end - BYTES_AT >= LARGE_BYTES || this.#ranges.length >= MOST_RANGES);
  }

  /** The append that an earlier daemon had begun, if its end is not known. */
  get begun(): Append | null {
    return this.#append;
  }

  /** Where runs ended of which not all is in the log. */
  get runEnds(): readonly Positions[] {
    return this.#runEnds;
  }

  /**
   * The pipes hold so much that was not taken. The kernel lets go of that with the last process that has them open:
   * what comes in its place is another run's. To be called before anybody can write.
   */
  unread(bytes: Positions): void {
    const most = sum(this.#taken, bytes);
    const runEnds = this.#runEnds.map(([stdout, stderr]): Positions => [
      Math.min(stdout, most[0]),
      Math.min(stderr, most[1]),
    ]);
    if (runEnds.every((end, index) => isSame(end, this.#runEnds[index] ?? end))) return;
    this.#runEnds = runEnds;
    this.#record();
  }

  /** A run has ended: what comes behind these positions is the next one's. */
  endRun(at: Positions): void {
    if (isSame(at, this.#runEnds.at(-1) ?? this.#done)) return;
    this.#runEnds.push(at);
    if (this.#runEnds.length <= MOST_RUN_ENDS && this.#isReady()) this.#record();
  }

  /** Has it settled what became of `begun`, and gives what is not in the log; to be called first of all. */
  resume(isAppended: boolean): readonly Leftover[] {
    if (this.#fd === null) return [];
    try {
      const done = this.#append !== null && isAppended ? this.#append.after : this.#done;
      const left = this.#leftovers(done);
      this.appended(done);
      return left;
    } catch (error) {
      this.#fail(error);
      return [];
    }
  }

  /** Takes from a pipe what is there, at most a buffer full: into the file, and into `into`. 0: nothing there now. */
  take(stream: StreamIndex, pipeFd: number, into: Buffer): number {
    const bytes = (this.#isReady() ? this.#splice(stream, pipeFd, into) : null) ?? readNow(pipeFd, into);
    this.#taken = moved(this.#taken, stream, bytes);
    return bytes;
  }

  /** The log is about to be appended to. */
  appending(append: Append): void {
    if (this.#fd === null) return;
    this.#append = append;
    this.#record();
  }

  /** Up to `done` the streams are in the log, or given up: they are no longer needed here. */
  appended(done: Positions): void {
    this.#done = done;
    this.#append = null;
    this.#runEnds = this.#runEnds.filter(([stdout, stderr]) => stdout > done[0] || stderr > done[1]);
    if (this.#fd === null) return;
    this.#prune();
    if (this.#isOver) this.#empty();
    else if (this.isFull && bytesBetween(done, this.#taken) <= KEPT_BYTES) this.#makeRoom();
    else this.#record();
  }

  /** What is not in the log at close() is there for another daemon. */
  get isKept(): boolean {
    return this.#fd !== null && !this.#isAbandoned;
  }

  /** The path may belong to another spool from now on. */
  abandon(): void {
    if (!this.#isAbandoned) remove(this.#options.path);
    this.#isAbandoned = true;
  }

  /** Leaves the file to the next daemon if something in it is not in the log. */
  close(): void {
    if (this.#fd === null) return;
    if (!this.#isAbandoned && this.#isOver) remove(this.#options.path);
    closeSync(this.#fd);
    this.#fd = null;
  }

  /** Nothing is left that another daemon would have to know. */
  get #isOver(): boolean {
    return isSame(this.#done, this.#taken) && this.#runEnds.length === 0;
  }

  #isReady(): boolean {
    if (this.#fd !== null) return true;
    if (this.#isAbandoned || !isSame(this.#done, this.#taken)) return false;
    const { path, clock } = this.#options;
    if (clock.monotonicMs() < this.#retryAtMs) return false;
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
      this.#fd = raisedFd(openSync(path, flags, 0o600));
      this.#startAnew(this.#taken);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** null: the file failed, and nothing was taken. */
  #splice(stream: StreamIndex, pipeFd: number, into: Buffer): number | null {
    if (this.#tail?.stream !== stream) {
      // Else two streams that are looked at in turn cost a record each, whether they say anything or not.
      if (bytesInPipe(pipeFd) === 0) return 0;
      this.#ranges = this.#closedRanges();
      this.#tail = { stream, from: this.#end };
      if (!this.#record()) return null;
    }
    if (this.#fd === null) return null;
    const { bytes, errno } = spliceToFile(pipeFd, this.#fd, this.#end, into.length);
    if (bytes === 0) {
      if (errno === 0 || errno === system.errno.EAGAIN || errno === system.errno.EINTR) return 0;
      this.#fail(new Error(errnoName(errno)));
      return null;
    }
    const from = this.#end;
    this.#end += bytes;
    try {
      readFully(this.#fd, into.subarray(0, bytes), from);
      return bytes;
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  #record(): boolean {
    if (this.#fd === null) return false;
    this.#sequence = sequenceAfter(this.#sequence);
    const state: SpoolState = {
      boot: this.#options.bootId,
      base: this.#base,
      done: this.#done,
      ranges: this.#ranges,
      tail: this.#tail,
      append: this.#append,
      runEnds: this.#runEnds.slice(0, MOST_RUN_ENDS),
    };
    try {
      const record = encodeRecord({ sequence: this.#sequence, state, kept: this.#kept });
      const written = writeSync(this.#fd, record, 0, record.length, (this.#sequence % 2) * SLOT_BYTES);
      if (written < record.length) throw new Error('a short write');
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #empty(): void {
    if (this.#fd === null) return;
    try {
      ftruncateSync(this.#fd, 0);
      this.#startAnew(this.#taken);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Lets go of what lies at the beginning and is done with; the next record says so. */
  #prune(): void {
    const base: [number, number] = [...this.#base];
    const isHeld: [boolean, boolean] = [false, false];
    const isDone = (stream: StreamIndex, bytes: number): boolean => {
      isHeld[stream] ||= base[stream] + bytes > this.#done[stream];
      if (!isHeld[stream]) base[stream] += bytes;
      return !isHeld[stream];
    };
    const [stdout, stderr] = this.#kept;
    this.#kept = [isDone(0, stdout.length) ? NOTHING : stdout, isDone(1, stderr.length) ? NOTHING : stderr];
    this.#ranges = this.#ranges.filter(({ stream, from, to }) => !isDone(stream, to - from));
    this.#base = base;
  }

  #makeRoom(): void {
    if (this.#fd === null) return;
    try {
      const left = this.#leftovers(this.#done);
      const [stdout, stderr] = ([0, 1] as const).map((index) =>
        Buffer.concat(left.flatMap(({ stream, bytes }) => (stream === index ? [bytes] : []))),
      );
      this.#startAnew(this.#done);
      this.#kept = [stdout ?? NOTHING, stderr ?? NOTHING];
      if (this.#record()) ftruncateSync(this.#fd, BYTES_AT);
    } catch (error) {
      this.#fail(error);
    }
  }

  #startAnew(base: Positions): void {
    this.#base = base;
    this.#kept = [NOTHING, NOTHING];
    this.#ranges = [];
    this.#tail = null;
    this.#end = BYTES_AT;
  }

  #closedRanges(): readonly Range[] {
    if (this.#tail === null || this.#tail.from >= this.#end) return this.#ranges;
    return [...this.#ranges, { ...this.#tail, to: this.#end }];
  }

  /** What was taken behind `done`, in the order in which it was taken. */
  #leftovers(done: Positions): readonly Leftover[] {
    const fd = this.#fd;
    if (fd === null) return [];
    const kept = this.#kept.map((bytes, index): Leftover => ({ stream: index === 0 ? 0 : 1, bytes }));
    const ranges = this.#closedRanges().map(({ stream, from, to }): Leftover => {
      const bytes = Buffer.allocUnsafeSlow(to - from);
      readFully(fd, bytes, from);
      return { stream, bytes };
    });
    const skip: [number, number] = [done[0] - this.#base[0], done[1] - this.#base[1]];
    return [...kept, ...ranges].flatMap(({ stream, bytes }) => {
      const skipped = Math.min(skip[stream], bytes.length);
      skip[stream] -= skipped;
      return skipped === bytes.length ? [] : [{ stream, bytes: bytes.subarray(skipped) }];
    });
  }

  #load(): void {
    if (this.#fd === null) return;
    const slots = [0, SLOT_BYTES].flatMap(
      (at) => decodeRecord(readUpTo(this.#fd ?? -1, SLOT_BYTES, at)) ?? [],
    );
    const record = slots.sort((a, b) => (isLater(a, b) ? -1 : 1))[0];
    if (record === undefined || !isSameBoot(record.state.boot, this.#options.bootId)) {
      ftruncateSync(this.#fd, 0);
      return;
    }
    const { base, done, ranges, tail, append, runEnds } = record.state;
    this.#sequence = record.sequence;
    this.#kept = record.kept;
    this.#base = base;
    this.#done = done;
    this.#ranges = ranges;
    this.#end = Math.max(BYTES_AT, fstatSync(this.#fd).size);
    // Cut back since: what was said to lie there never came.
    this.#tail = tail !== null && tail.from <= this.#end ? tail : null;
    this.#append = append;
    this.#runEnds = [...runEnds];
    this.#taken = moved(moved(base, 0, record.kept[0].length), 1, record.kept[1].length);
    for (const { stream, from, to } of this.#closedRanges()) {
      this.#taken = moved(this.#taken, stream, to - from);
    }
  }

  /** From here on the pipes are read directly. */
  #fail(error: unknown): void {
    const { path, clock, onFault } = this.#options;
    this.#retryAtMs = clock.monotonicMs() + RETRY_MS;
    this.#append = null;
    // What it says is no longer kept true. Emptied as well, where it cannot be removed.
    if (!this.#isAbandoned) remove(path);
    if (this.#fd !== null) {
      try {
        ftruncateSync(this.#fd, 0);
      } catch {
        // Nothing more can be done about it.
      }
      closeSync(this.#fd);
      this.#fd = null;
    }
    onFault(phraseOf(error));
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or somebody was quicker.
  }
}

function readUpTo(fd: number, bytes: number, at: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(fd, buffer, 0, bytes, at));
}

function readFully(fd: number, into: Buffer, at: number): void {
  const bytes = readSync(fd, into, 0, into.length, at);
  if (bytes < into.length) throw new Error('a short read');
}
