// Describes processes for people: parent and command line of each. A process that is gone is left out.
import { readFileSync } from 'node:fs';
import type { ProcessId } from '../model/process.ts';
import { processStat } from './procfs.ts';

export interface ProcessFacts {
  readonly pid: number;
  readonly parentPid: number;
  /** The words of its command line, blank-separated; its name in brackets where it has none, as ps(1) writes it. */
  readonly command: string;
}

export function processFacts(processes: readonly ProcessId[]): readonly ProcessFacts[] {
  return processes.flatMap(({ pid, startTicks }) => {
    const stat = processStat(pid);
    if (stat === null || stat.startTicks !== startTicks) return [];
    return [{ pid, parentPid: stat.parentPid, command: commandLine(pid) }];
  });
}

/** Pid of its parent now; null when it is gone. */
export function parentOf({ pid, startTicks }: ProcessId): number | null {
  const stat = processStat(pid);
  return stat?.startTicks === startTicks ? stat.parentPid : null;
}

function commandLine(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .split('\0')
      .filter((word) => word !== '');
    return words.length > 0 ? words.join(' ') : `[${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()}]`;
  } catch {
    return '[gone]';
  }
}
