// Which processes a test started, found in /proc, and their end. Nothing is ever found by its program's name.
// A process belongs to a test if it carries the test's environment entry, or if its command line, its working
// directory or one of its standard descriptors lies in the test's directory (a unit's output FIFO does).
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessFact {
  readonly pid: number;
  readonly parentPid: number;
  /** One letter of proc_pid_stat(5): `Z` is a zombie. */
  readonly state: string;
  readonly session: number;
  /** Field 22 of /proc/PID/stat: with the pid, the identity of a process. */
  readonly startTicks: number;
  readonly command: string;
}

export interface Mark {
  /** `NAME=value`, whole. */
  readonly environment: string;
  /** Absolute path of a directory that only this test uses. */
  readonly directory?: string;
}

/** null if there is no such process (any more). */
export function processFact(pid: number): ProcessFact | null {
  const stat = statFact(pid);
  return stat === null ? null : withCommand(stat);
}

type StatFact = Omit<ProcessFact, 'command'>;

function statFact(pid: number): StatFact | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    state: fields[0] ?? '?',
    parentPid: Number(fields[1]),
    session: Number(fields[3]),
    startTicks: Number(fields[19]),
  };
}

function withCommand(stat: StatFact): ProcessFact {
  const words = readOrNull(`/proc/${stat.pid}/cmdline`) ?? '';
  return { ...stat, command: words.replaceAll('\0', ' ').trim() };
}

/** Neither gone nor a zombie. */
export function isAlive(pid: number): boolean {
  const fact = statFact(pid);
  return fact !== null && fact.state !== 'Z';
}

/** `NAME=value` entries of a living process. In the middle of an exec it has none yet: it is looked at again. */
export function environmentOf(pid: number): string[] {
  let text = '';
  while (text === '' && isAlive(pid)) text = readOrNull(`/proc/${pid}/environ`) ?? '';
  return text.split('\0').slice(0, -1);
}

/** Living processes and zombies whose parent is `pid`. */
export function childrenOf(pid: number): ProcessFact[] {
  return allPids()
    .map(statFact)
    .filter((fact) => fact !== null)
    .filter((fact) => fact.parentPid === pid)
    .map(withCommand);
}

/** Living processes that carry the mark, this one excepted. A zombie has no environment left and is not found. */
export function processesWith(mark: Mark): ProcessFact[] {
  return allPids()
    .filter((pid) => pid !== process.pid && carries(pid, mark))
    .map(processFact)
    .filter((fact) => fact !== null);
}

/** SIGKILLs every process that carries the mark until there is none; gives what was found, for a message. */
export function killMarked(mark: Mark): string[] {
  const seen = new Map<string, string>();
  for (let round = 0; round < 1000; round++) {
    const found = processesWith(mark);
    if (found.length === 0) break;
    for (const { pid, startTicks, command } of found) {
      seen.set(`${pid}/${startTicks}`, `${pid} ${command}`);
      killLeft(pid);
    }
  }
  return [...seen.values()];
}

/** SIGKILLs a process, or a group by its negative number, that may have ended, and whose end anybody may have seen. */
export function killLeft(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function carries(pid: number, mark: Mark): boolean {
  if ((readOrNull(`/proc/${pid}/environ`) ?? '').split('\0').includes(mark.environment)) return true;
  const { directory } = mark;
  if (directory === undefined) return false;
  if ((readOrNull(`/proc/${pid}/cmdline`) ?? '').includes(directory)) return true;
  return ['cwd', 'fd/0', 'fd/1', 'fd/2'].some((link) =>
    linkOrEmpty(`/proc/${pid}/${link}`).startsWith(directory),
  );
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null; // It ended between the listing and the look, or belongs to another user.
  }
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
