// Composition of the daemon: its life, and the API that serves it.
import { listen } from '../api/server.ts';
import { liveAsDaemon } from '../daemon/lifecycle.ts';
import type { LifeOptions } from '../daemon/lifecycle.ts';

/** Resolves with the exit code when the daemon has ended. */
export async function runDaemon(options: Omit<LifeOptions, 'serve'>): Promise<number> {
  return await liveAsDaemon({
    ...options,
    serve: async (socket) => {
      const result = await listen(socket);
      return result.ok ? result : { ok: false, message: result.error.message };
    },
  });
}
