// Directories that the daemon writes in: made with their modes, or why one cannot be had, or is not one to write in.
import { accessSync, chmodSync, constants, mkdirSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '../base/fault.ts';

/**
 * Makes the directory with this mode whatever the umask, and those above it with what the umask leaves of that; an
 * existing one keeps its mode. Throws when it is no directory, belongs to another user than this one or root, or is open
 * for everybody to write in without the sticky bit.
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
    const code = codeOf(error);
    message =
      code === null
        ? messageOf(error)
        : `cannot use directory ${JSON.stringify(path)}: ${code}, expected one to write to`;
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
    accessSync(path, constants.W_OK);
    return null;
  } catch (error) {
    const code = codeOf(error) ?? String(error);
    return code === 'ENOENT' && dirname(path) !== path ? barrierTo(dirname(path)) : { code, path };
  }
}
