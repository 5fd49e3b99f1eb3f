// Files of the daemon's own: written whole or not at all, locked while it lives, in directories nobody else writes; or,
// where that is one like /tmp, never taken for its own when they are not.
import { randomUUID } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants as fsConstants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { open, rename, unlink, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../base/fault.ts';
import { errnoName } from './errno.ts';
import { lockFile } from './libc/file.ts';
import { openRegularFile } from './regular-file.ts';

const UNFINISHED = '.tmp';

/** Removes what a killed process left of writeFileAtomic() for `path`; nobody may be writing it. */
export function removeUnfinished(path: string): void {
  try {
    for (const name of readdirSync(dirname(path))) {
      if (name.startsWith(`${basename(path)}.`) && name.endsWith(UNFINISHED))
        unlinkSync(join(dirname(path), name));
    }
  } catch {
    // It only lies there.
  }
}

/**
 * The text of one that this user or root has written: whoever plants another would have the daemon run what it says.
 * Throws what the system says, and where it is no such file.
 */
export function ownText(path: string): string {
  const fd = openRegularFile(path, fsConstants.O_NOFOLLOW);
  if (fd === null) throw new Error('it is no regular file');
  try {
    const trouble = foreignOwner(fstatSync(fd));
    if (trouble !== null) throw new Error(trouble);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces `path` so that a reader, or the next boot after a power cut, sees the old content or the new one.
 * Of two calls for one path that overlap, either may win: the caller keeps them in order.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | readonly string[],
  mode: number,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}${UNFINISHED}`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await writeFile(file, content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  // The rename itself lasts only once the directory is on disk.
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** An empty file at the path, the caller's to close. What lay there is removed, so that no link is followed. Throws. */
export function createAnew(path: string, mode: number): number {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  return openSync(path, 'wx', mode);
}

/**
 * Replaces `path` as writeFileAtomic() does, but at once, and for this boot only: nothing is synced. The new file, the
 * caller's, is at its end.
 */
export function replaceNow(path: string, text: string, mode: number): number {
  const fresh = `${path}.new`;
  const fd = createAnew(fresh, mode);
  try {
    writeWhole(fd, text);
    renameSync(fresh, path);
    return fd;
  } catch (error) {
    closeSync(fd);
    // On a full disk, half a file would only be in the way.
    rmSync(fresh, { force: true });
    throw error;
  }
}

/** The number of bytes. */
export function writeWhole(fd: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  return bytes.length;
}

export interface Lock {
  /** Holds the lock as long as it, or a copy of it, is open. */
  readonly fd: number;
  /** What lies at the directory's path is still what is locked, and no other that somebody else may have locked. */
  isInPlace(): boolean;
  close(): void;
}

export type LockResult =
  | { readonly ok: true; readonly lock: Lock }
  /** null: somebody has removed what it wrote, or it has not yet. */
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
      throw cannotLock(directory, codeOf(error));
    }
    const errno = lockFile(fd);
    if (errno === constants.errno.EWOULDBLOCK) {
      closeSync(fd);
      return { ok: false, holderPid: pidIn(path) };
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
      throw cannotLock(path, codeOf(error));
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
      if (isInPlace()) truncateSync(path);
    } catch {
      // Gone, or a disk that refuses: the pid that stays there is nobody's, and the lock goes all the same.
    }
    closeSync(fd);
  };
  return { fd, isInPlace, close };
}

/**
 * Makes the directory, and those above it, with this mode whatever the umask; an existing one keeps its mode. Throws
 * when it is no directory, belongs to another user than this one or root, or is open for everybody to write in
 * without the sticky bit.
 */
export function ensureDirectory(path: string, mode: number): void {
  const before = statSync(path, { throwIfNoEntry: false });
  if (before === undefined) {
    mkdirSync(path, { recursive: true, mode: mode | 0o700 });
    chmodSync(path, mode);
    return;
  }
  const trouble = directoryTrouble(before);
  if (trouble !== null) throw new Error(`cannot use directory ${JSON.stringify(path)}: ${trouble}`);
}

/** Why a directory is not one to write files in: somebody else may have put links there. null: nothing. */
export function directoryTrouble(stats: Stats): string | null {
  if (!stats.isDirectory()) return 'it is a file, expected a directory';
  const trouble = foreignOwner(stats);
  if (trouble !== null) return trouble;
  if ((stats.mode & 0o1002) === 0o0002) {
    return 'everybody may write in it, expected a directory that others cannot write in';
  }
  return null;
}

/** Why what was looked at is not this user's nor root's; null: it is. */
export function foreignOwner(stats: Stats): string | null {
  const uid = process.geteuid?.() ?? 0;
  if (stats.uid === uid || stats.uid === 0) return null;
  return `it belongs to uid ${stats.uid}, expected uid ${uid} or root`;
}

export interface DirectoryTrouble {
  /** The file system is: nobody's mistake, and nothing that could be mended. */
  readonly isReadOnly: boolean;
  readonly message: string;
}

/** The same for a directory that can be done without: why it cannot be had, or null. */
export function cannotHaveDirectory(path: string, mode: number): DirectoryTrouble | null {
  let message: string | null = null;
  try {
    ensureDirectory(path, mode);
  } catch (error) {
    message =
      error instanceof Error && 'code' in error
        ? `cannot use directory ${JSON.stringify(path)}: ${codeOf(error)}, expected one to write to`
        : messageOf(error);
  }
  const barrier = barrierTo(path);
  if (barrier?.code === 'EROFS') return { isReadOnly: true, message: 'the file system is read-only' };
  // Whoever may not write to one that is there learns so when it writes.
  if (message === null) return null;
  // mkdir says ENOENT of parents that it could not make.
  if (barrier !== null && barrier.path !== path) {
    const what = `${barrier.code} at ${JSON.stringify(barrier.path)}`;
    message = `cannot make directory ${JSON.stringify(path)}: ${what}, expected one to write to`;
  }
  return { isReadOnly: false, message };
}

/** Why nothing can be written to the path, or to what there is of it; null when nothing is in the way. */
function barrierTo(path: string): { readonly code: string; readonly path: string } | null {
  try {
    accessSync(path, fsConstants.W_OK);
    return null;
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' && dirname(path) !== path ? barrierTo(dirname(path)) : { code, path };
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
}
