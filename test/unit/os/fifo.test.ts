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
import { ownLimit, RESOURCES, setOwnLimit } from '../../../src/os/libc/limit.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { cleanUp } from '../../support/cleanup.ts';

const SIZE = 1 << 20;

function readText(fd: number): string {
  const buffer = Buffer.alloc(100);
  return buffer.toString('utf8', 0, readSync(fd, buffer));
}

test('openOutputPipe() carries bytes, and an empty pipe neither ends nor blocks its reader', (t) => {
  const fd = openOutputPipe(join(temporaryDirectory(t), 'out'), SIZE);
  writeSync(fd, 'one\n');
  assert.equal(readText(fd), 'one\n');
  assert.throws(() => readText(fd), { code: 'EAGAIN' });
  closeSync(fd);
});

test('openOutputPipe() finds in an existing pipe what nobody has read', (t) => {
  const path = join(temporaryDirectory(t), 'out');
  const first = openOutputPipe(path, SIZE);
  writeSync(first, 'left over\n');
  const second = openOutputPipe(path, SIZE);
  closeSync(first);
  assert.equal(readText(second), 'left over\n');
  closeSync(second);
});

test('openOutputPipe() takes a MiB without a reader', (t) => {
  const fd = openOutputPipe(join(temporaryDirectory(t), 'out'), SIZE);
  assert.equal(writeSync(fd, Buffer.alloc(1 << 20)), 1 << 20);
  closeSync(fd);
});

test('openOutputPipe() leaves the pipe to whoever gets at it, whatever the umask is', (t) => {
  const path = join(temporaryDirectory(t), 'out');
  const umask = process.umask(0o077);
  cleanUp(t, () => void process.umask(umask));
  const fd = openOutputPipe(path, SIZE);
  const stat = lstatSync(path);
  assert.deepEqual([stat.isFIFO(), stat.mode & 0o7777, stat.uid], [true, 0o666, process.geteuid?.()]);
  closeSync(fd);
});

test('openOutputPipe() refuses whatever else lies at its path', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'file'), 'precious');
  mkdirSync(join(directory, 'directory'));
  symlinkSync('/dev/null', join(directory, 'link'));
  assert.throws(
    () => openOutputPipe(join(directory, 'file'), SIZE),
    /something else lies there, expected a named pipe/,
  );
  assert.throws(() => openOutputPipe(join(directory, 'directory'), SIZE), { code: 'EISDIR' });
  assert.throws(() => openOutputPipe(join(directory, 'link'), SIZE), { code: 'ELOOP' });
  assert.throws(
    () => openOutputPipe(join(directory, 'none', 'out'), SIZE),
    /cannot open output pipe .*: ENOENT/,
  );
});

test('openOutputPipe() leaves descriptors to others when it has no more', (t) => {
  const directory = temporaryDirectory(t);
  const before = ownLimit(RESOURCES.nofile);
  const opened: number[] = [];
  cleanUp(t, () => {
    for (const fd of opened) closeSync(fd);
    setOwnLimit(RESOURCES.nofile, before);
  });
  for (const soft of [256, 1100]) {
    setOwnLimit(RESOURCES.nofile, { ...before, soft });
    assert.throws(
      () => {
        for (let count = 0; count < soft; count += 1)
          opened.push(openOutputPipe(join(directory, `${soft}-${count}`), SIZE));
      },
      { code: 'EMFILE' },
    );
    const pipes = opened.length;
    for (let count = 0; count < 60; count += 1) opened.push(openSync('/dev/null', 'r'));
    assert.ok(pipes >= soft / 2, `${pipes} pipes`);
  }
});

test('removeUnusedPipes() removes what nobody has open, and nothing but pipes', (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ['read', 'written', 'left']) {
    const fd = openOutputPipe(join(directory, name), SIZE);
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
