import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { believed, bound, boundIfOffered, calledAside, fdResult } from '../../../src/os/libc.ts';

const { EBADF, ENOENT, ESRCH } = constants.errno;

for (const [title, answers, expected] of [
  ['what goes well is asked once', [0], 0],
  ['what fails as it may is asked once', [ESRCH], ESRCH],
  ['what fails otherwise is asked again, and goes well', [ENOENT, 0], 0],
  ['what fails otherwise is asked again, and fails as it may', [ENOENT, ESRCH], ESRCH],
  ['what fails twice is believed', [ENOENT, ENOENT], ENOENT],
] as const) {
  test(`believed: ${title}`, () => {
    const left: number[] = [...answers];
    const { errno } = believed(() => ({ errno: left.shift() ?? -1 }), [ESRCH]);
    assert.equal(errno, expected);
    assert.deepEqual(left, []);
  });
}

test('libc: a function that it has not is null, or throws', () => {
  assert.equal(boundIfOffered('int unitd_has_no_such_function(int x)'), null);
  assert.throws(() => bound('int unitd_has_no_such_function(int x)'));
});

test('libc: a call that fails has an errno, here and on a thread of the pool a result', async () => {
  const dup = bound<(fd: number) => number>('int dup(int fd)');
  assert.deepEqual(fdResult(dup(-1)), { fd: -1, errno: EBADF });
  assert.equal(await calledAside(dup, -1), -1);
});
