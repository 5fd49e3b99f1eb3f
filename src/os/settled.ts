// Reads a directory at a time when nothing changes in it. git removes a file before it writes the new one, and a link to
// a whole set may lead to the next one by and by: a unit must not be stopped whose file was there before and is there
// after. Knows nothing of what is read.
import { stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** Longer than a program that is at work on files stands still between two of them. */
const SETTLED_MS = 20;
/** Then it is read as it is: somebody may be at work in it for ever. */
const MOST_MS = 2000;

/** `read` may be called any number of times: the last result counts. */
export async function whenSettled<T>(directory: string, read: () => Promise<T>): Promise<T> {
  for (const endMs = performance.now() + MOST_MS; performance.now() < endMs;) {
    const before = await lastChangeOf(directory);
    const ageMs = before === null ? Infinity : Date.now() - before.atMs;
    // One in the future is of a clock that was wrong, or is of a server.
    if (ageMs < 0 || ageMs >= SETTLED_MS) {
      const found = await read();
      if ((await lastChangeOf(directory))?.id === before?.id) return found;
    }
    await pause(SETTLED_MS);
  }
  return await read();
}

/** Of the names in it, not of what is in their files; null: it cannot be told. */
async function lastChangeOf(
  directory: string,
): Promise<{ readonly id: string; readonly atMs: number } | null> {
  try {
    const { dev, ino, ctimeNs, ctimeMs } = await stat(directory, { bigint: true });
    return { id: [dev, ino, ctimeNs].join(':'), atMs: Number(ctimeMs) };
  } catch {
    return null;
  }
}
