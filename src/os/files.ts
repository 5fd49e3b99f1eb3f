// Files of the daemon's own: written whole or not at all, and never taken for its own when somebody else put them there,
// as in a directory like /tmp anybody can.
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { open, rename, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../base/fault.ts';
import { foreignOwner } from './own-directory.ts';
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
  const fd = openRegularFile(path, constants.O_NOFOLLOW);
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
