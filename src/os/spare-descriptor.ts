// Descriptors kept for when no other is to be had (EMFILE): what a daemon must be able to do even then is to look at
// processes and to end them, for whom it cannot see it would take for gone, and to start again what has ended. Opens
// nothing else.
//
// What is given up here is anybody's for a moment, and a thread of libuv that opens a file may be quicker to take it. It
// keeps it until the event loop has had its turn, so there is no waiting for it here; hence as many as there are such
// threads, one of which only ever waits (readiness.ts).
import { closeSync, openSync } from 'node:fs';
import { codeOf } from '../base/fault.ts';
import { POOL_THREADS } from './thread-pool.ts';

const spares: number[] = [];

/**
 * Runs `call`, which opens and closes what it needs one after the other; again with room for one if there was none. What
 * it opens and leaves open takes a spare along until a later call.
 */
export function withSpare<T>(call: () => T): T {
  if (spares.length < POOL_THREADS) keepMore();
  try {
    return call();
  } catch (error) {
    if (!isFull(error)) throw error;
    return withRoom(call, error);
  }
}

/** Runs `call`, which keeps what it opens, with room for one. */
export function withOneGivenUp(call: () => void): void {
  const spare = spares.pop();
  if (spare !== undefined) closeSync(spare);
  try {
    call();
  } finally {
    keepMore();
  }
}

function withRoom<T>(call: () => T, full: unknown): T {
  try {
    for (let spare = spares.pop(); spare !== undefined; spare = spares.pop()) {
      closeSync(spare);
      try {
        return call();
      } catch (error) {
        if (!isFull(error)) throw error;
      }
    }
  } finally {
    keepMore();
  }
  throw full;
}

function isFull(error: unknown): boolean {
  return codeOf(error) === 'EMFILE';
}

function keepMore(): void {
  try {
    while (spares.length < POOL_THREADS) spares.push(openSync('/dev/null', 'r'));
  } catch {
    // There is no other to be had.
  }
}
