// What is written into the control files of a cgroup; a directory stands for it. A kernel's own is in
// test/e2e/resources.test.ts.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { NO_RESOURCES } from '../../../src/model/unit.ts';
import { limitCgroup, limitNewCgroup } from '../../../src/os/resource-limits.ts';
import { temporaryDirectory } from '../../support/child.ts';

const FILES = [
  'memory.max',
  'memory.high',
  'cpu.max',
  'cpu.weight',
  'pids.max',
  'io.weight',
  'io.bfq.weight',
] as const;
const ALL = {
  memoryMaxBytes: 2_000_000,
  memoryHighBytes: 1_000_000,
  cpuMaxPercent: 150,
  cpuWeight: 50,
  tasksMax: 7,
  ioWeight: 10_000,
};

/** Its files are empty. */
function cgroup(t: TestContext, files: readonly string[] = FILES): string {
  const directory = temporaryDirectory(t);
  for (const file of files) writeFileSync(join(directory, file), '');
  return directory;
}

const written = (directory: string, files: readonly string[] = FILES): readonly string[] =>
  files.map((file) => readFileSync(join(directory, file), 'utf8'));

test('limitNewCgroup() writes what is asked for, in the words of the kernel', (t) => {
  const directory = cgroup(t);
  assert.equal(limitNewCgroup(directory, ALL), null);
  assert.deepEqual(written(directory), [
    '2000000',
    '1000000',
    '150000 100000',
    '50',
    '7',
    'default 10000',
    'default 1000',
  ]);
});

test('limitNewCgroup() leaves alone what nobody asks for', (t) => {
  const directory = cgroup(t);
  assert.equal(limitNewCgroup(directory, { ...NO_RESOURCES, tasksMax: 7 }), null);
  assert.deepEqual(written(directory), ['', '', '', '', '7', '', '']);
});

test('limitCgroup() writes what has changed, and takes back what is gone', (t) => {
  const directory = cgroup(t);
  assert.equal(limitCgroup(directory, ALL, { ...ALL, cpuMaxPercent: null, ioWeight: 50 }), null);
  assert.deepEqual(written(directory), ['', '', 'max 100000', '', '', 'default 50', 'default 50']);
});

test('limitCgroup() writes all where nobody knows what holds, as far as there are files for it', (t) => {
  const files = ['memory.max', 'memory.high', 'pids.max'] as const;
  const directory = cgroup(t, files);
  assert.equal(limitCgroup(directory, null, { ...NO_RESOURCES, memoryMaxBytes: 5 }), null);
  assert.deepEqual(written(directory, files), ['5', 'max', 'max']);
});

test('limitCgroup() says which file is not there, and writes the others', (t) => {
  const directory = cgroup(t, ['memory.max']);
  assert.equal(
    limitNewCgroup(directory, { ...NO_RESOURCES, memoryMaxBytes: 5, cpuWeight: 3, ioWeight: 4 }),
    'cpu.weight cannot be set to "3" (ENOENT), io.weight cannot be set to "default 4" (ENOENT), io.bfq.weight cannot be set to "default 4" (ENOENT)',
  );
  assert.deepEqual(written(directory, ['memory.max']), ['5']);
});

test('io.weight or io.bfq.weight is enough', (t) => {
  for (const file of ['io.weight', 'io.bfq.weight'])
    assert.equal(limitNewCgroup(cgroup(t, [file]), { ...NO_RESOURCES, ioWeight: 100 }), null);
});
