// Service directories as daemontools made them, which runit and s6 read: a directory for each service with an
// executable `run`, and below it `log/run` for what it says.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from './peer.ts';

export interface ServiceDirectories {
  readonly scan: string;
  readonly services: readonly string[];
}

/** `logger`: the command that a job's output goes to. */
export function writeServices(
  root: string,
  jobs: readonly Job[],
  logger: string | null = null,
): ServiceDirectories {
  const scan = join(root, 'service');
  const services = jobs.map(({ name, argv }) => {
    const directory = join(scan, name);
    writeRun(directory, argv.join(' '));
    if (logger !== null) writeRun(join(directory, 'log'), logger);
    return directory;
  });
  return { scan, services };
}

function writeRun(directory: string, command: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'run'), `#!/bin/sh\nexec ${command}\n`, { mode: 0o755 });
}
