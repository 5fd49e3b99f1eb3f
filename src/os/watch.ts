// Watches processes that are not our children: an earlier daemon spawned them, so no SIGCHLD tells of their end. A
// pidfd becomes readable then (pidfd_open(2)).
//
// How it ended: as long as whoever is its parent now has not reaped it, /proc tells; afterwards the pidfd does, on
// Linux 6.15 or newer (PIDFD_GET_INFO), and hangs up when it can. Neither may be had at the first look, so an end
// without a status is looked at again, for a while.
//
// One poll(2) waits for all of them on a thread of the pool; an eventfd wakes it when the set changes and at the end,
// since the program cannot exit while that thread waits. Nothing is held while nobody is watched.
import { closeSync, readSync, writeSync } from 'node:fs';
import type { ExitStatus, ProcessId } from '../model/process.ts';
import { openEventFd, pidfdOpen, pidfdWaitStatus, pollFds } from './libc.ts';
import { isAlive, processStat, zombieWaitStatus } from './procfs.ts';
import { signalName } from './signal-names.ts';

export interface ProcessWatch {
  /** False when the process is gone already, or cannot be watched. */
  add(process: ProcessId): boolean;
  close(): void;
}

/** How long a parent is given to reap before the status counts as unknown. */
const REAP_PATIENCE_MS = 1000;

const UNKNOWN: ExitStatus = { code: null, signal: null, coreDumped: false };

/** As waitpid(2) packs it: signal in the low seven bits, then the core bit, then the code. */
function exitStatusOf(status: number | null): ExitStatus {
  if (status === null) return UNKNOWN;
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null, coreDumped: false };
  return { code: null, signal: signalName(signal), coreDumped: (status & 0x80) !== 0 };
}

const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

export function createProcessWatch(onEnded: (process: ProcessId, status: ExitStatus) => void): ProcessWatch {
  const watched = new Map<number, ProcessId>();
  /** Ended, not reaped yet; until when that is waited for. */
  const zombies = new Map<number, number>();
  let wakeFd: number | null = null;
  let isClosed = false;

  const wake = (): void => {
    const one = Buffer.alloc(8);
    one.writeBigUInt64LE(1n);
    if (wakeFd !== null) writeSync(wakeFd, one);
  };

  const report = (pidfd: number, ended: ProcessId, status: number | null): void => {
    watched.delete(pidfd);
    zombies.delete(pidfd);
    closeSync(pidfd);
    onEnded(ended, exitStatusOf(status));
  };

  const waitForAll = async (fd: number): Promise<void> => {
    while (!isClosed && watched.size > 0) {
      const living = [...watched.keys()].filter((pidfd) => !zombies.has(pidfd));
      const timeoutMs = zombies.size === 0 ? -1 : REAP_PATIENCE_MS;
      const ready = await pollFds([fd, ...living], [...zombies.keys()], timeoutMs);
      for (const pidfd of ready) {
        const ended = watched.get(pidfd);
        if (ended === undefined) readSync(fd, Buffer.alloc(8));
        else {
          const status = pidfdWaitStatus(pidfd) ?? zombieWaitStatus(ended);
          if (status !== null || zombies.has(pidfd)) report(pidfd, ended, status);
          else zombies.set(pidfd, monotonicMs() + REAP_PATIENCE_MS);
        }
      }
      for (const [pidfd, patienceEnds] of zombies) {
        const ended = watched.get(pidfd);
        if (ended !== undefined && monotonicMs() >= patienceEnds) report(pidfd, ended, null);
      }
    }
    wakeFd = null;
    closeSync(fd);
    for (const pidfd of watched.keys()) closeSync(pidfd);
    watched.clear();
  };

  return {
    add: (process) => {
      const { fd, errno } = pidfdOpen(process.pid);
      if (errno !== 0) return false;
      const stat = processStat(process.pid);
      if (!isAlive(stat) || stat.startTicks !== process.startTicks) {
        closeSync(fd);
        return false;
      }
      watched.set(fd, process);
      if (wakeFd === null) {
        const event = openEventFd();
        if (event.errno !== 0)
          throw new Error(`cannot watch processes: eventfd fails with errno ${event.errno}`);
        wakeFd = event.fd;
        void waitForAll(event.fd);
      } else wake();
      return true;
    },
    close: () => {
      isClosed = true;
      wake();
    },
  };
}
