import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { processesBelow } from '../../../src/os/cgroup.ts';
import { readsFailed } from '../../../src/os/procfs.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { refuseOpens } from '../../support/refused-opens.ts';

test('processesBelow() that cannot see all is a read that failed; of a cgroup that is gone it is not', (t) => {
  const cgroup = temporaryDirectory(t);
  const below = join(cgroup, 'below');
  mkdirSync(below);
  writeFileSync(join(cgroup, 'cgroup.procs'), '11\n');
  writeFileSync(join(below, 'cgroup.procs'), '12\n');
  const failed = readsFailed();
  assert.deepEqual(processesBelow(cgroup), [11, 12]);
  assert.deepEqual(processesBelow(join(cgroup, 'gone')), []);
  assert.equal(readsFailed(), failed);

  for (const [form, seen] of [
    [new RegExp(`^${cgroup}$`), [11]],
    [/below\/cgroup\.procs$/, [11]],
  ] as const) {
    const before = readsFailed();
    const { mend } = refuseOpens(t, form, 'ENFILE');
    assert.deepEqual(processesBelow(cgroup), seen);
    assert.equal(readsFailed(), before + 1);
    mend();
  }
});
