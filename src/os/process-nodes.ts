// Describes processes for people: parent and command line of each.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { ProcessId } from '../model/process.ts';
import { processStat } from './procfs.ts';
import { withSpare } from './spare-descriptor.ts';

export interface ProcessFacts {
  readonly pid: number;
  readonly parentPid: number;
  /**
   * The words of its command line, blank-separated, cut where it is very long; its name in brackets where it has none, as
   * ps(1) writes it.
   */
  readonly command: string;
}

/** null when it is gone. */
export function processFacts(process: ProcessId): ProcessFacts | null {
  const parentPid = parentOf(process);
  return parentPid === null ? null : { pid: process.pid, parentPid, command: commandLine(process.pid) };
}

/** Pid of its parent now; null when it is gone. */
export function parentOf({ pid, startTicks }: ProcessId): number | null {
  const stat = processStat(pid);
  return stat?.startTicks === startTicks ? stat.parentPid : null;
}

function commandLine(pid: number): string {
  try {
    const bytes = withSpare(() => startOf(`/proc/${pid}/cmdline`));
    const words = bytes
      .toString('utf8', 0, MOST_BYTES)
      .split('\0')
      .filter((word) => word !== '');
    if (words.length === 0) return `[${withSpare(() => readFileSync(`/proc/${pid}/comm`, 'utf8')).trim()}]`;
    return bytes.length > MOST_BYTES ? `${words.join(' ')}…` : words.join(' ');
  } catch {
    return '[gone]';
  }
}

/** A process may show megabytes, and thousands that it forks show the same. */
const MOST_BYTES = 4096;

function startOf(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(MOST_BYTES + 1);
    return bytes.subarray(0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}
