// Finds out whether an append to a log, begun by a daemon that was killed, is in it: wholly, or not at all. Touches no
// other bytes.
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { identityOf, statusOf } from './inspect.ts';
import { CURRENT, rotatedFiles } from './names.ts';
import type { Append } from './spool-record.ts';

/**
 * True: all of it is in the log. False: nothing is, any more. The file may have been rotated since, which keeps its
 * identity; it is not compressed before its last append is known to be done. Where it is gone, or has been emptied by
 * somebody, the log has lost those bytes or never had them. Rejects when the log cannot be looked at or cut back.
 */
export async function isAppended({ directory, file, size, length }: Append): Promise<boolean> {
  const rotated = (await rotatedFiles(directory)).filter(({ plain }) => plain);
  for (const name of [CURRENT, ...rotated.map((one) => one.name).reverse()]) {
    const path = join(directory, name);
    const status = await statusOf(path);
    if (status === null || identityOf(status) !== file) continue;
    if (status.size >= size + length) return true;
    // Torn: the kernel had written some pages of it.
    if (status.size > size) await truncate(path, size);
    return false;
  }
  return false;
}
