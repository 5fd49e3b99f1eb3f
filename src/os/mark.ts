// The mark by which the kernel itself remembers for which run of which activation a process was spawned, or the one that
// it descends from, where no cgroup does.
//
// A daemon of the old kind has wiped its environment by the time anybody can read it (nginx, redis and PostgreSQL lay
// their title over it), leads a session of its own, and has lost its parent. What it cannot but keep is what the kernel
// copies at fork(2) and leaves alone at execve(2): among that the resource limits. RLIMIT_LOCKS has had no effect since
// Linux 2.4.25 (getrlimit(2)), nobody sets it, and /proc/PID/limits shows it of every user's processes. So its soft
// limit is the mark: a number that no limit on locks would be, with a part of the invocation id and of the run's in it.
//
// Who sets the limit, as a unit may with `limits`, has no mark, and is found as before there were marks.
import type { SpawnRequest } from '../model/process.ts';
import { ownLimit, RESOURCES, setOwnLimit } from './libc/limit.ts';
import { INVOCATION_VARIABLE, RUN_VARIABLE } from './ports.ts';
import { procText } from './procfs.ts';

/** Beside 36 bits of the invocation id and 16 of the run's; the sum is a number without loss. */
const FLOOR = 2 ** 52;
const INVOCATION_DIGITS = 9;
const RUNS = 2 ** 16;

export interface Mark {
  readonly invocation: number;
  readonly run: number;
}

/** What a mark has of the id; null: it is not of hexadecimal digits, and nobody is marked with it. */
function invocationIn(invocationId: string): number | null {
  const digits = invocationId.replaceAll('-', '').slice(0, INVOCATION_DIGITS);
  return /^[0-9a-f]{9}$/.test(digits) ? Number.parseInt(digits, 16) : null;
}

export function isOfInvocation(mark: Mark, invocationId: string): boolean {
  return mark.invocation === invocationIn(invocationId);
}

export function isOfRun(mark: Mark, invocationId: string, run: number): boolean {
  return isOfInvocation(mark, invocationId) && mark.run === run % RUNS;
}

/** In the text of /proc/PID/limits; null: there is none. */
export function markIn(limits: string): Mark | null {
  const number = Number(/^Max file locks +(\d+)/m.exec(limits)?.[1] ?? 0) - FLOOR;
  if (number < 0 || number >= FLOOR) return null;
  return { invocation: Math.floor(number / RUNS), run: number % RUNS };
}

/** null also where it is gone. */
export function markOf(pid: number): Mark | null {
  return markIn(procText(`/proc/${pid}/limits`, true) ?? '');
}

/**
 * Makes the call while this process has the mark of what is spawned with this environment, for a child to begin with.
 * Where its own hard limit is lower than that, the child has none.
 */
export function marked<T>(environment: SpawnRequest['environment'], call: () => T): T {
  const invocation = invocationIn(environment[INVOCATION_VARIABLE] ?? '');
  if (invocation === null) return call();
  const run = Number(environment[RUN_VARIABLE] ?? 0) % RUNS;
  const own = ownLimit(RESOURCES.locks);
  setOwnLimit(RESOURCES.locks, { soft: FLOOR + invocation * RUNS + run, hard: own.hard });
  try {
    return call();
  } finally {
    setOwnLimit(RESOURCES.locks, own);
  }
}
