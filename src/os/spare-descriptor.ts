// One descriptor kept for when no other is to be had (EMFILE): what a daemon must be able to do even then is to look at
// processes and to end them, for whom it cannot see it would take for gone. Opens nothing else.
import { closeSync, openSync } from 'node:fs';

let spare: number | null = null;

/** Runs `call`, which opens and closes what it needs one after the other; again with room for one if there was none. */
export function withSpare<T>(call: () => T): T {
  spare ??= kept();
  try {
    return call();
  } catch (error) {
    const isFull = error instanceof Error && 'code' in error && error.code === 'EMFILE';
    if (!isFull || spare === null) throw error;
  }
  closeSync(spare);
  try {
    return call();
  } finally {
    spare = kept();
  }
}

function kept(): number | null {
  try {
    return openSync('/dev/null', 'r');
  } catch {
    return null;
  }
}
