// The soft limit on open files that children begin with.
//
// Node raises its soft limit to the hard one before any of our code runs, and the former value is recorded nowhere;
// children get the conventional 1024 (or the hard limit, if lower), which programs that use select(2) need, unless the
// unit sets `nofile`. The daemon lowers its own soft limit around posix_spawn, so the child has the right one at its
// first instruction. Limits belong to all threads, but open descriptors are never touched and new ones take the lowest
// free number, so libuv's threads notice nothing as long as the lowest free number is well below the limit. Where it is
// not, prlimit(1) goes before the command instead.
import { closeSync } from 'node:fs';
import type { SpawnRequest } from '../model/process.ts';
import { helperPath } from './exec-chain.ts';
import { duplicateFd } from './libc/descriptor.ts';
import { ownLimit, RESOURCES, setOwnLimit } from './libc/limit.ts';

const CONVENTIONAL = 1024;
/** Descriptors that other threads can have opened before posix_spawn returns, with a wide margin. */
const FREE_DESCRIPTORS = 64;

export interface OpenFilesLimit {
  /** Whether a child with these limits of its unit is to have a lower one than the daemon. */
  isLowerWith(limits: SpawnRequest['limits']): boolean;
  /** What lowers it between the daemon and the command; null where the spawn is to be made in lowered(). */
  link(): readonly [program: string, ...words: string[]] | null;
  /** Makes the call while the daemon's own is as low. */
  lowered(call: () => number): number;
}

/** `fd`: any open descriptor, which stays the caller's. */
export function createOpenFilesLimit(fd: number): OpenFilesLimit {
  const own = ownLimit(RESOURCES.nofile);
  const soft = Math.min(CONVENTIONAL, own.hard);

  const hasFreeDescriptors = (): boolean => {
    const lowest = duplicateFd(fd, 0);
    if (lowest.errno !== 0) return false;
    closeSync(lowest.fd);
    return lowest.fd < soft - FREE_DESCRIPTORS;
  };

  return {
    isLowerWith: ({ nofile }) => own.soft > soft && nofile === undefined,
    link: () => {
      const prlimit = hasFreeDescriptors() ? null : helperPath('prlimit');
      return prlimit === null ? null : [prlimit, `--nofile=${soft}:`, '--'];
    },
    lowered: (call) => {
      setOwnLimit(RESOURCES.nofile, { soft, hard: own.hard });
      try {
        return call();
      } finally {
        setOwnLimit(RESOURCES.nofile, own);
      }
    },
  };
}
