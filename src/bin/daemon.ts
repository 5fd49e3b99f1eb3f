// Composition of the daemon: its life, and the API that serves it.
import { setFlagsFromString } from 'node:v8';
import { listen } from '../api/server.ts';
import { openSocket } from '../api/socket-file.ts';
import { liveAsDaemon } from '../daemon/lifecycle.ts';
import type { LifeOptions } from '../daemon/lifecycle.ts';
import { endWithoutSync } from '../os/last-sync.ts';

/** Resolves with the exit code when the daemon has ended. */
export async function runDaemon(options: Omit<LifeOptions, 'openSocket' | 'serve'>): Promise<number> {
  keepYoungHeapSmall();
  endWithoutSync();
  return await liveAsDaemon({ ...options, openSocket, serve: listen });
}

/**
 * Each start and each sample leaves garbage, and V8 lets the space for it grow to 32 MB (128 MB in Node 24), which
 * stays resident. The limit on that space is read before any of our code runs; the factor by which it grows is not.
 */
function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
