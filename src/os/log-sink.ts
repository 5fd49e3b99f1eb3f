// Where the daemon's own log goes. Whoever reads it may stop reading (a pager, a terminal after Ctrl-S, a collector
// that hangs), and that must hold up neither the units nor the end of the daemon: nothing here waits.
//
// - A pipe or terminal is opened once more through /proc, so that O_NONBLOCK is on an open description of our own; the
//   one that was handed to us is shared with the shell. A socket cannot be opened so: libuv makes it non-blocking when
//   process.stderr is first asked for. A file never makes its writer wait for a reader.
// - What is not taken is kept, up to a MiB, and tried again every 100 ms. What comes beyond that is dropped whole line
//   by line, and counted.
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { codeOf } from '../base/fault.ts';

export interface LogSink {
  readonly isTerminal: boolean;
  /** One whole line with its newline. Never throws, never waits. */
  write(line: string): void;
  /** How many lines were dropped since it was last asked; none as long as there is no room to say so. */
  takeDropped(): number;
  /** Tries once more, and lets go of what is not taken then; later lines are dropped. */
  close(): void;
}

const MOST_BYTES = 1024 * 1024;
const TRY_AGAIN_MS = 100;

export function openLogSink(fd: number): LogSink {
  const own = reopened(fd);
  const target = own ?? fd;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let droppedLines = 0;
  let timer: NodeJS.Timeout | null = null;
  let isClosed = false;

  const keep = (bytes: Buffer): void => {
    waiting.push(bytes);
    waitingBytes += bytes.length;
  };

  const flush = (): void => {
    if (waitingBytes === 0) return;
    const all = Buffer.concat(waiting);
    const taken = writtenOf(target, all);
    waiting = [];
    waitingBytes = 0;
    if (taken < all.length) keep(all.subarray(taken));
  };

  const tryLater = (): void => {
    if (waitingBytes === 0 || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      flush();
      tryLater();
    }, TRY_AGAIN_MS);
    timer.unref();
  };

  return {
    isTerminal: isatty(fd),
    write: (line) => {
      // The descriptor's number may be another's by now.
      if (isClosed) return;
      const bytes = Buffer.from(line);
      if (waitingBytes + bytes.length > MOST_BYTES) droppedLines += 1;
      else keep(bytes);
      if (timer === null) flush();
      tryLater();
    },
    takeDropped: () => {
      if (waitingBytes > 0) return 0;
      const lines = droppedLines;
      droppedLines = 0;
      return lines;
    },
    close: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      flush();
      isClosed = true;
      if (own !== null) closeSync(own);
    },
  };
}

function reopened(fd: number): number | null {
  const stat = fstatSync(fd);
  if (stat.isSocket()) void process.stderr.fd;
  if (!stat.isFIFO() && !stat.isCharacterDevice()) return null;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A terminal of another user's (after su), or no /proc: as good as it was.
    return null;
  }
}

/** How many of the bytes were taken. What a full disk or a closed pipe refuses counts as taken: nobody wants it later. */
function writtenOf(fd: number, bytes: Buffer): number {
  let taken = 0;
  while (taken < bytes.length) {
    try {
      taken += writeSync(fd, bytes, taken);
    } catch (error) {
      return codeOf(error) === 'EAGAIN' ? taken : bytes.length;
    }
  }
  return taken;
}
