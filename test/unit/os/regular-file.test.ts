import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { closeSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRegularFile } from '../../../src/os/regular-file.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { refuseOpens } from '../../support/refused-opens.ts';

const O_PATH = 0o10000000;

test('openRegularFile() opens a regular file, also through a link', (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'link');
  writeFileSync(join(directory, 'file'), 'text');
  symlinkSync('file', path);
  const fd = openRegularFile(path);
  assert.ok(fd !== null);
  assert.equal(readFileSync(fd, 'utf8'), 'text');
  closeSync(fd);
  assert.throws(() => openRegularFile(join(directory, 'none')), { code: 'ENOENT' });
});

test('openRegularFile() does not even open what is none: a terminal would control the daemon from then on', (t) => {
  const directory = temporaryDirectory(t);
  const pipe = join(directory, 'pipe');
  const link = join(directory, 'link');
  execFileSync('mkfifo', [pipe]);
  symlinkSync('/dev/null', link);
  const open = t.mock.method(fs, 'openSync');
  syncBuiltinESMExports();
  try {
    for (const path of [pipe, link, directory]) assert.equal(openRegularFile(path), null);
    assert.deepEqual(
      open.mock.calls.map(({ arguments: given }) => given),
      [
        [pipe, O_PATH],
        [link, O_PATH],
        [directory, O_PATH],
      ],
    );
  } finally {
    open.mock.restore();
    syncBuiltinESMExports();
  }
});

for (const form of [/\/file$/, /^\/proc\/self\/fd\/\d+$/]) {
  test(`openRegularFile() opens one where no descriptor is left but the spare ones (${form.source})`, (t) => {
    const path = join(temporaryDirectory(t), 'file');
    writeFileSync(path, 'text');
    refuseOpens(t, form, 'EMFILE', 1);
    const fd = openRegularFile(path);
    assert.ok(fd !== null);
    closeSync(fd);
  });
}
