#!/usr/bin/env node
// The program `unitd`: its command line, and with `unitd daemon` the daemon itself.
import { runCommandLine } from '../cli/main.ts';
import { EarlySignals } from '../daemon/early-signals.ts';
import { makeThreads } from '../os/thread-pool.ts';
import { directoryFailure } from './directory-failure.ts';
import { loadFailure } from './load-failure.ts';

async function main(): Promise<void> {
  process.exitCode = await runCommandLine(process.argv.slice(2), async (request) => {
    const early = new EarlySignals();
    early.keep();
    // Before the daemon's code is read, which the pool does.
    await makeThreads(process.env);
    const { runDaemon } = await import('./daemon.ts');
    return await runDaemon({ ...request, early });
  });
}

main().catch((error: unknown) => {
  const failure = loadFailure(error) ?? directoryFailure(error);
  if (failure === null) throw error;
  process.stderr.write(`unitd: ${failure}\n`);
  process.exitCode = 1;
});
