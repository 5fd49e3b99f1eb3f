// openSocket: the socket as a file, who may use it and what it may replace.
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
import { admitGroup, openSocket } from '../../../src/api/socket-file.ts';
import { fakeControl } from '../../support/fake-control.ts';
import { fetched, served, temporaryDirectory } from './wire-tap.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

async function refusal(path: string): Promise<string> {
  const result = await openSocket({ path, groupId: null, inherited: null });
  if (!result.ok) return result.message;
  result.value.abandon();
  return assert.fail(`listens on ${path}`);
}

test('openSocket: the socket has mode 0600 whatever the umask, and the umask is left as it was', async (t) => {
  const before = process.umask(0);
  t.after(() => void process.umask(before));
  const { path } = await served(t);
  assert.equal(process.umask(), 0);
  assert.equal(modeOf(path), 0o600);
  assert.ok(lstatSync(path).isSocket());
});

test('openSocket: groupId admits the group to the socket, and through a directory that is ours alone', async (t) => {
  const groupId = process.getegid?.() ?? 0;
  const directory = temporaryDirectory(t);
  const way = join(temporaryDirectory(t), 'way');
  symlinkSync(directory, way);
  for (const [mode, expected] of [
    [0o700, 0o710],
    [0o755, 0o755],
  ] as const) {
    chmodSync(directory, mode);
    const path = join(way, 'unitd.sock');
    const result = await openSocket({ path, groupId, inherited: null });
    assert.ok(result.ok);
    assert.equal(modeOf(path), 0o660);
    assert.equal(statSync(path).gid, groupId);
    assert.equal(modeOf(directory), expected);
    result.value.abandon();
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

test('openSocket: a socket that a daemon answers at is refused, and that daemon goes on', async (t) => {
  const { path } = await served(t);
  assert.equal(
    await refusal(path),
    `cannot listen on socket "${path}": a daemon answers there, expected none`,
  );
  assert.equal((await fetched(path, 'GET /v1/status')).status, 200);
});

test('openSocket: a stale socket is replaced', async (t) => {
  const path = join(temporaryDirectory(t), 'unitd.sock');
  const dies = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal(spawnSync(process.execPath, ['-e', dies]).signal, 'SIGKILL');
  assert.ok(existsSync(path));
  await served(t, {}, fakeControl(), path);
  assert.equal((await fetched(path, 'GET /v1/status')).status, 200);
});

test('openSocket: what is no socket is refused and left alone', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  mkdirSync(join(directory, 'directory'));
  symlinkSync('nowhere', join(directory, 'link'));
  for (const name of ['file', 'directory', 'link']) {
    const path = join(directory, name);
    assert.equal(
      await refusal(path),
      `cannot listen on socket "${path}": another kind of file is there, expected a socket or nothing`,
    );
  }
  assert.equal(readFileSync(file, 'utf8'), 'precious');
  assert.ok(lstatSync(join(directory, 'link')).isSymbolicLink());
});

test('openSocket: a symbolic link to a live socket is not followed', async (t) => {
  const { path } = await served(t);
  const link = `${path}.link`;
  symlinkSync(path, link);
  assert.match(await refusal(link), /: another kind of file is there, /);
});

test('openSocket: a directory that is not there is an error with its cause', async (t) => {
  const path = join(temporaryDirectory(t), 'none', 'unitd.sock');
  assert.match(await refusal(path), /^cannot listen on socket ".*": (?:ENOENT|EACCES)\b/);
});

test('openSocket: a socket of another kind of server counts as answered', async (t) => {
  const path = join(temporaryDirectory(t), 'unitd.sock');
  const other = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => other.listen(path, resolve));
  t.after(() => new Promise((resolve) => other.close(resolve)));
  assert.match(await refusal(path), /: a daemon answers there, /);
});
