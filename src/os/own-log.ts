// The daemon's own log file, kept within bounds. Knows descriptors and names; never what is in the file.
//
// - A file that has grown to its bound becomes PATH.1, what was PATH.1 becomes PATH.2, and so on; the last goes. A new
//   file takes the place of the old one behind the same descriptors: what node prints when it dies goes to descriptor
//   2 whatever happens, and a version that takes over (reexec) writes to it as well. Hence no rotating-file-stream,
//   which has a descriptor of its own.
// - Only what lay at PATH at the beginning is looked after. A descriptor that leads elsewhere, a terminal or the file of
//   whoever started the daemon, is somebody else's.
// - Where another program has moved or removed the file, as logrotate(8) does, a new one takes its place in the same way.
// - Between two lines: it is asked before and after each. A line that node prints meanwhile goes to one file or the
//   other, whole.
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { codeOf, phraseOf } from '../base/fault.ts';
import { errnoName } from './errno.ts';
import { putInPlaceOf } from './libc/descriptor.ts';

const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
const NEW_FILE = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW;
/** Or one that logrotate(8) has made already. Whatever else lies there must not be waited for. */
const ANY_FILE = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
/** Of a file that stays, or is another's: so that it is not looked at, and spoken of, with every line. */
const LOOK_AGAIN_BYTES = 64 * 1024;

export interface OwnLogOptions {
  readonly path: string;
  /** Those that may lead to the file; the first is the one that lines are written to. */
  readonly fds: readonly [number, ...number[]];
  /** Size at which the file is rotated. */
  readonly maxBytes: number;
  /** Kept beside it. */
  readonly maxFiles: number;
}

export interface OwnLog {
  /** A line is about to be written: to a new file, should the old one lie at its path no more. */
  writes(): void;
  /** `bytes` were written, whole lines. Why the file stays as it is although it has reached its bound; else null. */
  wrote(bytes: number): string | null;
}

export function boundOwnLog({ path, fds, maxBytes, maxFiles }: OwnLogOptions): OwnLog {
  const [fd] = fds;
  const first = fstatSync(fd);
  /** The file that lines go to, where it lay at its path at the beginning; null: it did not. */
  let known = liesAt(path, first) ? first : null;
  /** What may be written before the file has to be looked at again: others write to it too. */
  let room = 0;

  /** Has every descriptor of the old file lead to this one. */
  const lead = (freshFd: number, old: Stats): void => {
    for (const place of fds.filter((other) => isSameFile(fstatSync(other), old))) {
      const errno = putInPlaceOf(freshFd, place);
      if (errno !== 0) throw new Error(errnoName(errno));
    }
    known = fstatSync(freshFd);
    room = 0;
  };

  const beginAnew = (old: Stats): void => {
    let freshFd: number | null = null;
    try {
      freshFd = openSync(path, ANY_FILE, old.mode);
      if (fstatSync(freshFd).isFile()) lead(freshFd, old);
    } catch {
      // Its directory is gone, or the disk refuses: tried again with the next line.
    } finally {
      if (freshFd !== null) closeSync(freshFd);
    }
  };

  const rotate = (old: Stats): string | null => {
    const fresh = `${path}.new`;
    let freshFd: number | null = null;
    try {
      // First, so that nothing is moved where there can be no other.
      removeIfPossible(fresh);
      freshFd = openSync(fresh, NEW_FILE, old.mode);
      fchmodSync(freshFd, old.mode & 0o777);
      for (let age = maxFiles; age > 0; age -= 1) moveIfThere(nameOf(path, age - 1), nameOf(path, age));
      renameSync(fresh, path);
      lead(freshFd, old);
      return null;
    } catch (error) {
      removeIfPossible(fresh);
      return `cannot rotate log "${path}": ${phraseOf(error)}`;
    } finally {
      if (freshFd !== null) closeSync(freshFd);
    }
  };

  return {
    writes: () => {
      if (known !== null && !liesAt(path, known)) beginAnew(known);
    },
    wrote: (bytes) => {
      room -= bytes;
      if (room > 0) return null;
      const file = fstatSync(fd);
      room = maxBytes - file.size;
      if (room > 0) return null;
      room = LOOK_AGAIN_BYTES;
      return liesAt(path, file) ? rotate(file) : null;
    },
  };
}

function nameOf(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`;
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** What is in the way is told by who meets it. */
function removeIfPossible(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Mostly there is none.
  }
}

function liesAt(path: string, file: Stats): boolean {
  try {
    return isSameFile(lstatSync(path), file);
  } catch {
    return false;
  }
}

function isSameFile(a: Stats, b: Stats): boolean {
  return a.isFile() && a.ino === b.ino && a.dev === b.dev;
}
