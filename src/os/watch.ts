// Watches processes that are not our children: an earlier daemon spawned them, so no SIGCHLD tells of their end. A
// pidfd becomes readable then (pidfd_open(2)).
//
// How it ended: as long as whoever is its parent now has not reaped it, /proc tells; afterwards the pidfd does, on
// Linux 6.15 or newer (PIDFD_GET_INFO). Neither may be had at the first look, so an end without a status is looked at
// again, for a while.
//
// Where there is no pidfd to be had (forbidden by a seccomp filter, out of descriptors), or /proc does not say yet whose it
// would be, /proc is looked at every second instead: that a process cannot be watched must never pass for its end.
import { closeSync } from 'node:fs';
import { keyOf, UNKNOWN_STATUS } from '../model/process.ts';
import type { ExitStatus, ProcessId } from '../model/process.ts';
import { pidfdOpen, pidfdWaitStatus } from './libc/pidfd.ts';
import type { Readiness, Watched } from './ports.ts';
import { lifeOf, zombieWaitStatus } from './procfs.ts';
import { raisedFd } from './raised-descriptor.ts';
import { signalName } from './signal-names.ts';

export interface ProcessWatch {
  /** False when the process has ended already. Once more for a process that is watched changes nothing. */
  add(process: ProcessId): boolean;
  close(): void;
}

/** How long a parent is given to reap before the status counts as unknown. */
const REAP_PATIENCE_MS = 1000;
const REAP_LOOK_MS = 20;
const LIFE_LOOK_MS = 1000;

/** As waitpid(2) packs it: signal in the low seven bits, then the core bit, then the code. */
function exitStatusOf(status: number | null): ExitStatus {
  if (status === null) return UNKNOWN_STATUS;
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null, coreDumped: false };
  return { code: null, signal: signalName(signal), coreDumped: (status & 0x80) !== 0 };
}

interface Hold {
  readonly watched: Watched;
  /** It has ended, and is looked at again for how. */
  again: NodeJS.Timeout | null;
}

/** `readiness` stays the caller's. */
export function createProcessWatch(
  readiness: Readiness,
  onEnded: (process: ProcessId, status: ExitStatus) => void,
): ProcessWatch {
  const known = new Set<string>();
  /** By pidfd. */
  const holds = new Map<number, Hold>();
  const withoutPidfd = new Set<ProcessId>();
  let looking: NodeJS.Timeout | null = null;
  let isClosed = false;

  const report = (ended: ProcessId, status: number | null): void => {
    known.delete(keyOf(ended));
    try {
      onEnded(ended, exitStatusOf(status));
    } catch (error) {
      // A listener's bug must not end the watch over the others.
      process.nextTick(() => {
        throw error;
      });
    }
  };

  const letGo = (pidfd: number, { watched, again }: Hold): void => {
    holds.delete(pidfd);
    if (again !== null) clearTimeout(again);
    watched.close();
    closeSync(pidfd);
  };

  const tellOf = (ended: ProcessId, pidfd: number, patienceEndsMs: number): void => {
    const one = holds.get(pidfd);
    if (one === undefined) return;
    const status = pidfdWaitStatus(pidfd) ?? zombieWaitStatus(ended);
    if (status === null && performance.now() < patienceEndsMs) {
      one.again = setTimeout(() => tellOf(ended, pidfd, patienceEndsMs), REAP_LOOK_MS);
      return;
    }
    letGo(pidfd, one);
    report(ended, status);
  };

  /** The pidfd first: what it holds is then known to be the process that has this start time. */
  const hold = (added: ProcessId): boolean => {
    const { fd, errno } = pidfdOpen(added.pid);
    if (errno !== 0) return false;
    let held: number | null = null;
    try {
      const pidfd = raisedFd(fd);
      held = pidfd;
      if (lifeOf(added) === 'alive') {
        const onEnd = (): void => tellOf(added, pidfd, performance.now() + REAP_PATIENCE_MS);
        holds.set(pidfd, { watched: readiness.watch(pidfd, onEnd), again: null });
        return true;
      }
    } catch {
      // No descriptor is left for it, or to wait with.
    }
    if (held !== null) closeSync(held);
    return false;
  };

  const lookLater = (): void => {
    looking ??= setTimeout(() => {
      looking = null;
      for (const looked of [...withoutPidfd]) {
        const life = lifeOf(looked);
        if (life === 'unknown' || (life === 'alive' && !hold(looked))) continue;
        withoutPidfd.delete(looked);
        if (life === 'over') report(looked, zombieWaitStatus(looked));
      }
      if (withoutPidfd.size > 0 && !isClosed) lookLater();
    }, LIFE_LOOK_MS);
  };

  return {
    add: (added) => {
      if (isClosed || known.has(keyOf(added))) return lifeOf(added) !== 'over';
      const isHeld = hold(added);
      if (!isHeld && lifeOf(added) === 'over') return false;
      known.add(keyOf(added));
      if (!isHeld) {
        withoutPidfd.add(added);
        lookLater();
      }
      return true;
    },
    close: () => {
      isClosed = true;
      if (looking !== null) clearTimeout(looking);
      for (const [pidfd, one] of holds) letGo(pidfd, one);
    },
  };
}
