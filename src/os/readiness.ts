// Says when descriptors can be read, without reading them: node's own sockets read as soon as there is something. Knows
// nothing of what is behind them.
//
// One epoll_wait(2) waits for all of them on a thread of the pool, however many they are, and an eventfd ends it, since
// the program cannot exit while that thread waits. One-shot: a pipe that is written to all the time wakes nobody until
// its reader has found it empty and asks again.
import { closeSync, writeSync } from 'node:fs';
import { errnoName } from './errno.ts';
import { epollArm, epollForget, epollReady, openEpoll, openEventFd } from './libc/epoll.ts';
import type { Readiness } from './ports.ts';

/** The eventfd's; those who watch count from 1. */
const WAKE_ID = 0;

export function createReadiness(): Readiness {
  const callbacks = new Map<number, () => void>();
  let waiting: { readonly epollFd: number; readonly wakeFd: number } | null = null;
  let isClosed = false;
  let lastId = WAKE_ID;

  const checked = <T extends { readonly errno: number }>(result: T): T => {
    if (result.errno !== 0) throw new Error(`cannot watch output pipes: ${errnoName(result.errno)}`);
    return result;
  };

  const waitForAll = async (epollFd: number, wakeFd: number): Promise<void> => {
    while (!isClosed) {
      for (const id of await epollReady(epollFd)) {
        try {
          callbacks.get(id)?.();
        } catch (error) {
          // One reader's bug must not end the watch over the others.
          process.nextTick(() => {
            throw error;
          });
        }
      }
    }
    closeSync(epollFd);
    closeSync(wakeFd);
  };

  const begin = (): number => {
    if (isClosed) throw new Error('cannot watch output pipes: the watch is closed');
    if (waiting !== null) return waiting.epollFd;
    const epollFd = checked(openEpoll()).fd;
    const wake = openEventFd();
    if (wake.errno !== 0) closeSync(epollFd);
    const wakeFd = checked(wake).fd;
    epollArm(epollFd, wakeFd, WAKE_ID, 'add');
    waiting = { epollFd, wakeFd };
    void waitForAll(epollFd, wakeFd);
    return epollFd;
  };

  return {
    watch: (fd, onReadable) => {
      const epollFd = begin();
      const id = ++lastId;
      checked({ errno: epollArm(epollFd, fd, id, 'add') });
      callbacks.set(id, onReadable);
      return {
        arm: () => {
          if (callbacks.has(id)) epollArm(epollFd, fd, id, 'again');
        },
        close: () => {
          if (callbacks.delete(id)) epollForget(epollFd, fd);
        },
      };
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      callbacks.clear();
      const one = Buffer.alloc(8);
      one.writeBigUInt64LE(1n);
      if (waiting !== null) writeSync(waiting.wakeFd, one);
    },
  };
}
