// The working directory of a child that will be somebody else: the one that was looked at.
import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withDirectoryFor } from '../../../src/os/directory-for.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { refuseOpens } from '../../support/refused-opens.ts';

const WHO = { uid: process.geteuid?.() ?? 0, groups: (): readonly number[] => [] };

test('withDirectoryFor() names the directory that was looked at, whatever lies in its place by then', (t) => {
  const at = temporaryDirectory(t);
  const directory = join(at, 'work');
  mkdirSync(directory);
  const entered = withDirectoryFor(WHO, directory, (held) => {
    renameSync(directory, join(at, 'moved'));
    symlinkSync('/', directory);
    return realpathSync(held ?? '');
  });
  assert.equal(entered, realpathSync(join(at, 'moved')));
});

test('withDirectoryFor() gives the errno of a directory that is not there, and leaves the daemon its own', (t) => {
  const at = temporaryDirectory(t);
  assert.equal(
    withDirectoryFor(WHO, join(at, 'none'), () => 'entered'),
    'ENOENT',
  );
  assert.equal(
    withDirectoryFor(WHO, null, (held) => String(held)),
    'null',
  );
});

test('withDirectoryFor() has a descriptor for it where none is left but the spare ones', (t) => {
  const directory = temporaryDirectory(t);
  refuseOpens(t, new RegExp(`^${directory}$`), 'EMFILE', 1);
  assert.equal(
    withDirectoryFor(WHO, directory, () => 'entered'),
    'entered',
  );
});
