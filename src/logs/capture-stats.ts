// What has become of a unit's output: how much of it is in the log, how much was dropped, what is wrong now. Does no I/O.
import type { StreamName } from './stream-name.ts';

export interface CaptureStats {
  /** Of the unit's output, in the log. A line counts when its end is there. */
  readonly bytes: number;
  readonly lines: number;
  readonly droppedLines: number;
  readonly droppedBytes: number;
  /** All that is wrong now. */
  readonly problem: string | null;
}

export class CaptureCounts {
  #bytes = 0;
  #lines = 0;
  #droppedLines = 0;
  #droppedBytes = 0;
  readonly #troubles = new Map<StreamName | 'log', string>();

  get stats(): CaptureStats {
    return {
      bytes: this.#bytes,
      lines: this.#lines,
      droppedLines: this.#droppedLines,
      droppedBytes: this.#droppedBytes,
      problem: this.#troubles.size === 0 ? null : [...this.#troubles.values()].join('; '),
    };
  }

  written(lines: number, bytes: number): void {
    this.#lines += lines;
    this.#bytes += bytes;
  }

  dropped(lines: number, bytes: number): void {
    this.#droppedLines += lines;
    this.#droppedBytes += bytes;
  }

  /** null: nothing is wrong with it any more. */
  setTrouble(about: StreamName | 'log', trouble: string | null): void {
    if (trouble === null) this.#troubles.delete(about);
    else this.#troubles.set(about, trouble);
  }
}
