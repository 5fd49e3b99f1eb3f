// What the kernel says a process has used. Reads /proc, nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ownCgroup } from '../../src/os/cgroup-hierarchy.ts';

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

/** How often its threads gave the processor away and so were woken again. */
export function wakeUps(pid: number): number {
  let count = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1');
    count += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1]);
  }
  return count;
}

/** Those beside the cgroup that it is in. */
export function cgroupsOf(pid: number): number {
  const own = ownCgroup(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
  );
  return own.ok
    ? readdirSync(dirname(own.directory), { withFileTypes: true }).filter((entry) => entry.isDirectory())
        .length
    : 0;
}

/** Fields of /proc/PID/stat; 0 is the state, the one after the name. */
function statFields(pid: number, from: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(from);
}
