// Takes a unit's output from its two pipes to its log, and stands between a service and a failing disk: whatever the
// log does, the pipes are read on, and what cannot be written is counted.
//
// What it has in hand is in the unit's spool as well, until it is in the log: a daemon that is killed leaves it to the
// next, which goes on from there as if it were still in the pipe.
//
// At most one write is on its way and a bounded batch behind it (backlog.ts); then reading stops until the write has
// ended. So a slow disk costs no memory (the service feels the full pipe as it would a slow file), what is unread stays
// in the kernel and survives this process, and lines that came meanwhile are written together.
import type { LogSpec } from '../model/unit.ts';
import type { Clock, Readiness } from '../os/ports.ts';
import { isAppended } from './append.ts';
import { Backlog } from './backlog.ts';
import type { Batch } from './batch.ts';
import { CaptureCounts } from './capture-stats.ts';
import type { CaptureStats } from './capture-stats.ts';
import { coverageOf, unwrittenOf } from './coverage.ts';
import { Encoder } from './encoder.ts';
import { Intake } from './intake.ts';
import { Outage } from './outage.ts';
import { moved, sum } from './positions.ts';
import { LogWriter } from './rotate.ts';
import type { AppendWitness } from './rotate.ts';
import { Spool } from './spool.ts';
import { STREAM_NAMES } from './stream-name.ts';
import type { StreamIndex, StreamName } from './stream-name.ts';
import { Turns } from '../base/turns.ts';

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;

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

export class Capture {
  readonly #unit: string;
  readonly #clock: Clock;
  readonly #onProblem: (problem: string | null) => void;
  readonly #directory: string;
  readonly #writer: LogWriter;
  readonly #spool: Spool;
  readonly #intake: Intake;
  readonly #backlog = new Backlog((batch) => this.#write(batch));
  readonly #encoder: Encoder;
  readonly #turns = new Turns();
  #outage: Outage | null = null;
  #retryMs = FIRST_RETRY_MS;
  readonly #counts = new CaptureCounts();
  /** What an earlier daemon left has been dealt with. */
  #goesOn = false;
  #closed = false;

  constructor(options: CaptureOptions) {
    const { unit, directory, spec, clock, spoolPath, bootId } = options;
    this.#unit = unit;
    this.#directory = directory;
    this.#clock = clock;
    this.#onProblem = options.onProblem;
    this.#writer = new LogWriter({ directory, spec, clock });
    const onFault = (reason: string): void =>
      options.onRisk(
        `cannot keep unwritten output in "${spoolPath}": ${reason}, a kill of the daemon loses it`,
      );
    this.#spool = new Spool({ path: spoolPath, bootId, clock, onFault });
    this.#encoder = new Encoder({
      format: spec.format,
      clock,
      backlog: this.#backlog,
      onLost: (lines, bytes) => this.#drop(lines, bytes),
    });
    try {
      this.#intake = this.#openIntake(options);
    } catch (error) {
      this.#spool.close();
      throw error;
    }
    this.#spool.unread(this.#intake.unread());
    for (const end of this.#spool.runEnds) this.#encoder.endRunAt(end);
    void this.#turns.take(async () => {
      await options.earlier;
      await this.#goOn();
    });
  }

  /** Applies at once, without losing or moving a line. */
  update(spec: LogSpec): void {
    this.#encoder.format = spec.format;
    this.#writer.update(spec);
  }

  stats(): CaptureStats {
    return this.#counts.stats;
  }

  /**
   * When all processes have ended: resolves when all that the pipes hold is in the log, an unended line too. What comes
   * into them from now on is the next run's, whose lines are its own.
   */
  settle(): Promise<void> {
    // Before anybody else has the turn: the next run may speak before this one's rest is taken.
    const end = sum(this.#spool.taken, this.#intake.unread());
    this.#spool.endRun(end);
    this.#encoder.endRunAt(end);
    // Nobody but the daemon has the pipes open now: a kill of it would end them with all that is unread.
    if (this.#goesOn && !this.#closed) this.#intake.secure();
    return this.#turns.take(() => this.#takeIn());
  }

  /**
   * Writes what the pipes hold and ends the log. Of a line whose end has not come the beginning stays in the spool for
   * the next capture of the same pipe, since its writer may live on; without a spool it is written as a piece. `forget`:
   * the spool's path may belong to another capture from now on.
   */
  close(forget: boolean): Promise<void> {
    if (forget) this.#spool.abandon();
    return this.#turns.take(async () => {
      if (this.#closed) return;
      this.#closed = true;
      await this.#takeIn();
      // From a spool that is kept the next capture has the beginning of the line, and ends it with the run.
      if (!this.#spool.isKept) this.#encoder.takeRests();
      await this.#backlog.written();
      // The last chance to leave word in the log of what is not in it.
      if (this.#outage !== null) await this.#retry(this.#outage);
      this.#outage?.close();
      this.#intake.close();
      this.#spool.close();
      await this.#writer.close();
    });
  }

  #openIntake({ stdoutFd, stderrFd, readiness }: CaptureOptions): Intake {
    return new Intake({
      fds: [stdoutFd, stderrFd],
      readiness,
      spool: this.#spool,
      onChunk: (stream, chunk) => this.#take(stream, chunk),
      onFault: (stream, reason) => {
        const name = STREAM_NAMES[stream];
        this.#report(name, `cannot read ${name} of unit "${this.#unit}": ${reason}, output is not logged`);
      },
    });
  }

  /** Writes what an earlier daemon had read and not written, then begins to read. */
  async #goOn(): Promise<void> {
    const { begun } = this.#spool;
    // A log that cannot be looked at cannot be written either, and that is reported.
    const isDone = begun !== null && (await isAppended(begun).catch(() => false));
    const left = this.#spool.resume(isDone);
    let at = this.#spool.taken;
    for (const { stream, bytes } of left) at = moved(at, stream, -bytes.length);
    this.#encoder.startAt(at);
    // Those that are over: of their lines nothing is left.
    this.#encoder.endRuns();
    for (const { stream, bytes } of left) {
      if (!this.#take(stream, bytes)) await this.#backlog.written();
    }
    this.#encoder.endRuns();
    this.#backlog.start();
    this.#goesOn = true;
    this.#letGo();
  }

  /** Reads what the pipes hold. */
  async #takeIn(): Promise<void> {
    this.#intake.hold();
    await this.#intake.drain(() => this.#backlog.written());
    // Behind all: in raw an unended line would run into what the other stream has to say yet.
    this.#encoder.endRuns();
    await this.#backlog.written();
    this.#letGo();
  }

  #letGo(): void {
    if (!this.#closed) this.#intake.letGo();
  }

  /** Deals with a chunk that is borrowed; false: the writer is behind, read no more for now. */
  #take(stream: StreamIndex, chunk: Buffer): boolean {
    const isLost = this.#encoder.take(stream, chunk);
    this.#backlog.start();
    const isIdle = this.#outage !== null || !this.#backlog.isWriting;
    if (isIdle && (isLost || this.#spool.isFull)) this.#spool.appended(this.#encoder.encoded);
    return this.#outage !== null || (!this.#backlog.isLong && !this.#spool.isFull);
  }

  async #write(batch: Batch): Promise<void> {
    const result = await this.#writer.write(batch.bytes, batch.format, this.#witnessOf(batch));
    if (result.ok) {
      this.#counts.written(batch.lines, batch.payloadBytes);
      this.#retryMs = FIRST_RETRY_MS;
    } else {
      this.#beginOutage(batch, result.written, result.reason);
    }
    this.#intake.readOn();
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
    const lost = unwrittenOf(failed, written);
    this.#counts.written(failed.lines - lost.lines, failed.payloadBytes - lost.bytes);
    this.#drop(lost.lines, lost.bytes);
    for (const batch of this.#backlog.takeAll()) {
      this.#drop(batch.lines, batch.payloadBytes);
      batch.release();
    }
    this.#encoder.beginLosing();
    this.#spool.appended(this.#encoder.encoded);
    this.#report(
      'log',
      `cannot write log of unit "${this.#unit}": ${reason}, output is dropped until it can be written`,
    );
    this.#armRetry(outage);
  }

  #drop(lines: number, bytes: number): void {
    this.#outage?.drop(lines, bytes);
    this.#counts.dropped(lines, bytes);
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
    this.#intake.hold();
    // A line that has lost its beginning is lost: counted here, dropped to its end when that comes.
    const cut = this.#encoder.headlessLines;
    const batch = this.#encoder.notice(outage.notice(cut));
    const result = await this.#writer.write(batch.bytes, batch.format);
    batch.release();
    if (result.ok) {
      this.#counts.dropped(cut, 0);
      this.#encoder.recover();
      this.#outage = null;
      this.#report('log', null);
    } else if (!this.#closed) {
      this.#armRetry(outage);
    }
    this.#letGo();
  }

  #report(about: StreamName | 'log', trouble: string | null): void {
    this.#counts.setTrouble(about, trouble);
    this.#onProblem(trouble);
  }
}
