// Opens the named pipes that carry units' output, and removes those that are left over. Reads and writes nothing.
import {
  closeSync,
  constants as fsConstants,
  fchmodSync,
  fstatSync,
  openSync,
  readdirSync,
  unlinkSync,
} from 'node:fs';
import type { Dirent } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { errnoName } from './errno.ts';
import { mkfifo, setPipeSize } from './libc/pipe.ts';
import { raisedFd } from './raised-descriptor.ts';

function failure(path: string, actual: string): Error {
  return new Error(`cannot open output pipe ${JSON.stringify(path)}: ${actual}`);
}

/**
 * The unit may open /dev/stdout again, whoever its processes run as or become (su, or a server that gives its rights up).
 * Nobody else gets here: the directory is the daemon's alone, and /proc/PID/fd is open to those who may trace the process.
 */
const MODE = 0o666;

// On a FIFO O_RDWR never blocks and never sees the other end missing (fifo(7), a Linux promise). O_NONBLOCK: whatever
// else lies there, opening it must not wait.
const OPEN_FLAGS = fsConstants.O_RDWR | fsConstants.O_NOFOLLOW | fsConstants.O_NONBLOCK;

/**
 * Makes the FIFO, or takes up the one that an earlier daemon left with all that is unread in it. The descriptor is the
 * caller's: for reading without waiting, and to open the pipe anew from, for its writer. `sizeBytes`: capacity asked for;
 * the kernel's default stays where it refuses (pipe-user-pages-soft). Throws when something else lies at the path or the
 * file system refuses.
 */
export function openOutputPipe(path: string, sizeBytes: number): number {
  const errno = mkfifo(path, MODE);
  if (errno !== 0 && errno !== constants.errno.EEXIST) throw failure(path, errnoName(errno));
  const fd = raisedFd(openSync(path, OPEN_FLAGS));
  try {
    if (!fstatSync(fd).isFIFO()) throw failure(path, 'something else lies there, expected a named pipe');
    fchmodSync(fd, MODE);
    setPipeSize(fd, sizeBytes);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Removes the FIFOs of the directory that nobody has open: none of them can hold anything. */
export function removeUnusedPipes(directory: string): void {
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    // Removed, or on a disk that refuses: whatever is there can stay.
    return;
  }
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (!entry.isFIFO() || isInUse(path)) continue;
    try {
      unlinkSync(path);
    } catch {
      // A disk that refuses: it holds nothing, and is taken up or removed another time.
    }
  }
}

/** Whoever holds a unit's pipe can read it (see above); without a reader, an open to write does not wait (fifo(7)). */
function isInUse(path: string): boolean {
  try {
    closeSync(openSync(path, fsConstants.O_WRONLY | fsConstants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}
