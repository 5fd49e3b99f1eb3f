// The daemon's own log: one event a line on stderr. JSON when that is a file or a pipe, made for eyes on a terminal.
import { problemLine } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';

export type Level = 'info' | 'warning' | 'error';
export type Fields = Readonly<Record<string, string | number | boolean | null>>;

export interface DaemonLog {
  /** `event` is a stable word; `message` the sentence for people. */
  write(level: Level, event: string, message: string, fields?: Fields): void;
}

/** process.stderr, or what stands for it. */
export interface LogStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

const COLOURS: Readonly<Record<Level, string>> = { info: '2', warning: '33', error: '31' };

export function createDaemonLog(stream: LogStream, wallMs: () => number, env: NodeJS.ProcessEnv): DaemonLog {
  const isTerminal = stream.isTTY === true;
  const colour = isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  // A full disk or a closed pipe under our own log must not end the daemon.
  stream.on('error', () => undefined);
  return {
    write: (level, event, message, fields = {}) => {
      const time = new Date(wallMs()).toISOString();
      if (!isTerminal) {
        stream.write(`${JSON.stringify({ time, level, event, message, ...fields })}\n`);
        return;
      }
      const clock = time.slice(11, 19);
      const unit = typeof fields['unit'] === 'string' ? `${fields['unit']}: ` : '';
      const line = `${unit}${message}`;
      stream.write(
        colour ? `\x1b[2m${clock}\x1b[0m \x1b[${COLOURS[level]}m${line}\x1b[0m\n` : `${clock} ${line}\n`,
      );
    },
  };
}

export function logProblem(log: DaemonLog, problem: Problem): void {
  const level = problem.severity === 'error' ? 'error' : 'warning';
  log.write(level, 'problem', problemLine(problem), { unit: problem.unit });
}
