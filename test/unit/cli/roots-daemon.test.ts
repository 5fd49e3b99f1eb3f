import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionFailure, noSuchUnit } from '../../../src/cli/failure.ts';
import { hintsOnRoot } from '../../../src/cli/roots-daemon.ts';

const ABSENT = connectionFailure('/run/user/1000/unitd/unitd.sock', 'ENOENT');
const USER = { uid: 1000, env: {}, invocation: { verb: 'status', operands: [], options: {} } };
const there = (path: string): boolean => path === '/run/unitd';

test('hintsOnRoot() names the daemon of root to a user whose own is not there', () => {
  assert.deepEqual(hintsOnRoot(ABSENT, USER, there), ['if that of root was meant: sudo unitd status']);
});

for (const [title, failure, who, exists] of [
  ['where there is none', ABSENT, USER, () => false],
  ['to root', ABSENT, { ...USER, uid: 0 }, there],
  ['of another failure', noSuchUnit('web'), USER, there],
  ['where a socket was named', ABSENT, { ...USER, env: { UNITD_SOCKET: '/s' } }, there],
  [
    'where a directory was named',
    ABSENT,
    { ...USER, invocation: { ...USER.invocation, options: { 'runtime-dir': '/r' } } },
    there,
  ],
] as const) {
  test(`hintsOnRoot() says nothing ${title}`, () => assert.deepEqual(hintsOnRoot(failure, who, exists), []));
}
