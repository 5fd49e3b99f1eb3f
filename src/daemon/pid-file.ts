// The pidFile of a unit: what it says, and its end with the unit's. Whether it says the truth is for others to find out.
import { closeSync, readSync, rmSync } from 'node:fs';
import { codeOf, phraseOf } from '../base/fault.ts';
import { openRegularFile } from '../os/regular-file.ts';

/**
 * The pid in the first line of the file, or why there is none, as a clause that begins with the file. What follows is
 * the daemon's own affair: PostgreSQL writes its directory, port and more below it.
 */
export function pidIn(pidFile: string): { readonly pid: number } | { readonly wanting: string } {
  let text: string;
  try {
    text = startOf(pidFile);
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'is not there yet' : `cannot be read: ${phraseOf(error)}`;
    return { wanting: `its pidFile "${pidFile}" ${why}` };
  }
  const pid = /^\s*(\d+)[ \t\r]*(?:\n|$)/.exec(text)?.[1];
  return pid === undefined ? { wanting: `its pidFile "${pidFile}" has no pid in it` } : { pid: Number(pid) };
}

/** Null, or why the file is still there. */
export function removePidFile(pidFile: string): string | null {
  try {
    rmSync(pidFile, { force: true });
    return null;
  } catch (error) {
    return `cannot remove pidFile: ${phraseOf(error)}`;
  }
}

/** Whoever may write the unit's pidFile may put anything there: no reading of gigabytes. */
function startOf(path: string): string {
  const fd = openRegularFile(path);
  if (fd === null) throw new Error('it is no regular file');
  try {
    const buffer = Buffer.alloc(64);
    return buffer.toString('latin1', 0, readSync(fd, buffer));
  } finally {
    closeSync(fd);
  }
}
