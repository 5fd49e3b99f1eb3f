// unitd daemon --detach: what it leaves behind, what it says, and why it did not come up.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { StatusDocument } from '../../src/wire/v1.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { run } from '../support/launch.ts';
import type { Ran } from '../support/launch.ts';

interface Place {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  unitd(...args: string[]): Promise<Ran>;
}

function place(t: TestContext, env: (directory: string) => NodeJS.ProcessEnv = () => ({})): Place {
  const directory = temporaryDirectory(t);
  const full = {
    PATH: process.env['PATH'],
    HOME: directory,
    UNITD_UNITS: join(directory, 'units.d'),
    UNITD_RUNTIME_DIR: join(directory, 'run'),
    UNITD_STATE_DIR: join(directory, 'state'),
    UNITD_LOG_DIR: join(directory, 'log'),
    ...env(directory),
  };
  const unitd = async (...args: string[]): Promise<Ran> =>
    await run({ args, env: full, cwd: directory, asUser: undefined });
  // Whatever the test did, no daemon outlives it.
  cleanUp(t, async () => {
    const { code, stdout } = await unitd('status', '--json');
    if (code === 69) return;
    const status: StatusDocument = JSON.parse(stdout);
    process.kill(status.daemon.pid, 'SIGTERM');
    while ((await unitd('status')).code !== 69);
  });
  return { directory, env: full, unitd };
}

test('unitd daemon --detach returns once the daemon answers, in a session of its own and out of the way', async (t) => {
  const { directory, unitd } = place(t);
  const { code, stdout, stderr } = await unitd('daemon', '--detach');
  assert.deepEqual([code, stdout], [0, ''], stderr);
  const status: StatusDocument = JSON.parse((await unitd('status', '--json')).stdout);
  const { pid, units } = status.daemon;
  assert.ok(stderr.includes(`pid ${pid}`), stderr);
  assert.equal(units, join(directory, 'units.d'));
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
  // Field 6 of /proc/PID/stat, the session; the name before it may hold blanks but ends with a parenthesis.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  assert.equal(Number(fields[3]), pid);
  assert.ok(statSync(join(directory, 'log', 'unitd.log')).size > 0);

  const second = await unitd('daemon', '--detach');
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`one runs already with pid ${pid}`));
});

test('unitd daemon --detach says what is wrong with the unit files of a daemon that has come up', async (t) => {
  const { unitd } = place(t);
  const missing = await unitd('daemon', '--detach');
  assert.equal(missing.code, 0);
  assert.match(
    missing.stderr,
    /^unitd runs [^\n]*\n▲ degraded: 1 error [^\n]*\n {2}[^\n]*units\.d": it does not exist/,
  );
});

test('unitd daemon --detach holds nothing open that whoever started it does, such as a lock', async (t) => {
  const { directory, env, unitd } = place(t);
  const lock = join(directory, 'lock');
  const within = ['bash', '-c', 'exec 200>"$0"; exec "$@"', lock];
  const args = ['daemon', '--detach'];
  const { code, stderr } = await run({ args, env, cwd: directory, asUser: undefined, within });
  assert.equal(code, 0, stderr);
  const { daemon }: StatusDocument = JSON.parse((await unitd('status', '--json')).stdout);
  const descriptors = `/proc/${daemon.pid}/fd`;
  const open = readdirSync(descriptors).map((fd) => openFile(join(descriptors, fd)));
  assert.ok(open.includes(join(directory, 'log/unitd.log')), String(open));
  assert.ok(!open.includes(lock), String(open));
});

/** null: it was closed meanwhile. */
function openFile(descriptor: string): string | null {
  try {
    return readlinkSync(descriptor);
  } catch {
    return null;
  }
}

test('unitd daemon --detach that cannot come up exits with 1 and says why', async (t) => {
  const { directory, unitd } = place(t, (root) => ({ UNITD_RUNTIME_DIR: join(root, 'file/run') }));
  writeFileSync(join(directory, 'file'), 'not a directory');
  const { code, stderr } = await unitd('daemon', '--detach');
  assert.equal(code, 1);
  assert.match(stderr, /cannot start daemon: [^]*it ended with code 1/);
  assert.equal(
    readFileSync(join(directory, 'log', 'unitd.log'), 'utf8')
      .trimEnd()
      .split('\n').length,
    1,
  );
});

test('unitd daemon --detach that cannot write its log starts nothing', async (t) => {
  const { directory, unitd } = place(t);
  writeFileSync(join(directory, 'log'), 'not a directory');
  const { code, stderr } = await unitd('daemon', '--detach');
  assert.equal(code, 1);
  assert.match(stderr, /cannot open log /);
});

test('unitd daemon --detach does not wait for whoever listens at its socket and never answers', async (t) => {
  const { directory, unitd } = place(t);
  mkdirSync(join(directory, 'run'), { mode: 0o700 });
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(join(directory, 'run/unitd.sock'), resolve));
  cleanUp(t, () => void silent.close());
  const { code, stderr } = await unitd('daemon', '--detach');
  assert.equal(code, 1, stderr);
  assert.match(stderr, /cannot listen on socket "[^"]*": a daemon answers there[^]*it ended with code 1/);
});

test('unitd daemon --detach names the signal that ended the daemon, and whom to ask where no log says why', async (t) => {
  const { directory, unitd } = place(t, (root) => ({ NODE_OPTIONS: `--require=${join(root, 'ends.cjs')}` }));
  writeFileSync(
    join(directory, 'ends.cjs'),
    `if (process.argv[2] === 'daemon' && process.argv[3] !== '--detach') process.kill(process.pid, 'SIGKILL');`,
  );
  const { code, stderr } = await unitd('daemon', '--detach');
  const socket = join(directory, 'run/unitd.sock');
  assert.deepEqual(
    [code, stderr],
    [
      1,
      `unitd: cannot start daemon: SIGKILL ended it, expected an answer at "${socket}"\n` +
        '  its log does not say why, without --detach it may\n',
    ],
  );
});
