// Composition of the daemon: its life, and the API that serves it.
import { setFlagsFromString } from 'node:v8';
import { listen } from '../api/server.ts';
import { liveAsDaemon } from '../daemon/lifecycle.ts';
import type { LifeOptions } from '../daemon/lifecycle.ts';
import { endWithoutSync } from '../os/last-sync.ts';

/** Resolves with the exit code when the daemon has ended. */
export async function runDaemon(options: Omit<LifeOptions, 'serve'>): Promise<number> {
  keepYoungHeapSmall();
  endWithoutSync();
  return await liveAsDaemon({
    ...options,
    serve: async (socket) => {
      const result = await listen(socket);
      return result.ok ? result : { ok: false, message: result.error.message };
    },
  });
}

/**
 * Each start and each sample leaves garbage, and V8 lets the space for it grow to 32 MB (128 MB in Node 24), which
 * stays resident. The limit on that space is read before any of our code runs; the factor by which it grows is not.
 */
function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
