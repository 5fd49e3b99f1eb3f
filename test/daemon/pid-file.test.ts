import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pidIn, removePidFile } from '../../src/daemon/pid-file.ts';
import { temporaryDirectory } from '../support/child.ts';

test('pidIn: the number that stands alone in the first line of the file; anything else is wanting', (t) => {
  const path = join(temporaryDirectory(t), 'pid');
  assert.deepEqual(pidIn(path), { wanting: `its pidFile "${path}" is not there yet` });
  for (const [text, expected] of [
    ['17', { pid: 17 }],
    [' 17\n', { pid: 17 }],
    ['17\n/var/lib/postgresql/data\n1795938999\n5432\n', { pid: 17 }],
    ['17\r\n18\n', { pid: 17 }],
    [`${' '.repeat(64)}17\n`, { wanting: `its pidFile "${path}" has no pid in it` }],
    ['', { wanting: `its pidFile "${path}" has no pid in it` }],
    ['-1\n', { wanting: `its pidFile "${path}" has no pid in it` }],
    ['17 18\n', { wanting: `its pidFile "${path}" has no pid in it` }],
  ] as const) {
    writeFileSync(path, text);
    assert.deepEqual(pidIn(path), expected, JSON.stringify(text));
  }
});

test('pidIn: of a FIFO or a directory nothing is read', (t) => {
  const directory = temporaryDirectory(t);
  const fifo = join(directory, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  for (const path of [fifo, directory]) {
    const wanting = `its pidFile "${path}" cannot be read: it is no regular file`;
    assert.deepEqual(pidIn(path), { wanting });
  }
});

test('removePidFile: it is gone, was gone before, or stays and why', (t) => {
  const path = join(temporaryDirectory(t), 'pid');
  writeFileSync(path, '17\n');
  assert.equal(removePidFile(path), null);
  assert.equal(existsSync(path), false);
  assert.equal(removePidFile(path), null);
  mkdirSync(path);
  assert.match(removePidFile(path) ?? '', /^cannot remove pidFile: /);
});
