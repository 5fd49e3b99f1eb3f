// Opens files in whose place anything may lie: those that are in the hands of a unit's user, and the daemon's own, since a
// FIFO among them would keep its start waiting for ever.
//
// To open a device does something already: a watchdog begins to count, and a terminal becomes the one that controls a
// daemon without one, whose Ctrl-C ends it. So what lies there is looked at by O_PATH, which opens nothing, and only what
// was looked at is opened.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { withSpare } from './spare-descriptor.ts';

/** Of asm-generic/fcntl.h, for x86-64 and arm64; node:fs does not name it. */
export const O_PATH = 0o10000000;

// O_NONBLOCK: no waiting for whoever has a lease on it (fcntl(2)).
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * A descriptor for reading, the caller's; null: it is no regular file. `flags`: O_NOFOLLOW, for whom a link is none.
 * Throws what the system says.
 */
export function openRegularFile(path: string, flags = 0): number | null {
  return withSpare(() => openedIfRegular(path, flags));
}

function openedIfRegular(path: string, flags: number): number | null {
  const seen = openSync(path, O_PATH | flags);
  try {
    return fstatSync(seen).isFile() ? openSync(`/proc/self/fd/${seen}`, OPEN_FLAGS) : null;
  } finally {
    closeSync(seen);
  }
}
