// Puts another program into this process: same pid, same parent, same children. What that means for units is none of
// its business.
import { closeSync, readFileSync, writeSync } from 'node:fs';
import { phraseOf } from '../base/fault.ts';
import { errnoName } from './errno.ts';
import { inheritableFd, setCloseOnExec } from './libc/descriptor.ts';
import { execute } from './libc/exec.ts';
import { openMemoryFile } from './libc/file.ts';

/** Node marks even these close-on-exec when it starts (uv_disable_stdio_inheritance). */
const STANDARD = [0, 1, 2];

/** Above what the next program opens for itself, where the limit on open files lets it. */
const LOWEST_FD = 4096;

/** A copy of the descriptor that the next program in this process finds open. Throws when there is none to be had. */
export function heldThroughExec(fd: number): number {
  const raised = inheritableFd(fd, LOWEST_FD);
  const copy = raised.errno === 0 ? raised : inheritableFd(fd, STANDARD.length);
  if (copy.errno !== 0) throw new Error(`cannot keep a descriptor open: ${errnoName(copy.errno)}`);
  return copy.fd;
}

/** What heldThroughExec() kept for this program: no other is to find it. */
export function holdNoLonger(fd: number): void {
  setCloseOnExec(fd, true);
}

/**
 * A descriptor, open through an exec, of which the next program can read `text`. It takes no room on any disk. Throws
 * when the system refuses, as a seccomp filter or a limit on memory or on the size of files can make it.
 */
export function letterTo(text: string): number {
  const { fd, errno } = openMemoryFile('unitd-handover');
  if (errno !== 0) throw new Error(`cannot write to the next program: ${errnoName(errno)}`);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, at);
  } catch (error) {
    closeSync(fd);
    throw new Error(`cannot write to the next program: ${phraseOf(error)}`, { cause: error });
  }
  return fd;
}

/** What letterTo() wrote, which can be read once. */
export function letterFrom(fd: number): string {
  try {
    // By its name: a descriptor is read from where the last one stopped.
    return readFileSync(`/proc/self/fd/${fd}`, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/**
 * execve(2) with the words that this process was started with, `environment` and the present directory. Signals that
 * are handled become default, those that wait are taken by the next program. Returns the name of the errno; if it
 * returns, nothing has changed.
 */
export function replaceProcess(environment: Readonly<Record<string, string | undefined>>): string {
  const words = [process.argv0, ...process.execArgv, ...process.argv.slice(1)];
  const variables = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  for (const fd of STANDARD) setCloseOnExec(fd, false);
  const errno = execute(process.execPath, words, variables);
  for (const fd of STANDARD) setCloseOnExec(fd, true);
  return errnoName(errno);
}
