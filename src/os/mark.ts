// The mark by which the kernel remembers of which activation a process is, where no cgroup does.
//
// A daemon of the old kind has wiped its environment by the time anybody can read it (nginx, redis and PostgreSQL lay
// their title over it), leads a session of its own, and has lost its parent. What it cannot but keep is what the kernel
// copies at fork(2) and leaves alone at execve(2): among that the resource limits. RLIMIT_LOCKS has had no effect since
// Linux 2.4.25 (getrlimit(2)), nobody sets it, and /proc/PID/limits shows it of every user's processes. So its soft
// limit is the mark: a number that no limit on locks would be, with a part of the invocation id in it.
//
// Who sets the limit, as a unit may with `limits`, has no mark, and is found as before there were marks.
import { ownLimit, RESOURCES, setOwnLimit } from './libc/limit.ts';
import { procText } from './procfs.ts';

/** Beside the 48 bits of the id; the sum is a number without loss. */
const FLOOR = 2 ** 52;
const ID_DIGITS = 12;

/** null: the id is not of hexadecimal digits. */
export function markOf(invocationId: string): number | null {
  const digits = invocationId.replaceAll('-', '').slice(0, ID_DIGITS);
  return /^[0-9a-f]{12}$/.test(digits) ? FLOOR + Number.parseInt(digits, 16) : null;
}

/** null where it has none, and where it is gone. */
export function markIn(limits: string): number | null {
  const soft = Number(/^Max file locks +(\d+)/m.exec(limits)?.[1] ?? 0);
  return soft >= FLOOR && soft < 2 * FLOOR ? soft : null;
}

/** The same of a process. */
export function markOfProcess(pid: number): number | null {
  return markIn(procText(`/proc/${pid}/limits`) ?? '');
}

/**
 * Makes the call while this process has the mark, for a child to begin with. Where its own hard limit is lower than
 * that, the child has none.
 */
export function marked<T>(invocationId: string, call: () => T): T {
  const soft = markOf(invocationId);
  if (soft === null) return call();
  const own = ownLimit(RESOURCES.locks);
  setOwnLimit(RESOURCES.locks, { soft, hard: own.hard });
  try {
    return call();
  } finally {
    setOwnLimit(RESOURCES.locks, own);
  }
}
