// Encodes what comes on a unit's two streams into batches of the log's format, run by run. While nothing can be written it
// counts what comes as lost. Does no I/O.
import { newlinesIn } from '../core/lines.ts';
import type { LogFormat } from '../model/unit.ts';
import type { Clock } from '../os/ports.ts';
import type { Backlog } from './backlog.ts';
import { Batch } from './batch.ts';
import { encodeNotice } from './format.ts';
import type { Positions } from './positions.ts';
import { Stamper } from './stamp.ts';
import { OutputStream } from './stream.ts';
import type { StreamIndex } from './stream-name.ts';

export interface EncoderOptions {
  readonly format: LogFormat;
  readonly clock: Clock;
  /** Gets the batches; has them written when it is told to. */
  readonly backlog: Backlog;
  /** Of the unit's output, so much will not be in the log. A line is lost with its end. */
  readonly onLost: (lines: number, bytes: number) => void;
}

export class Encoder {
  /** Of what comes from now on. */
  format: LogFormat;
  readonly #stamper: Stamper;
  readonly #backlog: Backlog;
  readonly #onLost: (lines: number, bytes: number) => void;
  readonly #streams = [new OutputStream(0), new OutputStream(1)] as const;
  #isLosing = false;

  constructor({ format, clock, backlog, onLost }: EncoderOptions) {
    this.format = format;
    this.#stamper = new Stamper(clock);
    this.#backlog = backlog;
    this.#onLost = onLost;
  }

  /** Up to where the streams have gone into batches, or been lost. */
  get encoded(): Positions {
    const [stdout, stderr] = this.#streams;
    return [stdout.encoded, stderr.encoded];
  }

  /** Lines that have lost their beginning, and whose end has not come. */
  get headlessLines(): number {
    return this.#streams.filter(({ isHeadless }) => isHeadless).length;
  }

  startAt(positions: Positions): void {
    for (const stream of this.#streams) stream.startAt(positions[stream.index]);
  }

  /** A run ends there, and its unended lines with it: when what comes before has come, and endRuns() is called. */
  endRunAt(positions: Positions): void {
    for (const stream of this.#streams) stream.endRunAt(positions[stream.index]);
  }

  endRuns(): void {
    for (const stream of this.#streams) this.#endRuns(stream);
  }

  /** Whether some of the chunk is lost, which is borrowed. */
  take(index: StreamIndex, chunk: Buffer): boolean {
    const stream = this.#streams[index];
    let rest = chunk;
    let isLost = false;
    for (;;) {
      const ofRun = stream.bytesToRunEnd;
      if (ofRun >= rest.length) return this.#takePart(stream, rest) || isLost;
      if (ofRun > 0) isLost = this.#takePart(stream, rest.subarray(0, ofRun)) || isLost;
      this.#endRuns(stream);
      rest = rest.subarray(ofRun);
    }
  }

  /** Lines whose end has not come, as pieces to be continued. */
  takeRests(): void {
    for (const stream of this.#streams) this.#takeRest(stream, false);
  }

  /** What has not gone into a batch is lost, and all that comes until recover(). */
  beginLosing(): void {
    this.#isLosing = true;
    for (const stream of this.#streams) this.#onLost(0, stream.dropBegun());
  }

  /** A line of unitd's own, which ends those that are torn; for the log when it is tried again. The caller releases it. */
  notice(text: string): Batch {
    const batch = new Batch(this.format, this.encoded);
    const stamp = this.#stamper.next();
    for (const stream of this.#streams) stream.encodeBreak(stamp, batch);
    encodeNotice(text, stamp, batch);
    return batch;
  }

  /** The notice is in the log. */
  recover(): void {
    this.#isLosing = false;
    for (const stream of this.#streams) stream.breakWritten();
  }

  #takePart(stream: OutputStream, chunk: Buffer): boolean {
    if (this.#isLosing) {
      this.#onLost(newlinesIn(chunk), chunk.length);
      stream.drop(chunk);
      return true;
    }
    const from = this.encoded;
    const lost = stream.dropTail(chunk);
    if (lost > 0) this.#onLost(0, lost);
    if (lost < chunk.length) {
      const batch = this.#backlog.batchOf(this.format, from);
      stream.encode(lost === 0 ? chunk : chunk.subarray(lost), this.#stamper.next(), batch);
    }
    return lost > 0;
  }

  #endRuns(stream: OutputStream): void {
    while (stream.takeRunEnd()) this.#takeRest(stream, true);
  }

  #takeRest(stream: OutputStream, ended: boolean): void {
    if (!this.#isLosing && stream.hasRest) {
      const batch = this.#backlog.batchOf(this.format, this.encoded);
      stream.encodeRest(ended, this.#stamper.next(), batch);
    }
    if (ended && stream.endLine() && this.#isLosing) this.#onLost(1, 0);
  }
}
