// Moves of processes between cgroups without their wait. A move takes the kernel's cgroup_threadgroup_rwsem to write,
// and unless somebody has done so just before, the kernel has all processors pass a quiescent state first
// (rcu_sync_enter() in kernel/rcu/sync.c): 6 to 20 ms in which the mover stands still. Then it stays ready for about as
// long again. So a thread of the pool moves the daemon to where it is already, time and again: that waits, moves
// nothing, and the moves in between take a tenth of a millisecond.
//
// Not for long: while the kernel is ready, forks and ends of all processes of the machine take a slower path.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Expectation } from './ports.ts';

/** A third of the time for which the kernel stays ready. */
const AGAIN_MS = 4;

export interface ReadyMoves extends Expectation {
  /** Resolves once it is closed and no move is under way: before that, this process may be moved back here. */
  readonly over: Promise<void>;
}

/** `cgroup`: the one that this process is in. */
export function readyMoves(cgroup: string): ReadyMoves {
  let isClosed = false;
  let tell = (): void => {};
  const ready = new Promise<void>((resolve) => (tell = resolve));
  const movedAgain = async (): Promise<void> => {
    const file = await open(join(cgroup, 'cgroup.procs'), constants.O_WRONLY);
    try {
      while (!isClosed) {
        await file.write('0');
        tell();
        await pause(AGAIN_MS);
      }
    } finally {
      await file.close();
    }
  };
  // Where the kernel refuses, those that move wait as they would have.
  const over = movedAgain()
    .catch(() => {})
    .finally(tell);
  return { ready, over, close: () => void (isClosed = true) };
}
