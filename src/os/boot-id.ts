// Names the boot of the kernel as this PID namespace sees it: pids, start times and the monotonic clock mean something
// within one boot only, and the processes of a container end with its first one.
import { readFileSync } from 'node:fs';
import { processStat } from './procfs.ts';

/**
 * The kernel's name for the boot, with the start time of process 1 where that may be seen: a container that is
 * started again has the same files and the same kernel, but another process 1. An exec does not change it.
 */
export function currentBootId(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  const first = processStat(1);
  return first === null ? boot : `${boot} ${first.startTicks}`;
}

/**
 * Whether two of them may name one boot. Process 1 speaks only where both have seen it: a daemon whose /proc has been
 * mounted with hidepid meanwhile has still the boot of the one before.
 */
export function isSameBoot(one: string, other: string): boolean {
  const [boot, first] = one.split(' ', 2);
  const [otherBoot, otherFirst] = other.split(' ', 2);
  return boot === otherBoot && (first === undefined || otherFirst === undefined || first === otherFirst);
}
