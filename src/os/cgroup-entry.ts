// How processes get into the cgroups of a fence.
//
// With glibc 2.39 (posix_spawnattr_setcgroup_np(3)) a child begins in its unit's cgroup, where the kernel does that. Else
// it begins in its parent's, and is moved at once, which may hold the daemon up for ten milliseconds and more: the kernel
// waits for an RCU grace period, beside the daemon where a reload is about to spawn (ready-moves.ts). Until it is moved it
// may have forked: but nobody beside the daemon lives in the daemon's own cgroup, spawns come one at a time, and each
// ends only when that cgroup is empty again but for the daemon. So whoever is met there belongs to the spawn that is
// under way, and is moved after it; but not who is older than that: another daemon, come after this one's runtime
// directory was replaced. Nor who does not descend from the daemon, which takes over all that a child leaves behind: the
// runtime of a container puts there what it is told to run in it, where the cgroup above passes controllers on. What a
// daemon that was killed left there belongs to the one spawn that was under way then. A process whose first thread has
// ended before the move takes its other threads along, but is listed where its first thread was, and stays so for as long
// as it lives: it is moved once, and then left to be held as one that has left its cgroup.
import type { ProcessId } from '../model/process.ts';
import { ensureCgroup, processesIn, writeControl } from './cgroup.ts';
import { isAlive, processStat } from './procfs.ts';
import type { ProcessStat } from './procfs.ts';

export interface CgroupEntry {
  /**
   * Moves a child that was just spawned, with all that it has forked meanwhile; to a cgroup of no unit if its own is
   * null. `isForeign`: children of the daemon that no unit asked for. An errno's name when it cannot: then some of it
   * may be inside and some not.
   */
  readonly enter: (
    cgroup: string | null,
    child: ProcessId,
    isForeign: (pid: number) => boolean,
  ) => string | null;
  /** Moves what an earlier daemon had spawned and not moved yet. */
  readonly enterLeft: (cgroup: string, leader: number | null) => void;
}

/** Moves that a bomb of forks may outrun before its spawn counts as failed. */
const MOST_ROUNDS = 1000;

function move(pid: number, cgroup: string): string | null {
  const errno = writeControl(cgroup, 'cgroup.procs', String(pid));
  // It has ended meanwhile.
  return errno === 'ESRCH' ? null : errno;
}

/** Who has ended since it was listed may have forked in between, and counts, so that one looks again. */
function isSince(pid: number, ticks: number): boolean {
  const stat = processStat(pid);
  return stat === null || stat.startTicks >= ticks;
}

/** Of this process; also who has ended since, or one above that has, so that one looks again. */
function isDescendant(pid: number): boolean {
  for (let at = pid; at !== process.pid;) {
    const stat = processStat(at);
    if (stat === null) return true;
    if (stat.parentPid === 0) return false;
    at = stat.parentPid;
  }
  return true;
}

/** The kernel moves all of it but its first thread, which has ended and where all of it is listed. */
function isHeadless(stat: ProcessStat | null): stat is ProcessStat {
  return isAlive(stat) && stat.state === 'Z';
}

/**
 * `daemon`: the daemon's own cgroup, where children begin; `session`: the one of no unit, made when it is needed; `left`:
 * processes that an earlier daemon left in the daemon's own.
 */
export function createCgroupEntry(daemon: string, session: string, left: readonly number[]): CgroupEntry {
  /** Start times of the headless that have been moved. */
  const headless = new Map<number, number>();
  const leaveHeadless = (pids: readonly number[]): void => {
    for (const stat of pids.map(processStat)) if (isHeadless(stat)) headless.set(stat.pid, stat.startTicks);
  };
  leaveHeadless(left);
  const strangers = new Set(left.filter((pid) => !headless.has(pid)));

  return {
    enter: (wanted, { pid, startTicks: since }, isForeign) => {
      const cgroup = wanted ?? session;
      const errno = (wanted === null ? ensureCgroup(cgroup) : null) ?? move(pid, cgroup);
      if (errno !== null) return errno;
      let moved = [pid];
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const here = processesIn(daemon);
        leaveHeadless(moved.filter((other) => here.includes(other)));
        for (const [other, startTicks] of headless) {
          if (processStat(other)?.startTicks !== startTicks) headless.delete(other);
        }
        const forked = here.filter(
          (other) =>
            other !== process.pid &&
            !strangers.has(other) &&
            !headless.has(other) &&
            !isForeign(other) &&
            isSince(other, since) &&
            isDescendant(other),
        );
        if (forked.length === 0) return null;
        moved = forked;
        // A pid that is free again could only be a stranger's by now if all pids had been given out in between.
        for (const other of forked) {
          const refused = move(other, cgroup);
          if (refused !== null) return refused;
        }
      }
      return 'EAGAIN';
    },
    enterLeft: (cgroup, leader) => {
      for (const pid of leader === null ? strangers : [leader, ...strangers]) move(pid, cgroup);
      strangers.clear();
    },
  };
}
