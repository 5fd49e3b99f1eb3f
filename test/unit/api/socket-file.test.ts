// listen: the socket as a file, who may use it and what it may replace.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { spawnSync } from 'node:child_process';
import { listen } from '../../../src/api/server.ts';
import { admitGroup } from '../../../src/api/socket-file.ts';
import type { ListenResult } from '../../../src/api/server.ts';
import { fakeControl } from '../../support/fake-control.ts';
import { fetched, served, temporaryDirectory } from './wire-tap.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

function attempt(path: string, groupId: number | null = null): Promise<ListenResult> {
  return listen({ path, control: fakeControl(), groupId, onBug: (bug) => assert.fail(String(bug)) });
}

async function refusal(path: string): Promise<string> {
  const result = await attempt(path);
  if (result.ok) {
    await result.value.close();
    assert.fail(`listens on ${path}`);
  }
  return `${result.error.code}: ${result.error.message}`;
}

test('listen: the socket has mode 0600 whatever the umask, and the umask is left as it was', async (t) => {
  const before = process.umask(0);
  t.after(() => void process.umask(before));
  const { path } = await served(t);
  assert.equal(process.umask(), 0);
  assert.equal(modeOf(path), 0o600);
  assert.ok(lstatSync(path).isSocket());
});

test('listen: groupId admits the group to the socket, and through a directory that is ours alone', async (t) => {
  const groupId = process.getegid?.() ?? 0;
  const directory = temporaryDirectory(t);
  const way = join(temporaryDirectory(t), 'way');
  symlinkSync(directory, way);
  for (const [mode, expected] of [
    [0o700, 0o710],
    [0o755, 0o755],
  ] as const) {
    chmodSync(directory, mode);
    const result = await attempt(join(way, 'unitd.sock'), groupId);
    assert.ok(result.ok);
    t.after(() => result.value.close());
    assert.equal(modeOf(result.value.path), 0o660);
    assert.equal(statSync(result.value.path).gid, groupId);
    assert.equal(modeOf(directory), expected);
    await result.value.close();
  }
});

test('admitGroup: what was put in the place of the socket is refused and left alone', (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  const link = join(directory, 'link');
  writeFileSync(file, 'precious', { mode: 0o600 });
  symlinkSync(file, link);
  for (const path of [file, link]) {
    assert.throws(
      () => admitGroup(path, process.getegid?.() ?? 0),
      /^Error: something else was put in its place$/,
    );
  }
  assert.equal(modeOf(file), 0o600);
});

test('listen: a socket that a daemon answers at is refused, and that daemon goes on', async (t) => {
  const { path } = await served(t);
  assert.equal(
    await refusal(path),
    `answered: cannot listen on socket "${path}": a daemon answers there, expected none`,
  );
  assert.equal((await fetched(path, 'GET /v1/status')).status, 200);
});

test('listen: a stale socket is replaced', async (t) => {
  const path = join(temporaryDirectory(t), 'unitd.sock');
  const dies = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal(spawnSync(process.execPath, ['-e', dies]).signal, 'SIGKILL');
  assert.ok(existsSync(path));
  const result = await attempt(path);
  assert.ok(result.ok);
  t.after(() => result.value.close());
  assert.equal((await fetched(path, 'GET /v1/status')).status, 200);
});

test('listen: what is no socket is refused and left alone', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  mkdirSync(join(directory, 'directory'));
  symlinkSync('nowhere', join(directory, 'link'));
  for (const name of ['file', 'directory', 'link']) {
    const path = join(directory, name);
    assert.equal(
      await refusal(path),
      `not-a-socket: cannot listen on socket "${path}": another kind of file is there, expected a socket or nothing`,
    );
  }
  assert.equal(readFileSync(file, 'utf8'), 'precious');
  assert.ok(lstatSync(join(directory, 'link')).isSymbolicLink());
});

test('listen: a symbolic link to a live socket is not followed', async (t) => {
  const { path } = await served(t);
  const link = `${path}.link`;
  symlinkSync(path, link);
  assert.match(await refusal(link), /^not-a-socket: /);
});

test('listen: a path that the kernel would cut short is refused', async (t) => {
  const path = join(temporaryDirectory(t), 'x'.repeat(100));
  assert.match(await refusal(path), /^path-too-long: .* bytes, expected at most 107$/);
});

test('listen: a directory that is not there is an error with its cause', async (t) => {
  const path = join(temporaryDirectory(t), 'none', 'unitd.sock');
  assert.match(await refusal(path), /^system: cannot listen on socket ".*": .*ENOENT|EACCES/);
});

test('listen: a socket of another kind of server counts as answered', async (t) => {
  const path = join(temporaryDirectory(t), 'unitd.sock');
  const other = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => other.listen(path, resolve));
  t.after(() => new Promise((resolve) => other.close(resolve)));
  assert.match(await refusal(path), /^answered: /);
});
