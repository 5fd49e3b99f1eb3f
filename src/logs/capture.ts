// Takes a unit's output from its two pipes to its log, and stands between a service and a failing disk: whatever the
// log does, the pipes are read on, and what cannot be written is counted.
//
// At most one write is on its way and a bounded batch behind it; then reading stops until the write has
// ended. So a slow disk costs no memory (the service feels the full pipe as it would a slow file), what is unread stays
// in the kernel and survives this process, and lines that came meanwhile are written together.
import { NOTHING_CARRIED, newlinesIn } from '../core/lines.ts';
import type { LogSpec } from '../model/unit.ts';
import type { Clock } from '../os/ports.ts';
import { Backlog } from './backlog.ts';
import { Batch } from './batch.ts';
import { encodeBreak, encodeChunk, encodeNotice, encodeRest, newStreamState, payloadOf } from './format.ts';
import type { StreamState } from './format.ts';
import { Outage } from './outage.ts';
import { LogWriter } from './rotate.ts';
import { Source } from './source.ts';
import { Stamper } from './stamp.ts';
import { Turns } from './turns.ts';

// What a crash of the daemon can lose of a unit that writes faster than the disk; less costs throughput.
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
  /** Non-blocking; the capture owns and closes both. */
  readonly stdoutFd: number;
  readonly stderrFd: number;
  readonly clock: Clock;
  /** Called when the log cannot be written, with the reason, and with null when it can again. */
  readonly onProblem: (problem: string | null) => void;
}

export interface CaptureStats {
  /** Of the unit's output, in the log. A line counts when its end is there. */
  readonly bytes: number;
  readonly lines: number;
  readonly droppedLines: number;
  readonly droppedBytes: number;
  readonly problem: string | null;
}

export interface Capture {
  /** Applies at once, without losing or moving a line. */
  update(spec: LogSpec): void;
  stats(): CaptureStats;
  /** When all processes have ended: resolves when all that the pipes held is in the log, an unended line too. */
  settle(): Promise<void>;
  /**
   * Writes what the pipes hold and ends the log. Of a line whose end has not come the beginning is written as a piece:
   * its writer may live on, and the next capture of the same pipe writes the rest.
   */
  close(): Promise<void>;
}

interface Input {
  readonly source: Source;
  readonly state: StreamState;
  /** The line that comes next has lost its beginning: it is dropped to its end. */
  headless: boolean;
}

export function createCapture(options: CaptureOptions): Capture {
  return new OutputCapture(options);
}

class OutputCapture implements Capture {
  readonly #unit: string;
  readonly #clock: Clock;
  readonly #onProblem: (problem: string | null) => void;
  readonly #writer: LogWriter;
  readonly #stamper: Stamper;
  readonly #inputs: readonly [Input, Input];
  readonly #turns = new Turns();
  #spec: LogSpec;
  readonly #backlog = new Backlog();
  #writing: Promise<void> | null = null;
  #outage: Outage | null = null;
  #retryMs = FIRST_RETRY_MS;
  #problem: string | null = null;
  #held = false;
  #closed = false;
  #bytes = 0;
  #lines = 0;
  #droppedLines = 0;
  #droppedBytes = 0;

  constructor({ unit, directory, spec, stdoutFd, stderrFd, clock, onProblem }: CaptureOptions) {
    this.#unit = unit;
    this.#spec = spec;
    this.#clock = clock;
    this.#onProblem = onProblem;
    this.#writer = new LogWriter({ directory, spec, clock });
    this.#stamper = new Stamper(clock);
    this.#inputs = [this.#input('stdout', stdoutFd), this.#input('stderr', stderrFd)];
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
      problem: this.#problem,
    };
  }

  settle(): Promise<void> {
    return this.#turns.take(() => this.#takeIn(true));
  }

  close(): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#closed) return;
      this.#closed = true;
      await this.#takeIn(false);
      // The last chance to leave word in the log of what is not in it.
      if (this.#outage !== null) await this.#retry(this.#outage);
      this.#outage?.close();
      await Promise.all(this.#inputs.map(({ source }) => source.close()));
      await this.#writer.close();
    });
  }

  #input(name: 'stdout' | 'stderr', fd: number): Input {
    const input: Input = {
      state: newStreamState(name),
      headless: false,
      source: new Source({
        fd,
        onChunk: (chunk) => this.#take(input, chunk),
        onFault: (reason) =>
          this.#report(`cannot read ${name} of unit "${this.#unit}": ${reason}, output is not logged`),
      }),
    };
    return input;
  }

  /** Reads what the pipes hold; `ended`: nothing will come that ends a line. */
  async #takeIn(ended: boolean): Promise<void> {
    this.#hold();
    for (const input of this.#inputs) {
      await input.source.drain(() => this.#written());
      this.#takeRest(input, ended);
    }
    await this.#written();
    this.#letGo();
  }

  #hold(): void {
    this.#held = true;
    for (const { source } of this.#inputs) source.pause();
  }

  #letGo(): void {
    this.#held = this.#closed;
    if (!this.#held) for (const { source } of this.#inputs) source.resume();
  }

  /** Deals with a chunk that is borrowed; false: the writer is behind, read no more for now. */
  #take(input: Input, chunk: Buffer): boolean {
    if (this.#outage !== null) {
      this.#dropChunk(input, chunk, this.#outage);
      return true;
    }
    let rest = chunk;
    if (input.headless) {
      const newline = chunk.indexOf(NEWLINE);
      const lost = newline === -1 ? chunk.length : newline + 1;
      this.#droppedBytes += lost;
      if (newline === -1) return true;
      input.headless = false;
      rest = chunk.subarray(lost);
    }
    if (rest.length > 0)
      encodeChunk(input.state, rest, this.#stamper.next(), this.#backlog.batchOf(this.#spec.format));
    this.#startWriting();
    return this.#backlog.bytes < PAUSE_AT_BYTES;
  }

  #takeRest(input: Input, ended: boolean): void {
    const { state } = input;
    if (this.#outage !== null) {
      if (ended && input.headless) this.#drop(this.#outage, 1, 0);
    } else if (state.carry.length > 0) {
      encodeRest(state, ended, this.#stamper.next(), this.#backlog.batchOf(this.#spec.format));
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
      const result = await this.#writer.write(batch.bytes, batch.format);
      if (result.ok) {
        this.#bytes += batch.payloadBytes;
        this.#lines += batch.lines;
        this.#retryMs = FIRST_RETRY_MS;
      } else {
        this.#beginOutage(batch, result.written, result.reason);
      }
      batch.release();
      if (!this.#held) for (const { source } of this.#inputs) source.resume();
    }
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
    this.#report(
      `cannot write log of unit "${this.#unit}": ${reason}, output is dropped until it can be written`,
    );
    this.#armRetry(outage);
  }

  #dropChunk(input: Input, chunk: Buffer, outage: Outage): void {
    this.#drop(outage, newlinesIn(chunk), chunk.length);
    input.headless = chunk[chunk.length - 1] !== NEWLINE;
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
    const batch = new Batch(this.#spec.format);
    const stamp = this.#stamper.next();
    for (const { state } of this.#inputs) encodeBreak(state, stamp, batch);
    encodeNotice(outage.notice(cut), stamp, batch);
    const result = await this.#writer.write(batch.bytes, batch.format);
    batch.release();
    if (result.ok) {
      this.#droppedLines += cut;
      for (const { state } of this.#inputs) state.open = false;
      this.#outage = null;
      this.#report(null);
    } else if (!this.#closed) {
      this.#armRetry(outage);
    }
    this.#letGo();
  }

  #report(problem: string | null): void {
    if (this.#problem === problem) return;
    this.#problem = problem;
    this.#onProblem(problem);
  }
}
