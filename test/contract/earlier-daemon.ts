// A program: `earlier-daemon keeper RUN COMMAND…`, each COMMAND a JSON list of words. Spawns them through the real
// adapter, as a daemon does for a run of that number, prints what it knows of them as JSON, and stays until it is
// killed. It does so in a process of its own; the keeper stays above it, takes over what it leaves behind when it is
// killed, and prints `gone` then: so whoever started the keeper gets no orphans.
import { spawn } from 'node:child_process';
import type { SpawnRequest } from '../../src/model/process.ts';
import { createProcesses } from '../../src/os/processes.ts';
import { createReadiness } from '../../src/os/readiness.ts';
import { spawnRequest } from '../support/spawn-request.ts';

const [role, run = '', ...commands] = process.argv.slice(2);
const processes = createProcesses({ readiness: createReadiness(), fence: null });
processes.beginReaping();
processes.onReaped(() => undefined);
// The reaper alone keeps nothing alive.
setInterval(() => undefined, 60_000);

if (role === 'keeper') {
  const daemon = spawn(process.execPath, [import.meta.filename, 'daemon', run, ...commands], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  daemon.on('exit', () => process.stdout.write('gone\n'));
} else {
  const spawned = commands.map((text) => {
    const argv: SpawnRequest['argv'] = JSON.parse(text);
    const request = spawnRequest({ argv });
    const result = processes.spawn({ ...request, environment: { ...request.environment, UNITD_RUN: run } });
    if (!result.ok) throw new Error(result.failure.reason);
    return { main: result.process, invocationId: request.environment['INVOCATION_ID'] };
  });
  process.stdout.write(`${JSON.stringify({ pid: process.pid, spawned })}\n`);
}
