// The lock of a directory, which one daemon alone holds while it lives.
import { closeSync, constants as fsConstants, fstatSync, openSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { codeOf } from '../base/fault.ts';
import { errnoName } from './errno.ts';
import { createAnew, ownText, writeWhole } from './files.ts';
import { lockFile } from './libc/file.ts';
import { lockHolder } from './lock-holder.ts';

export interface Lock {
  /** Holds the lock as long as it, or a copy of it, is open. */
  readonly fd: number;
  /** What lies at the directory's path is still what is locked, and no other that somebody else may have locked. */
  isInPlace(): boolean;
  close(): void;
}

export type LockResult =
  | { readonly ok: true; readonly lock: Lock }
  /** null: neither the kernel nor the file of its pid says who. */
  | { readonly ok: false; readonly holderPid: number | null };

/**
 * Takes the lock of a directory for this process and writes its pid to `path`, a file in it. The lock is on the
 * directory itself, since the file may be removed by who tidies up; the kernel drops it with the process, however that
 * ends, and the file stays. Throws when there is nothing to lock or to write to.
 */
export function acquireLock(path: string): LockResult {
  const directory = dirname(path);
  for (;;) {
    let fd: number;
    try {
      fd = openSync(directory, fsConstants.O_RDONLY | fsConstants.O_DIRECTORY);
    } catch (error) {
      throw cannotLock(directory, codeOf(error) ?? String(error));
    }
    const errno = lockFile(fd);
    if (errno === constants.errno.EWOULDBLOCK) {
      // The file may be an earlier one's, but says something also of a process in another PID namespace.
      const holderPid = lockHolder(fd) ?? pidIn(path);
      closeSync(fd);
      return { ok: false, holderPid };
    }
    if (errno !== 0) {
      closeSync(fd);
      throw cannotLock(directory, errnoName(errno));
    }
    // Somebody may have replaced it between open and lock: then the lock is on one that no one else sees.
    if (!isAt(directory, fd)) {
      closeSync(fd);
      continue;
    }
    try {
      writePid(path);
    } catch (error) {
      closeSync(fd);
      throw cannotLock(path, codeOf(error) ?? String(error));
    }
    return { ok: true, lock: lockOn(path, fd) };
  }
}

/**
 * The lock that the program held of which this one took the place: `fd` is its descriptor. It was never let go
 * meanwhile. Taken anew where the directory has been replaced since.
 */
export function inheritLock(path: string, fd: number): LockResult {
  if (isAt(dirname(path), fd)) return { ok: true, lock: lockOn(path, fd) };
  closeSync(fd);
  return acquireLock(path);
}

function cannotLock(path: string, reason: string): Error {
  return new Error(`cannot lock ${JSON.stringify(path)}: ${reason}, expected one to write to`);
}

function isAt(path: string, fd: number): boolean {
  const [there, held] = [statSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return there?.ino === held.ino && there.dev === held.dev;
}

function writePid(path: string): void {
  const fd = createAnew(path, 0o600);
  try {
    writeWhole(fd, `${process.pid}\n`);
  } finally {
    closeSync(fd);
  }
}

function pidIn(path: string): number | null {
  try {
    const pid = Number.parseInt(ownText(path), 10);
    return Number.isNaN(pid) ? null : pid;
  } catch {
    return null;
  }
}

/** Whatever somebody has put in its place is neither followed nor waited for. */
const EMPTYING = fsConstants.O_WRONLY | fsConstants.O_TRUNC | fsConstants.O_NOFOLLOW | fsConstants.O_NONBLOCK;

function lockOn(path: string, fd: number): Lock {
  let closed = false;
  const isInPlace = (): boolean => {
    try {
      return isAt(dirname(path), fd);
    } catch {
      return false;
    }
  };
  const close = (): void => {
    if (closed) return;
    closed = true;
    try {
      if (isInPlace()) closeSync(openSync(path, EMPTYING));
    } catch {
      // Gone, or a disk that refuses: the pid that stays there is nobody's, and the lock goes all the same.
    }
    closeSync(fd);
  };
  return { fd, isInPlace, close };
}
