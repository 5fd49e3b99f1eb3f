// The end of a daemon's life, in a process of its own, where something of it fails that no machine can be made to refuse.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/base/package-root.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';

test('a daemon that cannot close what it has opened says so, and ends with its units down all the same', async (t) => {
  const root = temporaryDirectory(t);
  const path = (name: string): string => join(root, name);
  const paths = {
    units: path('units'),
    runtime: path('run'),
    state: path('state'),
    logs: path('log'),
    socket: path('socket'),
  };
  const lifecycle = pathToFileURL(join(packageRoot(), 'build/src/daemon/lifecycle.js')).href;
  const program = `
    import { liveAsDaemon } from ${JSON.stringify(lifecycle)};
    // What is left open: it alone would keep the process.
    setInterval(() => undefined, 60_000);
    process.exitCode = await liveAsDaemon({
      paths: ${JSON.stringify(paths)}, version: '0.0.0', socketGroup: null, insecurePermissions: true,
      usageIntervalMs: null, fence: 'session', makesUnits: true,
      serve: async () => ({ ok: true, value: { close: async () => { throw new Error('not now'); } } }),
    });`;
  const daemon = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  cleanUp(t, () => void daemon.kill('SIGKILL'));
  const ended = once(daemon, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: daemon.stderr })) {
    lines.push(line);
    if (line.includes('"event":"ready"')) daemon.kill('SIGTERM');
  }
  assert.deepEqual(await ended, [0, null], lines.join('\n'));
  assert.match(lines.at(-2) ?? '', /"event":"bug","message":"Error: not now/);
  assert.match(lines.at(-1) ?? '', /"event":"stopped"/);
});
