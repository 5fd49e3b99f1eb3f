import assert from 'node:assert/strict';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openOutputPipe, removeUnusedPipes } from '../../../src/os/fifo.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { cleanUp } from '../../support/cleanup.ts';

const own = { uid: null, gid: null, sizeBytes: 1 << 20 };
const asRoot = { skip: process.geteuid?.() === 0 ? false : 'needs root' };

function readText(fd: number): string {
  const buffer = Buffer.alloc(100);
  return buffer.toString('utf8', 0, readSync(fd, buffer));
}

test('openOutputPipe() carries bytes, and an empty pipe neither ends nor blocks its reader', (t) => {
  const fd = openOutputPipe(join(temporaryDirectory(t), 'out'), own);
  writeSync(fd, 'one\n');
  assert.equal(readText(fd), 'one\n');
  assert.throws(() => readText(fd), { code: 'EAGAIN' });
  closeSync(fd);
});

test('openOutputPipe() finds in an existing pipe what nobody has read', (t) => {
  const path = join(temporaryDirectory(t), 'out');
  const first = openOutputPipe(path, own);
  writeSync(first, 'left over\n');
  const second = openOutputPipe(path, own);
  closeSync(first);
  assert.equal(readText(second), 'left over\n');
  closeSync(second);
});

test('openOutputPipe() takes a MiB without a reader', (t) => {
  const fd = openOutputPipe(join(temporaryDirectory(t), 'out'), own);
  assert.equal(writeSync(fd, Buffer.alloc(1 << 20)), 1 << 20);
  closeSync(fd);
});

test('openOutputPipe() gives the pipe to the unit’s user with mode 0600', asRoot, (t) => {
  const path = join(temporaryDirectory(t), 'out');
  const fd = openOutputPipe(path, { uid: 12, gid: 34, sizeBytes: 65536 });
  const stat = lstatSync(path);
  assert.deepEqual([stat.isFIFO(), stat.mode & 0o7777, stat.uid, stat.gid], [true, 0o600, 12, 34]);
  closeSync(fd);
});

test('openOutputPipe() refuses whatever else lies at its path', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'file'), 'precious');
  mkdirSync(join(directory, 'directory'));
  symlinkSync('/dev/null', join(directory, 'link'));
  assert.throws(
    () => openOutputPipe(join(directory, 'file'), own),
    /something else lies there, expected a named pipe/,
  );
  assert.throws(() => openOutputPipe(join(directory, 'directory'), own), { code: 'EISDIR' });
  assert.throws(() => openOutputPipe(join(directory, 'link'), own), { code: 'ELOOP' });
  assert.throws(
    () => openOutputPipe(join(directory, 'none', 'out'), own),
    /cannot open output pipe .*: ENOENT/,
  );
});

test('removeUnusedPipes() removes what nobody has open, and nothing but pipes', (t) => {
  const directory = temporaryDirectory(t);
  const options = { uid: null, gid: null, sizeBytes: 65_536 };
  for (const name of ['read', 'written', 'left']) {
    const fd = openOutputPipe(join(directory, name), options);
    const writer = openSync(join(directory, name), 'r+');
    if (name === 'read') cleanUp(t, () => closeSync(fd));
    else closeSync(fd);
    if (name === 'written') cleanUp(t, () => closeSync(writer));
    else closeSync(writer);
  }
  writeFileSync(join(directory, 'file'), '');
  removeUnusedPipes(directory);
  assert.deepEqual(readdirSync(directory).sort(), ['file', 'read', 'written']);
});
