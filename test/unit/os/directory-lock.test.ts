import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { acquireLock } from '../../../src/os/directory-lock.ts';
import { temporaryDirectory } from '../../support/child.ts';

test('acquireLock() names the holder, and lets go when it is closed', (t) => {
  const path = join(temporaryDirectory(t), 'lock');
  const first = acquireLock(path);
  assert.ok(first.ok);
  assert.deepEqual(acquireLock(path), { ok: false, holderPid: process.pid });
  first.lock.close();
  first.lock.close();
  const second = acquireLock(path);
  assert.ok(second.ok);
  second.lock.close();
});

test('acquireLock() is refused also when somebody has removed the file of the pid', (t) => {
  const path = join(temporaryDirectory(t), 'unitd.pid');
  const first = acquireLock(path);
  assert(first.ok);
  rmSync(path);
  assert.deepEqual(acquireLock(path), { ok: false, holderPid: process.pid });
  assert.equal(existsSync(path), false, 'it is not the other one that writes it');
  first.lock.close();
  const second = acquireLock(path);
  assert(second.ok);
  second.lock.close();
});

test('acquireLock() neither writes nor empties what a link in the place of its file leads to', (t) => {
  const directory = temporaryDirectory(t);
  const [path, target] = [join(directory, 'unitd.pid'), join(directory, 'precious')];
  writeFileSync(target, 'precious');
  symlinkSync(target, path);
  const lock = acquireLock(path);
  assert(lock.ok);
  rmSync(path);
  symlinkSync(target, path);
  lock.lock.close();
  assert.equal(readFileSync(target, 'utf8'), 'precious');
});

test('acquireLock() gets the lock of a process that was killed', (t) => {
  const path = join(temporaryDirectory(t), 'lock');
  const module = pathToFileURL(join(import.meta.dirname, '../../../src/os/directory-lock.js')).href;
  const script = `
    const { acquireLock } = await import(${JSON.stringify(module)});
    if (!acquireLock(${JSON.stringify(path)}).ok) throw new Error('it is taken');
    process.kill(process.pid, 'SIGKILL');`;
  assert.throws(() => execFileSync(process.execPath, ['--input-type=module', '-e', script]), {
    signal: 'SIGKILL',
  });
  assert.notEqual(readFileSync(path, 'utf8'), '');
  const lock = acquireLock(path);
  assert.ok(lock.ok);
  assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  lock.lock.close();
});
