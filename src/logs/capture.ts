// Takes a unit's output from its two pipes to its log, and stands between a service and a failing disk: whatever the
// log does, the pipes are read on, and what cannot be written is counted.
//
// What it has in hand is in the unit's spool as well, until it is in the log: a daemon that is killed leaves it to the
// next, which goes on from there as if it were still in the pipe.
//
// At most one write is on its way and a bounded batch behind it; then reading stops until the write has
// ended. So a slow disk costs no memory (the service feels the full pipe as it would a slow file), what is unread stays
// in the kernel and survives this process, and lines that came meanwhile are written together.
import { closeSync } from 'node:fs';
import { NOTHING_CARRIED, newlinesIn } from '../core/lines.ts';
import type { LogSpec } from '../model/unit.ts';
import { bytesInPipe } from '../os/libc.ts';
import type { Clock, Readiness } from '../os/ports.ts';
import { isAppended } from './append.ts';
import { Backlog } from './backlog.ts';
import { Batch } from './batch.ts';
import { coverageOf } from './coverage.ts';
import { encodeBreak, encodeChunk, encodeNotice, encodeRest, newStreamState, payloadOf } from './format.ts';
import type { StreamState } from './format.ts';
import { Outage } from './outage.ts';
import { sum } from './positions.ts';
import type { Positions } from './positions.ts';
import { LogWriter } from './rotate.ts';
import type { AppendWitness } from './rotate.ts';
import { Source } from './source.ts';
import { Spool } from './spool.ts';
import { Stamper } from './stamp.ts';
import { STREAM_NAMES } from './stream-name.ts';
import type { StreamIndex, StreamName } from './stream-name.ts';
import { Turns } from './turns.ts';

// What waits for a write that is on its way; less costs throughput.
const PAUSE_AT_BYTES = 256 * 1024;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;
const NEWLINE = 10;

export interface CaptureOptions {
  /** The unit's name, for messages. */
  readonly unit: string;
  /** LOGDIR/NAME; made when the first output comes. */
  readonly directory: string;
  readonly spec: LogSpec;
  /** Non-blocking; the capture owns and closes both, also when it cannot be made. */
  readonly stdoutFd: number;
  readonly stderrFd: number;
  readonly readiness: Readiness;
  /** The file for what has been read and is not in the log; what an earlier daemon left in it comes first. */
  readonly spoolPath: string;
  /** Of the kernel's boot. */
  readonly bootId: string;
  readonly clock: Clock;
  /** Resolves when another capture has let go of the directory: nothing is read before. null: there is none. */
  readonly earlier: Promise<void> | null;
  /**
   * Called with each trouble when it comes: the log cannot be written, or a stream cannot be read. With null when the
   * log can be written again; a stream is not read again by this capture. What stands is in stats().
   */
  readonly onProblem: (problem: string | null) => void;
  /** Called when a kill of the daemon would cost output, with the reason. */
  readonly onRisk: (message: string) => void;
}

export interface CaptureStats {
  /** Of the unit's output, in the log. A line counts when its end is there. */
  readonly bytes: number;
  readonly lines: number;
  readonly droppedLines: number;
  readonly droppedBytes: number;
  /** All that is wrong now. */
  readonly problem: string | null;
}

export interface Capture {
  /** Applies at once, without losing or moving a line. */
  update(spec: LogSpec): void;
  stats(): CaptureStats;
  /**
   * When all processes have ended: resolves when all that the pipes hold is in the log, an unended line too. What comes
   * into them from now on is the next run's, whose lines are its own.
   */
  settle(): Promise<void>;
  /**
   * Writes what the pipes hold and ends the log. Of a line whose end has not come the beginning stays in the spool for
   * the next capture of the same pipe, since its writer may live on; without a spool it is written as a piece. `forget`:
   * the spool's path may belong to another capture from now on.
   */
  close(forget: boolean): Promise<void>;
}

interface Input {
  readonly index: StreamIndex;
  readonly fd: number;
  readonly source: Source;
  readonly state: StreamState;
  /** Up to where the stream has been dealt with: taken from the spool, if not written yet. */
  position: number;
  /** The line that comes next has lost its beginning: it is dropped to its end. */
  headless: boolean;
  /** Positions at which a run ended, and an unended line with it; those that have not been reached. */
  readonly runEnds: number[];
}

export function createCapture(options: CaptureOptions): Capture {
  return new OutputCapture(options);
}

class OutputCapture implements Capture {
  readonly #unit: string;
  readonly #clock: Clock;
  readonly #onProblem: (problem: string | null) => void;
  readonly #directory: string;
  readonly #writer: LogWriter;
  readonly #spool: Spool;
  readonly #stamper: Stamper;
  readonly #inputs: readonly [Input, Input];
  readonly #turns = new Turns();
  #spec: LogSpec;
  readonly #backlog = new Backlog();
  #writing: Promise<void> | null = null;
  #outage: Outage | null = null;
  #retryMs = FIRST_RETRY_MS;
  readonly #troubles = new Map<StreamName | 'log', string>();
  #held = true;
  /** What an earlier daemon left has been dealt with. */
  #goesOn = false;
  #closed = false;
  #bytes = 0;
  #lines = 0;
  #droppedLines = 0;
  #droppedBytes = 0;

  constructor(options: CaptureOptions) {
    const { unit, directory, spec, clock, spoolPath, bootId } = options;
    this.#unit = unit;
    this.#directory = directory;
    this.#spec = spec;
    this.#clock = clock;
    this.#onProblem = options.onProblem;
    this.#writer = new LogWriter({ directory, spec, clock });
    const onFault = (reason: string): void =>
      options.onRisk(
        `cannot keep unwritten output in "${spoolPath}": ${reason}, a kill of the daemon loses it`,
      );
    this.#spool = new Spool({ path: spoolPath, bootId, clock, onFault });
    this.#stamper = new Stamper(clock);
    try {
      this.#inputs = [this.#input(0, options.stdoutFd, options), this.#input(1, options.stderrFd, options)];
    } catch (error) {
      for (const fd of [options.stdoutFd, options.stderrFd]) closeSync(fd);
      this.#spool.close();
      throw error;
    }
    this.#spool.unread(this.#unread());
    for (const { index, runEnds } of this.#inputs)
      runEnds.push(...this.#spool.runEnds.map((at) => at[index]));
    void this.#turns.take(async () => {
      await options.earlier;
      await this.#goOn();
    });
  }

  update(spec: LogSpec): void {
    this.#spec = spec;
    this.#writer.update(spec);
  }

  stats(): CaptureStats {
    return {
      bytes: this.#bytes,
      lines: this.#lines,
      droppedLines: this.#droppedLines,
      droppedBytes: this.#droppedBytes,
      problem: this.#troubles.size === 0 ? null : [...this.#troubles.values()].join('; '),
    };
  }

  settle(): Promise<void> {
    // Before anybody else has the turn: the next run may speak before this one's rest is taken.
    const end = sum(this.#spool.taken, this.#unread());
    this.#spool.endRun(end);
    for (const { index, runEnds } of this.#inputs) runEnds.push(end[index]);
    this.#secure();
    return this.#turns.take(() => this.#takeIn());
  }

  close(forget: boolean): Promise<void> {
    if (forget) this.#spool.abandon();
    return this.#turns.take(async () => {
      if (this.#closed) return;
      this.#closed = true;
      await this.#takeIn();
      // From a spool that is kept the next capture has the beginning of the line, and ends it with the run.
      if (!this.#spool.isKept) for (const input of this.#inputs) this.#takeRest(input, false);
      await this.#written();
      // The last chance to leave word in the log of what is not in it.
      if (this.#outage !== null) await this.#retry(this.#outage);
      this.#outage?.close();
      for (const { source } of this.#inputs) source.close();
      this.#spool.close();
      await this.#writer.close();
    });
  }

  #input(index: StreamIndex, fd: number, { readiness }: CaptureOptions): Input {
    const name = STREAM_NAMES[index];
    const input: Input = {
      index,
      fd,
      state: newStreamState(name),
      position: 0,
      headless: false,
      runEnds: [],
      source: new Source({
        fd,
        readiness,
        take: (into) => this.#spool.take(index, fd, into),
        onChunk: (chunk) => this.#take(input, chunk),
        onFault: (reason) =>
          this.#report(name, `cannot read ${name} of unit "${this.#unit}": ${reason}, output is not logged`),
      }),
    };
    return input;
  }

  /** Nobody but the daemon has the pipes open now: a kill of it would end them with all that is unread. */
  #secure(): void {
    if (!this.#goesOn || this.#closed) return;
    for (const { source } of this.#inputs) {
      source.drainNow(() => this.#spool.isFull || !this.#spool.isKept);
    }
  }

  #unread(): Positions {
    const [stdout, stderr] = this.#inputs;
    return [bytesInPipe(stdout.fd) ?? 0, bytesInPipe(stderr.fd) ?? 0];
  }

  /** Writes what an earlier daemon had read and not written, then begins to read. */
  async #goOn(): Promise<void> {
    const { begun } = this.#spool;
    // A log that cannot be looked at cannot be written either, and that is reported.
    const isDone = begun !== null && (await isAppended(begun).catch(() => false));
    const left = this.#spool.resume(isDone);
    for (const input of this.#inputs) {
      const ahead = left.flatMap(({ stream, bytes }) => (stream === input.index ? [bytes.length] : []));
      input.position = this.#spool.taken[input.index] - ahead.reduce((bytes, length) => bytes + length, 0);
      // Those that are over: of their lines nothing is left.
      this.#endRuns(input);
    }
    for (const { stream, bytes } of left) {
      if (!this.#take(this.#inputs[stream], bytes)) await this.#written();
    }
    for (const input of this.#inputs) this.#endRuns(input);
    this.#goesOn = true;
    this.#letGo();
  }

  /** Reads what the pipes hold. */
  async #takeIn(): Promise<void> {
    this.#hold();
    for (const { source } of this.#inputs) await source.drain(() => this.#written());
    // Behind all: in raw an unended line would run into what the other stream has to say yet.
    for (const input of this.#inputs) this.#endRuns(input);
    await this.#written();
    this.#letGo();
  }

  #hold(): void {
    this.#held = true;
    for (const { source } of this.#inputs) source.pause();
  }

  #letGo(): void {
    this.#held = this.#closed;
    this.#readOn();
  }

  #readOn(): void {
    if (!this.#held && !this.#spool.isFull) for (const { source } of this.#inputs) source.resume();
  }

  /** Up to where the streams have gone into batches: what is behind waits for the end of its line. */
  get #encoded(): Positions {
    const [stdout, stderr] = this.#inputs;
    return [stdout.position - stdout.state.carry.length, stderr.position - stderr.state.carry.length];
  }

  /** Deals with a chunk that is borrowed; false: the writer is behind, read no more for now. */
  #take(input: Input, chunk: Buffer): boolean {
    let rest = chunk;
    for (;;) {
      const ofRun = (input.runEnds[0] ?? Infinity) - input.position;
      if (ofRun >= rest.length) return this.#takePart(input, rest);
      if (ofRun > 0) this.#takePart(input, rest.subarray(0, ofRun));
      this.#endRuns(input);
      rest = rest.subarray(ofRun);
    }
  }

  #endRuns(input: Input): void {
    const { runEnds } = input;
    for (; runEnds[0] !== undefined && runEnds[0] <= input.position; runEnds.shift())
      this.#takeRest(input, true);
  }

  #takePart(input: Input, chunk: Buffer): boolean {
    const from = this.#encoded;
    input.position += chunk.length;
    if (this.#outage !== null) {
      this.#dropChunk(input, chunk, this.#outage);
      return true;
    }
    const rest = input.headless ? this.#withoutTail(input, chunk) : chunk;
    if (rest.length > 0) {
      const batch = this.#backlog.batchOf(this.#spec.format, from);
      encodeChunk(input.state, rest, this.#stamper.next(), batch);
      batch.mark(input.index, this.#encoded[input.index]);
    }
    this.#startWriting();
    if (this.#writing === null && (rest.length < chunk.length || this.#spool.isFull)) {
      this.#spool.appended(this.#encoded);
    }
    return this.#backlog.bytes < PAUSE_AT_BYTES && !this.#spool.isFull;
  }

  /** The chunk without the rest of a line that has lost its beginning. */
  #withoutTail(input: Input, chunk: Buffer): Buffer {
    const newline = chunk.indexOf(NEWLINE);
    const lost = newline === -1 ? chunk.length : newline + 1;
    this.#droppedBytes += lost;
    if (newline !== -1) input.headless = false;
    return chunk.subarray(lost);
  }

  #takeRest(input: Input, ended: boolean): void {
    const { state } = input;
    if (this.#outage !== null) {
      if (ended && input.headless) this.#drop(this.#outage, 1, 0);
    } else if (state.carry.length > 0) {
      const batch = this.#backlog.batchOf(this.#spec.format, this.#encoded);
      encodeRest(state, ended, this.#stamper.next(), batch);
      batch.mark(input.index, input.position);
      this.#startWriting();
    }
    if (ended) input.headless = false;
  }

  #startWriting(): void {
    if (this.#writing !== null || this.#backlog.bytes === 0) return;
    this.#writing = this.#writeWaiting().finally(() => {
      this.#writing = null;
    });
  }

  async #written(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #writeWaiting(): Promise<void> {
    for (let batch = this.#backlog.shift(); batch !== undefined; batch = this.#backlog.shift()) {
      const result = await this.#writer.write(batch.bytes, batch.format, this.#witnessOf(batch));
      if (result.ok) {
        this.#bytes += batch.payloadBytes;
        this.#lines += batch.lines;
        this.#retryMs = FIRST_RETRY_MS;
      } else {
        this.#beginOutage(batch, result.written, result.reason);
      }
      batch.release();
      this.#readOn();
    }
  }

  #witnessOf(batch: Batch): AppendWitness {
    return {
      begins: ({ end, ...append }) => {
        this.#spool.appending({ ...append, directory: this.#directory, after: coverageOf(batch, end) });
      },
      ended: (end) => this.#spool.appended(coverageOf(batch, end)),
    };
  }

  #beginOutage(failed: Batch, written: number, reason: string): void {
    const outage = new Outage(reason);
    this.#outage = outage;
    const lost = payloadOf(failed.format, failed.bytes.subarray(written));
    // An unended last line has a newline in the log that is not in the output.
    const lostBytes = Math.min(lost.bytes, failed.payloadBytes);
    this.#bytes += failed.payloadBytes - lostBytes;
    this.#lines += failed.lines - lost.lines;
    this.#drop(outage, lost.lines, lostBytes);
    for (let batch = this.#backlog.shift(); batch !== undefined; batch = this.#backlog.shift()) {
      this.#drop(outage, batch.lines, batch.payloadBytes);
      batch.release();
    }
    for (const input of this.#inputs) {
      if (input.state.open || input.state.carry.length > 0) input.headless = true;
      this.#drop(outage, 0, input.state.carry.length);
      input.state.carry = NOTHING_CARRIED;
    }
    this.#spool.appended(this.#encoded);
    this.#report(
      'log',
      `cannot write log of unit "${this.#unit}": ${reason}, output is dropped until it can be written`,
    );
    this.#armRetry(outage);
  }

  #dropChunk(input: Input, chunk: Buffer, outage: Outage): void {
    this.#drop(outage, newlinesIn(chunk), chunk.length);
    input.headless = chunk[chunk.length - 1] !== NEWLINE;
    this.#spool.appended(this.#encoded);
  }

  #drop(outage: Outage, lines: number, bytes: number): void {
    outage.drop(lines, bytes);
    this.#droppedLines += lines;
    this.#droppedBytes += bytes;
  }

  #armRetry(outage: Outage): void {
    outage.retryAfter(this.#retryMs, this.#clock, () => {
      void this.#turns.take(() => this.#retry(outage));
    });
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  /** Tries the log with the line that says what is missing; the outage ends when that is in it. */
  async #retry(outage: Outage): Promise<void> {
    if (this.#outage !== outage) return;
    // Held, so that what the line says is all.
    this.#hold();
    // A line that has lost its beginning is lost: counted here, dropped to its end when that comes.
    const cut = this.#inputs.filter(({ headless }) => headless).length;
    const batch = new Batch(this.#spec.format, this.#encoded);
    const stamp = this.#stamper.next();
    for (const { state } of this.#inputs) encodeBreak(state, stamp, batch);
    encodeNotice(outage.notice(cut), stamp, batch);
    const result = await this.#writer.write(batch.bytes, batch.format);
    batch.release();
    if (result.ok) {
      this.#droppedLines += cut;
      for (const { state } of this.#inputs) state.open = false;
      this.#outage = null;
      this.#report('log', null);
    } else if (!this.#closed) {
      this.#armRetry(outage);
    }
    this.#letGo();
  }

  #report(about: StreamName | 'log', trouble: string | null): void {
    if (trouble === null) this.#troubles.delete(about);
    else this.#troubles.set(about, trouble);
    this.#onProblem(trouble);
  }
}
