// Files of the daemon's own: written whole or not at all, locked while it lives, in directories nobody else writes.
import { randomUUID } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants as fsConstants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { open, rename, unlink, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { errnoName, lockFile } from './libc.ts';

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

export interface Lock {
  /** Holds the lock as long as it, or a copy of it, is open. */
  readonly fd: number;
  close(): void;
}

export type LockResult =
  | { readonly ok: true; readonly lock: Lock }
  /** The pid is null in the moment between another daemon's lock and its writing down who it is. */
  | { readonly ok: false; readonly holderPid: number | null };

/**
 * Takes the lock file for this process and writes its pid there. The kernel drops the lock with the process, however
 * that ends; the file stays. Throws when the file cannot be opened or written.
 */
export function acquireLock(path: string): LockResult {
  const cannot = (reason: string): Error =>
    new Error(`cannot lock file ${JSON.stringify(path)}: ${reason}, expected one to write to`);
  for (;;) {
    let fd: number;
    try {
      fd = openSync(path, fsConstants.O_RDWR | fsConstants.O_CREAT | fsConstants.O_NOFOLLOW, 0o600);
    } catch (error) {
      throw cannot(codeOf(error));
    }
    const errno = lockFile(fd);
    if (errno === constants.errno.EWOULDBLOCK) {
      const pid = Number.parseInt(readFileSync(fd, 'utf8'), 10);
      closeSync(fd);
      return { ok: false, holderPid: Number.isNaN(pid) ? null : pid };
    }
    if (errno !== 0) {
      closeSync(fd);
      throw cannot(errnoName(errno));
    }
    // Somebody may have removed the file between open and lock: then the lock is on a file that no one else sees.
    if (statSync(path, { throwIfNoEntry: false })?.ino !== fstatSync(fd).ino) {
      closeSync(fd);
      continue;
    }
    try {
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`, 0);
    } catch (error) {
      closeSync(fd);
      throw cannot(codeOf(error));
    }
    return { ok: true, lock: lockOn(fd) };
  }
}

/**
 * The lock that the program held of which this one took the place: `fd` is its descriptor. It was never let go
 * meanwhile. Taken anew where the file has been removed or replaced since.
 */
export function inheritLock(path: string, fd: number): LockResult {
  const isOurs = statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino;
  if (isOurs) return { ok: true, lock: lockOn(fd) };
  closeSync(fd);
  return acquireLock(path);
}

function lockOn(fd: number): Lock {
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    try {
      ftruncateSync(fd);
    } catch {
      // A disk that refuses: the pid that stays there is nobody's, and the lock goes all the same.
    }
    closeSync(fd);
  };
  return { fd, close };
}

/**
 * Makes the directory, and those above it, with this mode whatever the umask; an existing one keeps its mode. Throws
 * when it is no directory, belongs to another user than this one or root, or is open for everybody to write in
 * without the sticky bit.
 */
export function ensureDirectory(path: string, mode: number): void {
  const cannot = (actual: string, expected: string): Error =>
    new Error(`cannot use directory ${JSON.stringify(path)}: ${actual}, expected ${expected}`);
  const before = statSync(path, { throwIfNoEntry: false });
  if (before === undefined) {
    mkdirSync(path, { recursive: true, mode: mode | 0o700 });
    chmodSync(path, mode);
    return;
  }
  if (!before.isDirectory()) throw cannot('it is a file', 'a directory');
  const uid = process.geteuid?.() ?? 0;
  if (before.uid !== uid && before.uid !== 0) {
    throw cannot(`it belongs to uid ${before.uid}`, `uid ${uid} or root`);
  }
  if ((before.mode & 0o1002) === 0o0002) {
    throw cannot('everybody may write in it', 'a directory that others cannot write in');
  }
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
    message = error instanceof Error ? error.message : String(error);
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
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
