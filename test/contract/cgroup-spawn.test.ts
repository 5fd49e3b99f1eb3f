// Where the C library can spawn into a cgroup, a child is never anywhere else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SPAWNS_INTO_CGROUP } from '../../src/os/libc/spawn.ts';
import { cannotUseCgroups } from '../support/cgroups.ts';
import { createRealProcesses } from './real-processes.ts';

const skip =
  cannotUseCgroups() ||
  (!SPAWNS_INTO_CGROUP && 'the C library has no posix_spawnattr_setcgroup_np (glibc 2.39)');
const TIMES = 50;

// It is the child's first act to look: one that is moved after its spawn may be too early.
test('a child begins in its cgroup', { skip }, async (t) => {
  const { output } = createRealProcesses('cgroup');
  for (let count = 0; count < TIMES; count += 1) {
    const text = await output(t, { argv: ['cat', '/proc/self/cgroup'] });
    assert.match(text, /^0::.*\/unitd-[0-9a-f]{12}\/test\.unit(?:\.\d+)?$/m);
  }
});
