// Keeps what was taken from a unit's two pipes until it is in the log, in a file that outlives a kill of the daemon.
// Knows bytes and how far they are dealt with; never lines, and nothing of log files but which append was begun.
//
// The rules, which hold for SIGKILL between any two instructions and within any system call. They rest on what
// spool-file.ts promises: a byte is in its pipe or in the file, never in both or in neither, and a record is there whole
// or not at all.
//
// 1. What the bytes are is said by a record: which ranges belong to which stream, up to where the streams are in the
//    log (`done`), and which append to the log is under way. The bytes that count are those of the record's ranges,
//    and what lies behind the start of its tail. A record is written before the splice that makes it true when the
//    stream changes, and never for another splice of the same stream.
// 2. Before each append to the log a record says: this file, of this size, will grow by this many bytes, and then the
//    streams are in the log up to here. After it another record says that it is so. An append never spans a rotation.
// 3. Who finds a record with an append under way looks at the file (see append.ts): has it grown by all of it, then it
//    is done; else the file is cut back to the size before, and the bytes are written again from here.
// 4. When all that was taken is in the log, the file is emptied: an empty file says that nothing is at stake, and
//    costs no memory where files are in memory. When it has grown large and only unfinished lines are left, they
//    go into a record, without ranges and tail, and then the file is cut back to its records.
// 5. When a run has ended, a record says up to where the streams are its own, unread bytes in the pipes included, before
//    the next run can write a byte. It stands until the streams are in the log up to there.
// 6. All of it is worth something within one boot only: the pipes do not survive one either.
//
// Where the file cannot be had or written (a full or read-only runtime directory), the pipes are read as usual and the
// file is removed: then a kill costs what was read and not yet written. It is tried again after a while.
import { unlinkSync } from 'node:fs';
import { isSameBoot } from '../os/boot-id.ts';
import { bytesInPipe } from '../os/libc/pipe.ts';
import type { Clock } from '../os/ports.ts';
import { codeOf, phraseOf } from '../base/fault.ts';
import { BEGINNING, bytesBetween, isSame, moved, sum } from './positions.ts';
import type { Positions } from './positions.ts';
import { readNow } from './source.ts';
import { SpoolContents } from './spool-contents.ts';
import type { Leftover } from './spool-contents.ts';
import { createSpoolFile, openSpoolFile } from './spool-file.ts';
import type { SpoolFile } from './spool-file.ts';
import type { Append } from './spool-record.ts';
import type { StreamIndex } from './stream-name.ts';

/** A record has room for two unfinished lines (see PIECE_BYTES), its text beside them. */
const KEPT_BYTES = 40 * 1024;
/** In a record, which has no room for more: the nearest ones. */
const MOST_RUN_ENDS = 512;
const RETRY_MS = 60_000;

export interface SpoolOptions {
  readonly path: string;
  /** Of the kernel's boot: what another one left is not looked at. */
  readonly bootId: string;
  readonly clock: Clock;
  /** The file cannot be used, with a phrase that says why: `ENOSPC: no space left on device`. */
  readonly onFault: (reason: string) => void;
}

export class Spool {
  readonly #options: SpoolOptions;
  #file: SpoolFile | null = null;
  readonly #contents = new SpoolContents();
  #done: Positions = BEGINNING;
  #taken: Positions = BEGINNING;
  #append: Append | null = null;
  #runEnds: Positions[] = [];
  #retryAtMs = 0;
  #isAbandoned = false;

  /** Takes up what an earlier daemon left at the path; makes nothing. */
  constructor(options: SpoolOptions) {
    this.#options = options;
    try {
      this.#file = openSpoolFile(options.path);
      this.#load(this.#file);
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
    return this.#file !== null && this.#contents.isLarge;
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
    if (this.#runEnds.length <= MOST_RUN_ENDS && this.#readyFile() !== null) this.#record();
  }

  /** Has it settled what became of `begun`, and gives what is not in the log; to be called first of all. */
  resume(isAppended: boolean): readonly Leftover[] {
    const file = this.#file;
    if (file === null) return [];
    try {
      const done = this.#append !== null && isAppended ? this.#append.after : this.#done;
      const left = this.#leftovers(file, done);
      this.appended(done);
      return left;
    } catch (error) {
      this.#fail(error);
      return [];
    }
  }

  /** Takes from a pipe what is there, at most a buffer full: into the file, and into `into`. 0: nothing there now. */
  take(stream: StreamIndex, pipeFd: number, into: Buffer): number {
    const file = this.#readyFile();
    const bytes =
      (file === null ? null : this.#takeInto(file, stream, pipeFd, into)) ?? readNow(pipeFd, into);
    this.#taken = moved(this.#taken, stream, bytes);
    return bytes;
  }

  /** The log is about to be appended to. */
  appending(append: Append): void {
    if (this.#file === null) return;
    this.#append = append;
    this.#record();
  }

  /** Up to `done` the streams are in the log, or given up: they are no longer needed here. */
  appended(done: Positions): void {
    this.#done = done;
    this.#append = null;
    this.#runEnds = this.#runEnds.filter(([stdout, stderr]) => stdout > done[0] || stderr > done[1]);
    if (this.#file === null) return;
    this.#contents.prune(done);
    if (this.#isOver) this.#empty(this.#file);
    else if (this.isFull && bytesBetween(done, this.#taken) <= KEPT_BYTES) this.#makeRoom(this.#file);
    else this.#record();
  }

  /** What is not in the log at close() is there for another daemon. */
  get isKept(): boolean {
    return this.#file !== null && !this.#isAbandoned;
  }

  /** The path may belong to another spool from now on. */
  abandon(): void {
    if (!this.#isAbandoned) remove(this.#options.path);
    this.#isAbandoned = true;
  }

  /** Leaves the file to the next daemon if something in it is not in the log. */
  close(): void {
    if (this.#file === null) return;
    if (!this.#isAbandoned && this.#isOver) remove(this.#options.path);
    this.#file.close();
    this.#file = null;
  }

  /** Nothing is left that another daemon would have to know. */
  get #isOver(): boolean {
    return isSame(this.#done, this.#taken) && this.#runEnds.length === 0;
  }

  /** A new one where none is needed for what was taken; null: there is none, and none can be had now. */
  #readyFile(): SpoolFile | null {
    if (this.#file !== null) return this.#file;
    if (this.#isAbandoned || !isSame(this.#done, this.#taken)) return null;
    const { path, clock } = this.#options;
    if (clock.monotonicMs() < this.#retryAtMs) return null;
    try {
      this.#file = createSpoolFile(path);
      this.#contents.startAnew(this.#taken);
    } catch (error) {
      this.#fail(error);
    }
    return this.#file;
  }

  /** null: the file failed, and nothing was taken. */
  #takeInto(file: SpoolFile, stream: StreamIndex, pipeFd: number, into: Buffer): number | null {
    if (!this.#contents.isAt(stream)) {
      // Else two streams that are looked at in turn cost a record each, whether they say anything or not.
      if (bytesInPipe(pipeFd) === 0) return 0;
      this.#contents.turnTo(stream);
      if (!this.#record()) return null;
    }
    try {
      const bytes = file.takeFrom(pipeFd, this.#contents.end, into);
      this.#contents.added(bytes);
      return bytes;
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  #record(): boolean {
    if (this.#file === null) return false;
    const state = {
      boot: this.#options.bootId,
      done: this.#done,
      ...this.#contents.said,
      append: this.#append,
      runEnds: this.#runEnds.slice(0, MOST_RUN_ENDS),
    };
    try {
      this.#file.writeRecord({ state, kept: this.#contents.kept });
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #empty(file: SpoolFile): void {
    try {
      file.empty();
      this.#contents.startAnew(this.#taken);
    } catch (error) {
      this.#fail(error);
    }
  }

  #makeRoom(file: SpoolFile): void {
    try {
      this.#contents.startWith(this.#leftovers(file, this.#done), this.#done);
      if (this.#record()) file.cutToRecords();
    } catch (error) {
      this.#fail(error);
    }
  }

  #leftovers(file: SpoolFile, done: Positions): readonly Leftover[] {
    return this.#contents.leftBehind(done, (into, at) => file.read(into, at));
  }

  #load(file: SpoolFile): void {
    const record = file.latestRecord();
    if (record === null || !isSameBoot(record.state.boot, this.#options.bootId)) {
      file.empty();
      return;
    }
    const { done, append, runEnds } = record.state;
    this.#contents.load(record, file.end());
    this.#taken = this.#contents.taken;
    this.#done = done;
    this.#append = append;
    this.#runEnds = [...runEnds];
  }

  /** From here on the pipes are read directly. */
  #fail(error: unknown): void {
    const { path, clock, onFault } = this.#options;
    this.#retryAtMs = clock.monotonicMs() + RETRY_MS;
    this.#append = null;
    // What it says is no longer kept true. Emptied as well, where it cannot be removed.
    if (!this.#isAbandoned) remove(path);
    if (this.#file !== null) {
      try {
        this.#file.empty();
      } catch {
        // Nothing more can be done about it.
      }
      this.#file.close();
      this.#file = null;
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
