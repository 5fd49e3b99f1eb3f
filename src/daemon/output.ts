// Where a unit's output goes: two named pipes in the runtime directory, the capture that reads them, and beside them the
// spool of what it has read and not yet written. One Output a unit, made at its first start, closed when the unit is
// forgotten or the daemon ends.
import { closeSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { LogSpec, UnitSpec } from '../model/unit.ts';
import { Capture } from '../logs/capture.ts';
import type { CaptureStats } from '../logs/capture-stats.ts';
import { openOutputPipe } from '../os/fifo.ts';
import type { Clock, Readiness } from '../os/ports.ts';

export interface Output {
  /** Of the two pipes, for the child's 1 and 2; owned here. */
  readonly stdoutFd: number;
  readonly stderrFd: number;
  /** Takes changed log settings in, at once. */
  update(logs: LogSpec): void;
  stats(): CaptureStats;
  /** All processes of the unit have ended: what they wrote is in the log when this resolves. */
  settle(): Promise<void>;
  /** Writes what is there, closes everything and, when `forget`, removes the pipes. */
  close(forget: boolean): Promise<void>;
}

export interface OutputOptions {
  readonly fifoDirectory: string;
  readonly logDirectory: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly readiness: Readiness;
  readonly onProblem: (unit: string, problem: string | null) => void;
  /** Something of a unit's output is not as safe as it should be, or could not be completed or closed. */
  readonly onTrouble: (unit: string, message: string) => void;
}

/**
 * As much as an unprivileged user gets without a word (the kernel's pipe-max-size): seconds of an ordinary service's
 * output fit while no daemon reads.
 */
const PIPE_BYTES = 1024 * 1024;

/**
 * `earlier`: the end of an earlier output of this name, which still writes. Throws what the system said when pipes
 * cannot be made or opened.
 */
export function openOutput(spec: UnitSpec, options: OutputOptions, earlier: Promise<void> | null): Output {
  const { name } = spec;
  const paths = [
    join(options.fifoDirectory, `${name}.stdout`),
    join(options.fifoDirectory, `${name}.stderr`),
  ];
  const fds: number[] = [];
  try {
    for (const path of paths) fds.push(openOutputPipe(path, PIPE_BYTES));
    const [stdoutFd, stderrFd] = fds;
    if (stdoutFd === undefined || stderrFd === undefined)
      throw new Error('unreachable: two pipes were opened');
    const capture = new Capture({
      unit: name,
      directory: join(options.logDirectory, name),
      spec: spec.logs,
      stdoutFd,
      stderrFd,
      readiness: options.readiness,
      spoolPath: join(options.fifoDirectory, `${name}.spool`),
      bootId: options.bootId,
      clock: options.clock,
      earlier,
      onProblem: (problem) => {
        options.onProblem(name, problem);
      },
      onRisk: (message) => {
        options.onTrouble(name, message);
      },
    });
    return new CapturedOutput(spec.logs, stdoutFd, stderrFd, capture, paths);
  } catch (error) {
    // The capture owns both from its making on, however that went.
    if (fds.length < paths.length) for (const fd of fds) closeSync(fd);
    throw error;
  }
}

class CapturedOutput implements Output {
  readonly stdoutFd: number;
  readonly stderrFd: number;
  readonly #capture: Capture;
  readonly #paths: readonly string[];
  #logs: LogSpec;

  constructor(logs: LogSpec, stdoutFd: number, stderrFd: number, capture: Capture, paths: readonly string[]) {
    this.#logs = logs;
    this.stdoutFd = stdoutFd;
    this.stderrFd = stderrFd;
    this.#capture = capture;
    this.#paths = paths;
  }

  update(logs: LogSpec): void {
    // At every start too, when most have the same: the capture looks at the directory of the log.
    if (logs === this.#logs) return;
    this.#logs = logs;
    this.#capture.update(logs);
  }

  stats(): CaptureStats {
    return this.#capture.stats();
  }

  async settle(): Promise<void> {
    await this.#capture.settle();
  }

  async close(forget: boolean): Promise<void> {
    // First, while nobody can have made new ones: a unit of this name may come back before the log is written.
    if (forget) for (const path of this.#paths) removePipe(path);
    await this.#capture.close(forget);
  }
}

function removePipe(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody was quicker; nothing is left to remove.
  }
}
