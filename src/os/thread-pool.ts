// The threads of libuv's pool, on which node reads and writes files. Those that wait for something else wait on it too.
// Every verb loads this, so not node:fs/promises, which takes a millisecond of `unitd status`.
import { stat } from 'node:fs';

/**
 * One thread waits for the units' pipes and for the processes that an earlier daemon left, and a disk that does not answer
 * holds two that read unit files: of libuv's own four, one is left. This many leaves five for everything else.
 */
export const POOL_THREADS = 8;
const VARIABLE = 'UV_THREADPOOL_SIZE';

/**
 * To be awaited before anything uses the pool: libuv reads the variable once, with the first use. It stands as it was
 * afterwards, for units to inherit.
 */
export async function makeThreads(env: NodeJS.ProcessEnv): Promise<void> {
  const before = env[VARIABLE];
  if (Number(before) >= POOL_THREADS) return;
  env[VARIABLE] = String(POOL_THREADS);
  await new Promise((resolve) => stat('/', resolve));
  if (before === undefined) delete env[VARIABLE];
  else env[VARIABLE] = before;
}
