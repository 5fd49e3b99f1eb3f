// What the kernel that runs the tests can do.
import { release } from 'node:os';

const [major = 0, minor = 0] = release().split('.').map(Number);

function isLinux(since: number, minorSince: number): boolean {
  return major > since || (major === since && minor >= minorSince);
}

/** How a process ended, to one that is not its parent (PIDFD_INFO_EXIT); else only who looks before its parent does. */
export const TELLS_EXITS = isLinux(6, 15);

/** Opens a file without waiting for a disk (RESOLVE_CACHED). */
export const OPENS_AT_HAND = isLinux(5, 12);
