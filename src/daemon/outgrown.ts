// When a file that is only ever appended to is written anew: once it has grown well beyond what it has to say.

/** Below this size it never is. */
const SMALL_BYTES = 1024 * 1024;
const GROWTH = 4;

/** `compactedBytes`: its size when it was written anew last; 0: it never was. */
export function isOutgrown(bytes: number, compactedBytes: number): boolean {
  return bytes > SMALL_BYTES && bytes > GROWTH * compactedBytes;
}
