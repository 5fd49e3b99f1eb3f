// Watches processes that are not our children: an earlier daemon spawned them, so no SIGCHLD tells of their end. A
// pidfd becomes readable then (pidfd_open(2)).
//
// How it ended: as long as whoever is its parent now has not reaped it, /proc tells; afterwards the pidfd does, on
// Linux 6.15 or newer (PIDFD_GET_INFO), and hangs up when it can. Neither may be had at the first look, so an end
// without a status is looked at again, for a while.
//
// One poll(2) waits for all of them on a thread of the pool; an eventfd wakes it when the set changes and at the end,
// since the program cannot exit while that thread waits. Nothing is held while nobody is watched. Where there is no
// pidfd to be had (forbidden by a seccomp filter, out of descriptors), or /proc does not say yet whose it would be, /proc
// is looked at every second instead: that a process cannot be watched must never pass for its end.
import { closeSync, readSync, writeSync } from 'node:fs';
import { keyOf, UNKNOWN_STATUS } from '../model/process.ts';
import type { ExitStatus, ProcessId } from '../model/process.ts';
import { pidfdOpen, pidfdWaitStatus } from './libc/pidfd.ts';
import { openEventFd, pollFds } from './libc/poll.ts';
import { lifeOf, zombieWaitStatus } from './procfs.ts';
import { signalName } from './signal-names.ts';

export interface ProcessWatch {
  /** False when the process has ended already. Once more for a process that is watched changes nothing. */
  add(process: ProcessId): boolean;
  close(): void;
}

/** How long a parent is given to reap before the status counts as unknown. */
const REAP_PATIENCE_MS = 1000;
const LOOK_EVERY_MS = 1000;

/** As waitpid(2) packs it: signal in the low seven bits, then the core bit, then the code. */
function exitStatusOf(status: number | null): ExitStatus {
  if (status === null) return UNKNOWN_STATUS;
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null, coreDumped: false };
  return { code: null, signal: signalName(signal), coreDumped: (status & 0x80) !== 0 };
}

export function createProcessWatch(onEnded: (process: ProcessId, status: ExitStatus) => void): ProcessWatch {
  const known = new Set<string>();
  const watched = new Map<number, ProcessId>();
  /** Ended, not reaped yet; until when that is waited for. */
  const zombies = new Map<number, number>();
  const withoutPidfd = new Set<ProcessId>();
  let looking: NodeJS.Timeout | null = null;
  let wakeFd: number | null = null;
  let isClosed = false;

  const wake = (): void => {
    const one = Buffer.alloc(8);
    one.writeBigUInt64LE(1n);
    if (wakeFd !== null) writeSync(wakeFd, one);
  };

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

  const drop = (pidfd: number, ended: ProcessId, status: number | null): void => {
    watched.delete(pidfd);
    zombies.delete(pidfd);
    closeSync(pidfd);
    report(ended, status);
  };

  const waitForAll = async (fd: number): Promise<void> => {
    while (!isClosed && watched.size > 0) {
      const living = [...watched.keys()].filter((pidfd) => !zombies.has(pidfd));
      const timeoutMs = zombies.size === 0 ? -1 : REAP_PATIENCE_MS;
      const ready = await pollFds([fd, ...living], [...zombies.keys()], timeoutMs);
      if (isClosed) break;
      if (ready.includes(fd)) readSync(fd, Buffer.alloc(8));
      for (const pidfd of ready) {
        const ended = watched.get(pidfd);
        if (ended === undefined) continue;
        const status = pidfdWaitStatus(pidfd) ?? zombieWaitStatus(ended);
        if (status !== null || zombies.has(pidfd)) drop(pidfd, ended, status);
        else zombies.set(pidfd, performance.now() + REAP_PATIENCE_MS);
      }
      for (const [pidfd, patienceEnds] of zombies) {
        const ended = watched.get(pidfd);
        if (ended !== undefined && performance.now() >= patienceEnds) drop(pidfd, ended, null);
      }
    }
    wakeFd = null;
    closeSync(fd);
    for (const pidfd of watched.keys()) closeSync(pidfd);
    watched.clear();
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
    }, LOOK_EVERY_MS);
  };

  /** Has the thread wait for this pidfd too; false when there is no thread and none can be had. */
  const waitFor = (pidfd: number, added: ProcessId): boolean => {
    if (wakeFd !== null) {
      watched.set(pidfd, added);
      wake();
      return true;
    }
    const event = openEventFd();
    if (event.errno !== 0) return false;
    wakeFd = event.fd;
    watched.set(pidfd, added);
    void waitForAll(event.fd);
    return true;
  };

  /** The pidfd first: what it holds is then known to be the process that has this start time. */
  const hold = (added: ProcessId): boolean => {
    const { fd, errno } = pidfdOpen(added.pid);
    if (errno !== 0) return false;
    const isHeld = lifeOf(added) === 'alive' && waitFor(fd, added);
    if (!isHeld) closeSync(fd);
    return isHeld;
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
      wake();
    },
  };
}
