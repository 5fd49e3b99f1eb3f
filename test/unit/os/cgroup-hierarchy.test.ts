// The place of the own cgroup, as mountinfo and cgroup files of real machines have it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownCgroup } from '../../../src/os/cgroup-hierarchy.ts';

const UNIFIED = '30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate\n';
const HYBRID =
  '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n' +
  '39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n' +
  '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n';
const SCOPE = '/user.slice/user-1000.slice/user@1000.service/app.slice/run-u1.scope';

const rows: readonly (readonly [string, string, string, string])[] = [
  ['unified', UNIFIED, `0::${SCOPE}\n`, `/sys/fs/cgroup${SCOPE}`],
  ['the root of it', UNIFIED, '0::/\n', '/sys/fs/cgroup'],
  ['beside version 1', HYBRID, '8:pids:/a\n0::/b\n', '/sys/fs/cgroup/unified/b'],
  [
    'a mount of a part',
    '30 23 0:26 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n',
    '0::/docker/1/x\n',
    '/sys/fs/cgroup/x',
  ],
  ['a mount point with a blank', UNIFIED.replace('/sys/fs/', '/my\\040fs/'), '0::/a\n', '/my fs/cgroup/a'],
  [
    'a second mount that is writable',
    UNIFIED.replace(' rw,', ' ro,') + HYBRID,
    '0::/a\n',
    '/sys/fs/cgroup/unified/a',
  ],
];

for (const [name, mountinfo, own, directory] of rows) {
  test(`ownCgroup(): ${name}`, () => {
    assert.deepEqual(ownCgroup(mountinfo, own), { ok: true, directory });
  });
}

const refusals: readonly (readonly [string, string, string, RegExp])[] = [
  ['version 1 only', HYBRID.split('\n').slice(0, 2).join('\n'), '8:pids:/a\n', /no cgroup v2 hierarchy/],
  ['no version 2 membership', UNIFIED, '8:pids:/a\n', /no cgroup v2 hierarchy/],
  ['mounted read-only', UNIFIED.replace('rw,nosuid', 'ro,nosuid'), '0::/a\n', /read-only/],
  ['a read-only file system', UNIFIED.replace('rw,nsdelegate', 'ro'), '0::/a\n', /read-only/],
  ['outside of the namespace', UNIFIED, '0::/../a\n', /out of reach/],
  ['removed', UNIFIED, '0::/a (deleted)\n', /out of reach/],
  ['outside of the mounted part', UNIFIED.replace(' / ', ' /docker/1 '), '0::/docker/12\n', /does not hold/],
];

for (const [name, mountinfo, own, reason] of refusals) {
  test(`ownCgroup() says why there is none: ${name}`, () => {
    const result = ownCgroup(mountinfo, own);
    assert.ok(!result.ok);
    assert.match(result.reason, reason);
  });
}
