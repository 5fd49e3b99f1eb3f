#!/usr/bin/env node
// The program `unitd`: its command line, and with `unitd daemon` the daemon itself.
import { runCommandLine } from '../cli/main.ts';

async function main(): Promise<void> {
  process.exitCode = await runCommandLine(process.argv.slice(2), async (request) => {
    const { runDaemon } = await import('./daemon.ts');
    return await runDaemon(request);
  });
}

void main();
