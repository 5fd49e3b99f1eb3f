// The daemon's own log: one event a line on stderr. JSON when that is a file or a pipe, made for eyes on a terminal.
import { join } from 'node:path';
import { DAEMON_LOG } from '../base/paths.ts';
import { STEERING } from '../base/steering.ts';
import { problemLine } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { openLogSink } from '../os/log-sink.ts';
import type { LogSink } from '../os/log-sink.ts';
import { boundOwnLog } from '../os/own-log.ts';
import type { OwnLog } from '../os/own-log.ts';

export type Level = 'info' | 'warning' | 'error';
export type Fields = Readonly<Record<string, string | number | boolean | null>>;

export interface DaemonLog {
  /** `event` is a stable word; `message` the sentence for people. */
  write(level: Level, event: string, message: string, fields?: Fields): void;
  /** Nothing may be written after it. */
  close(): void;
}

const COLOURS: Readonly<Record<Level, string>> = { info: '2', warning: '33', error: '31' };

/** On stderr; `directory`: where the daemon's log file lies, if it is that which stderr leads to. */
export function openDaemonLog(directory: string, wallMs: () => number): DaemonLog {
  const path = join(directory, DAEMON_LOG);
  // As much as a unit's log by default.
  const own = boundOwnLog({ path, fds: [2, 1], maxBytes: 10_000_000, maxFiles: 5 });
  return createDaemonLog({ sink: openLogSink(2), own, wallMs, env: process.env });
}

export interface DaemonLogOptions {
  readonly sink: LogSink;
  /** Keeps the file that the sink writes to within bounds, where that is the daemon's. */
  readonly own: OwnLog;
  readonly wallMs: () => number;
  readonly env: NodeJS.ProcessEnv;
}

export function createDaemonLog({ sink, own, wallMs, env }: DaemonLogOptions): DaemonLog {
  const put = (line: string): void => {
    own.writes();
    sink.write(line);
    const trouble = own.wrote(Buffer.byteLength(line));
    if (trouble !== null) write('warning', 'log', trouble);
  };
  const colour = sink.isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const write: DaemonLog['write'] = (level, event, message, fields = {}) => {
    const time = new Date(wallMs()).toISOString();
    if (!sink.isTerminal) {
      put(`${JSON.stringify({ time, level, event, message, ...fields })}\n`);
      return;
    }
    const clock = time.slice(11, 19);
    const unit = typeof fields['unit'] === 'string' ? `${fields['unit']}: ` : '';
    // Quoted words of a unit's files are in JSON's form, which lets some of these pass; a stack has lines.
    const line = `${unit}${message}`.replace(STEERING, (character) =>
      character === '\t' || character === '\n' ? character : '\ufffd',
    );
    put(colour ? `\x1b[2m${clock}\x1b[0m \x1b[${COLOURS[level]}m${line}\x1b[0m\n` : `${clock} ${line}\n`);
  };
  return {
    write: (...line) => {
      const dropped = sink.takeDropped();
      const what = dropped === 1 ? '1 line of this log was' : `${dropped} lines of this log were`;
      if (dropped > 0) write('warning', 'log', `${what} dropped, as nobody read it`, { dropped });
      write(...line);
    },
    close: () => {
      sink.close();
    },
  };
}

export function logProblem(log: DaemonLog, problem: Problem): void {
  const level = problem.severity === 'error' ? 'error' : 'warning';
  log.write(level, 'problem', problemLine(problem), { unit: problem.unit });
}
