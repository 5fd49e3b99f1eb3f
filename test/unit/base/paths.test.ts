import assert from 'node:assert/strict';
import { syncBuiltinESMExports } from 'node:module';
import os, { userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolvePaths } from '../../../src/base/paths.ts';

const exists = (): boolean => false;

test('resolvePaths() for root follows the file system hierarchy', () => {
  assert.deepEqual(
    resolvePaths({ uid: 0, env: { HOME: '/root', XDG_STATE_HOME: '/x' }, flags: {}, exists }),
    {
      units: '/etc/unitd/units.d',
      runtime: '/run/unitd',
      state: '/var/lib/unitd',
      logs: '/var/log/unitd',
      socket: '/run/unitd/unitd.sock',
    },
  );
});

test('resolvePaths() for a user follows the XDG variables', () => {
  const env = { HOME: '/home/a', XDG_CONFIG_HOME: '/c', XDG_RUNTIME_DIR: '/r', XDG_STATE_HOME: '/s' };
  assert.deepEqual(resolvePaths({ uid: 1000, env, flags: {}, exists }), {
    units: '/c/unitd/units.d',
    runtime: '/r/unitd',
    state: '/s/unitd',
    logs: '/s/unitd/log',
    socket: '/r/unitd/unitd.sock',
  });
});

test('resolvePaths() for a user without XDG variables uses their fallbacks, and passes over relative ones', () => {
  const env = { HOME: '/home/a', XDG_CONFIG_HOME: 'relative' };
  assert.deepEqual(resolvePaths({ uid: 1000, env, flags: {}, exists }), {
    units: '/home/a/.config/unitd/units.d',
    runtime: '/tmp/unitd-1000',
    state: '/home/a/.local/state/unitd',
    logs: '/home/a/.local/state/unitd/log',
    socket: '/tmp/unitd-1000/unitd.sock',
  });
});

test('resolvePaths() for a user with a HOME that is no absolute path asks the user database', (t) => {
  const { HOME } = process.env;
  t.after(() => {
    if (HOME === undefined) delete process.env['HOME'];
    else process.env['HOME'] = HOME;
  });
  const expected = join(userInfo().homedir, '.config/unitd/units.d');
  for (const home of ['', 'relative']) {
    process.env['HOME'] = home;
    assert.equal(resolvePaths({ uid: 1000, env: process.env, flags: {}, exists }).units, expected);
  }
});

test('resolvePaths() for a user without a home in the user database begins at the root of the file system', (t) => {
  t.mock.method(os, 'userInfo', () => ({ homedir: '' }));
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  assert.equal(resolvePaths({ uid: 1000, env: {}, flags: {}, exists }).units, '/.config/unitd/units.d');
});

test("resolvePaths() finds a user's runtime directory where XDG_RUNTIME_DIR was lost, as under cron", () => {
  const paths = resolvePaths({
    uid: 1000,
    env: { HOME: '/home/a' },
    flags: {},
    exists: (path) => path === '/run/user/1000',
  });
  assert.equal(paths.socket, '/run/user/1000/unitd/unitd.sock');
});

test('resolvePaths() passes over an XDG_RUNTIME_DIR that is closed to the user, as su hands on that of root', () => {
  const env = { HOME: '/home/a', XDG_RUNTIME_DIR: '/run/user/0' };
  const isForeign = (path: string, uid: number): boolean => path !== `/run/user/${uid}`;
  const socketOf = (isThere: boolean): string =>
    resolvePaths({ uid: 1000, env, flags: {}, exists: () => isThere, isForeign }).socket;
  assert.equal(socketOf(true), '/run/user/1000/unitd/unitd.sock');
  assert.equal(socketOf(false), '/tmp/unitd-1000/unitd.sock');
});

test('resolvePaths() prefers a flag to its variable, and that to the default', () => {
  const env = {
    UNITD_UNITS: '/env/units',
    UNITD_RUNTIME_DIR: '/env/run',
    UNITD_STATE_DIR: '/env/state',
    UNITD_LOG_DIR: '/env/log',
    UNITD_SOCKET: '',
  };
  assert.deepEqual(resolvePaths({ uid: 0, env, flags: { units: '/flag/units' }, exists }), {
    units: '/flag/units',
    runtime: '/env/run',
    state: '/env/state',
    logs: '/env/log',
    socket: '/env/run/unitd.sock',
  });
  assert.equal(
    resolvePaths({ uid: 0, env: { UNITD_SOCKET: '/a' }, flags: { socket: '/b' }, exists }).socket,
    '/b',
  );
});

test('resolvePaths() makes relative flags absolute', () => {
  const paths = resolvePaths({ uid: 0, env: {}, flags: { units: 'units.d' }, exists });
  assert.equal(paths.units, `${process.cwd()}/units.d`);
});
