// What the kernel says a process has used. Reads /proc, nothing else.
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in /proc (USER_HZ): 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Time on a processor of all living threads, to the nanosecond. */
export function cpuMs(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  }
  return nanoseconds / 1e6;
}

/** User and system time, as ps(1) has it: whole ticks. */
export function cpuTicksMs(pid: number): number {
  const [utime, stime] = statFields(pid, 11);
  return ((Number(utime) + Number(stime)) * 1000) / TICKS_PER_SECOND;
}

/** The same of all children that `pid` has reaped. */
export function reapedChildrenCpuMs(pid: number): number {
  const [utime, stime] = statFields(pid, 13);
  return ((Number(utime) + Number(stime)) * 1000) / TICKS_PER_SECOND;
}

export interface Memory {
  readonly residentMB: number;
  /** Pages that others map too count as their share. */
  readonly proportionalMB: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1]);
  return { residentMB: (kilobytes('Rss') * 1024) / 1e6, proportionalMB: (kilobytes('Pss') * 1024) / 1e6 };
}

/** Fields of /proc/PID/stat; 0 is the state, the one after the name. */
function statFields(pid: number, from: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(from);
}
