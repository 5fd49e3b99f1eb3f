import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureDirectory } from '../../../src/os/own-directory.ts';
import { temporaryDirectory } from '../../support/child.ts';

test('ensureDirectory() makes what is missing with its mode and keeps the mode of what is there', (t) => {
  const path = join(temporaryDirectory(t), 'run', 'unitd');
  ensureDirectory(path, 0o700);
  assert.equal(statSync(path).mode & 0o7777, 0o700);
  chmodSync(path, 0o750);
  ensureDirectory(path, 0o700);
  assert.equal(statSync(path).mode & 0o7777, 0o750);
});

test('ensureDirectory() refuses a file and a directory for everybody, but not /tmp', (t) => {
  const directory = temporaryDirectory(t);
  const [file, open] = [join(directory, 'file'), join(directory, 'open')];
  writeFileSync(file, '');
  mkdirSync(open);
  chmodSync(open, 0o777);
  assert.throws(() => ensureDirectory(file, 0o700), /it is a file, expected a directory/);
  assert.throws(() => ensureDirectory(open, 0o700), /everybody may write in it, expected/);
  ensureDirectory('/tmp', 0o700);
});
