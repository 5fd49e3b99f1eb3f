// What a supervisor is to the bench: how its configuration is written, and the commands that start it, ask it and tell
// it to read its files again. When children run is never asked of it: they say so themselves.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Job {
  readonly name: string;
  readonly argv: readonly string[];
}

export interface Setup {
  /** Starts all jobs; it stays, or leaves a daemon behind. */
  readonly daemon: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Asks for all units; null: there is no such command. */
  readonly status: readonly string[] | null;
  /** Reads all files again, of which none has changed; null: there is no such command. */
  readonly reload: readonly string[] | null;
  /** SIGTERM ends it in order, and it has things to clear away. Others are killed. */
  readonly endsBySignal: boolean;
}

export interface LogSetup extends Setup {
  readonly directory: string;
  /** Which files of it are the log. */
  readonly isLog: RegExp;
}

/** A way of keeping what a job says; files of 10 MB where there is rotation, and enough of them that none is removed. */
export interface LogWay {
  readonly name: string;
  readonly rotates: boolean;
  readonly configure: (root: string, job: Job) => LogSetup;
}

export interface Peer {
  readonly name: string;
  /** Why it cannot run here; null: it can. */
  readonly missing: () => string | null;
  /** Jobs start at once when the daemon does, and again as soon as it allows when they end. */
  readonly configure: (root: string, jobs: readonly Job[]) => Setup;
  readonly logWays: readonly LogWay[];
}

export const LOG_FILE_BYTES = 10_000_000;
export const LOG_FILES = 100;

export function pathOf(program: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return null;
}

export function missingPrograms(...programs: readonly string[]): string | null {
  const absent = programs.filter((program) => pathOf(program) === null);
  return absent.length === 0 ? null : `no ${absent.join(', ')} on PATH`;
}
