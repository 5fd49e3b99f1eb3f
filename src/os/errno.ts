// The names of error numbers.
import { constants } from 'node:os';
import { codeOf } from '../base/fault.ts';

// Of two names for one number, the first is the one that manuals use: EAGAIN, not EWOULDBLOCK.
const names = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** `ENOENT` for 2; `errno 999` for a number that has no name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** The name of the errno that a call of node threw, `EBUSY`; rethrows what is none. */
export function thrownErrno(error: unknown): string {
  const code = codeOf(error);
  if (code === null) throw error;
  return code;
}
