import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAnew, ownText, removeUnfinished, writeFileAtomic } from '../../../src/os/files.ts';
import { temporaryDirectory } from '../../support/child.ts';

test('writeFileAtomic() replaces the file whole and leaves nothing beside it', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'state.json');
  await writeFileAtomic(path, 'a long first content', 0o600);
  await writeFileAtomic(path, 'second', 0o600);
  assert.equal(readFileSync(path, 'utf8'), 'second');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory), ['state.json']);
});

test('writeFileAtomic() that fails keeps the old content and leaves nothing beside it', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'state.json'));
  await assert.rejects(writeFileAtomic(join(directory, 'state.json'), 'x', 0o600), { code: 'EISDIR' });
  assert.deepEqual(readdirSync(directory), ['state.json']);
});

test('removeUnfinished() removes what was left of writes of that file alone', (t) => {
  const directory = temporaryDirectory(t);
  const left = ['state.json', 'state.json.5d1e.tmp', 'other.json.5d1e.tmp', 'state.json.corrupt'];
  for (const name of left) writeFileSync(join(directory, name), '');
  removeUnfinished(join(directory, 'state.json'));
  assert.deepEqual(
    readdirSync(directory).sort(),
    left.filter((name) => name !== 'state.json.5d1e.tmp').sort(),
  );
  removeUnfinished(join(directory, 'gone', 'state.json'));
});

test('ownText() takes nothing that somebody else can have put there, and waits for nobody', (t) => {
  const directory = temporaryDirectory(t);
  const [own, link, fifo] = ['own', 'link', 'fifo'].map((name) => join(directory, name));
  assert(own && link && fifo);
  writeFileSync(own, 'ours');
  assert.equal(ownText(own), 'ours');
  symlinkSync(own, link);
  execFileSync('mkfifo', [fifo]);
  for (const path of [link, fifo, directory])
    assert.throws(() => ownText(path), /^Error: it is no regular file$/);
  assert.throws(() => ownText(join(directory, 'none')), { code: 'ENOENT' });
});

test('ownText() takes no file of another user', { skip: process.geteuid?.() !== 0 && 'needs root' }, (t) => {
  const path = join(temporaryDirectory(t), 'theirs');
  writeFileSync(path, 'theirs');
  chownSync(path, 65_534, 0);
  assert.throws(() => ownText(path), /^Error: it belongs to uid 65534, expected uid 0 or root$/);
});

test('createAnew() writes to a file of its own, whatever lies there', (t) => {
  const directory = temporaryDirectory(t);
  const [path, other] = [join(directory, 'file'), join(directory, 'other')];
  writeFileSync(other, 'precious');
  for (const plant of [
    (): void => symlinkSync(other, path),
    (): void => linkSync(other, path),
    (): void => void execFileSync('mkfifo', [path]),
  ]) {
    plant();
    const fd = createAnew(path, 0o600);
    writeSync(fd, 'ours');
    closeSync(fd);
    assert.deepEqual([readFileSync(path, 'utf8'), readFileSync(other, 'utf8')], ['ours', 'precious']);
    rmSync(path);
  }
});
