// What rotations have made of a log since a reader last looked: files that are new, the name that `current` has now.
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { identityOf, statusOf } from './inspect.ts';
import { COMPRESSED, rotatedFiles } from './names.ts';
import type { RotatedFile } from './names.ts';
import type { Segment } from './segment.ts';

/** A compressed file has its source's modification time to the millisecond. */
const SAME_TIME_MS = 2;

/** Those after `newest`, oldest first; all for null. */
export async function rotatedSince(
  directory: string,
  newest: RotatedFile | null,
): Promise<readonly RotatedFile[]> {
  const files = (await rotatedFiles(directory)).filter(
    ({ stampMs, sequence }) =>
      newest === null ||
      stampMs > newest.stampMs ||
      (stampMs === newest.stampMs && sequence > newest.sequence),
  );
  const last = files.at(-1);
  if (last === undefined) return files;
  const found = await statusOfRotated(directory, last);
  // Before rotating-file-stream renames, it makes an empty file of the new name and removes it: not yet a rotation.
  const isTrial = found !== null && found.status.isFile() && found.status.size === 0 && !found.compressed;
  if (found === null || isTrial) files.pop();
  return files;
}

/** What a file that was opened as `current` is called now, if it is one of those after `newest`; null: it is none. */
export async function rotatedForm(
  directory: string,
  current: Segment,
  newest: RotatedFile | null,
): Promise<RotatedFile | null> {
  const { mtimeMs } = await current.handle.stat();
  for (const file of await rotatedSince(directory, newest)) {
    const found = await statusOfRotated(directory, file);
    if (found === null) continue;
    const same = found.compressed
      ? Math.abs(found.status.mtimeMs - mtimeMs) < SAME_TIME_MS
      : identityOf(found.status) === current.identity;
    if (same) return file;
  }
  return null;
}

async function statusOfRotated(
  directory: string,
  { name }: RotatedFile,
): Promise<{ readonly status: Stats; readonly compressed: boolean } | null> {
  for (const compressed of [false, true]) {
    const status = await statusOf(join(directory, compressed ? name + COMPRESSED : name));
    if (status !== null) return { status, compressed };
  }
  return null;
}
