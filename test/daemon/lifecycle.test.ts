// The start and the end of a daemon's life, in a process of its own, where something of it fails that no machine can be
// made to refuse.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/base/package-root.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';

/** What is left open: it alone would keep the process. */
const LEFT_OPEN = 'setInterval(() => undefined, 60_000);';

interface Life {
  readonly code: unknown;
  /** What it said, line by line. */
  readonly lines: readonly string[];
}

const built = (module: string): string => pathToFileURL(join(packageRoot(), 'build/src', module)).href;

/** Lives in a process of its own: `before` runs ahead of the daemon; it is told to end once it is ready. */
async function lived(
  t: TestContext,
  before: string,
  serve: string,
  root = temporaryDirectory(t),
): Promise<Life> {
  const path = (name: string): string => join(root, name);
  const paths = {
    units: path('units'),
    runtime: path('run'),
    state: path('state'),
    logs: path('log'),
    socket: path('socket'),
  };
  const program = `
    const { liveAsDaemon } = await import(${JSON.stringify(built('daemon/lifecycle.js'))});
    const { EarlySignals } = await import(${JSON.stringify(built('daemon/early-signals.js'))});
    ${before}
    process.exitCode = await liveAsDaemon({
      paths: ${JSON.stringify(paths)}, version: '0.0.0', socketGroup: null, insecurePermissions: true,
      usageIntervalMs: null, fence: 'session', makesUnits: true, early: new EarlySignals(),
      openSocket: async () => ({ ok: true, value: { fd: 0, abandon: () => undefined } }), serve: ${serve},
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
  const [code] = await ended;
  return { code, lines };
}

test('a daemon that cannot close what it has opened says so, and ends with its units down all the same', async (t) => {
  const { code, lines } = await lived(
    t,
    LEFT_OPEN,
    `async () => ({ close: async () => { throw new Error('not now'); } })`,
  );
  assert.equal(code, 0, lines.join('\n'));
  assert.match(lines.at(-2) ?? '', /"event":"bug","message":"Error: not now/);
  assert.match(lines.at(-1) ?? '', /"event":"stopped"/);
});

test('a daemon whose start ends in an exception says why in a sentence, and exits 1', async (t) => {
  const { code, lines } = await lived(
    t,
    `${LEFT_OPEN}
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { openSync } = fs;
    fs.openSync = (path, ...rest) => {
      if (path === '/dev/null') throw new Error('no null device');
      return openSync(path, ...rest);
    };
    syncBuiltinESMExports();`,
    `async () => ({ close: async () => undefined })`,
  );
  assert.equal(code, 1, lines.join('\n'));
  assert.match(
    lines.at(-1) ?? '',
    /"level":"error","event":"start","message":"cannot start daemon: no null device"/,
  );
  assert.doesNotMatch(lines.join('\n'), /"event":"bug"/);
});

test('a daemon that may open hardly any file says how many it needs, and exits 1', async (t) => {
  const { code, lines } = await lived(
    t,
    // The modules come first: node opens more of them at once than the limit allows.
    `import ${JSON.stringify(built('daemon/lifecycle.js'))};
    import { ownLimit, RESOURCES, setOwnLimit } from ${JSON.stringify(built('os/libc/limit.js'))};
    setOwnLimit(RESOURCES.nofile, { soft: 63, hard: ownLimit(RESOURCES.nofile).hard });`,
    `async () => { throw new Error('serving'); }`,
  );
  assert.equal(code, 1, lines.join('\n'));
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(
    lines[0] ?? '',
    /"message":"cannot start daemon: the limit on open files is 63, expected at least 64"/,
  );
});

test('a daemon whose journal cannot be read says which, and exits 1', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'run', 'journal'), { recursive: true, mode: 0o700 });
  const { code, lines } = await lived(t, '', `async () => { throw new Error('serving'); }`, root);
  assert.equal(code, 1, lines.join('\n'));
  const { message } = JSON.parse(lines.at(-1) ?? '');
  assert.match(
    message,
    /^cannot start daemon: cannot read journal ".*\/run\/journal": it is no regular file/,
  );
});

test('a daemon whose serving begins with an exception says so, and exits 1 with its units down', async (t) => {
  const { code, lines } = await lived(t, '', `async () => { throw new Error('no socket today'); }`);
  assert.equal(code, 1, lines.join('\n'));
  assert.match(lines.join('\n'), /"event":"start","message":"cannot start daemon: no socket today"/);
  assert.match(lines.at(-1) ?? '', /"event":"stopped"/);
});

test('a daemon whose start meets a bug before it has anything says so in its log, and exits 1', async (t) => {
  const { code, lines } = await lived(
    t,
    `process.cwd = () => { throw new Error('no directory'); };
    process.chdir = () => { throw new Error('no other either'); };`,
    `async () => { throw new Error('serving'); }`,
  );
  assert.equal(code, 1, lines.join('\n'));
  assert.match(lines.join('\n'), /^\{.*"event":"bug","message":"Error: no other either/);
});
