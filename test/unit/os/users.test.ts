import assert from 'node:assert/strict';
import child_process from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/child.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { refuseOpens } from '../../support/refused-opens.ts';
import { groupsOf, lookupGroup, lookupUser } from '../../../src/os/users.ts';

test('lookupUser() finds a user by name and by number', () => {
  const root = lookupUser('root');
  assert.equal(root?.uid, 0);
  assert.equal(root.gid, 0);
  assert.equal(root.home, '/root');
  assert.deepEqual(lookupUser('0'), root);
});

test('lookupUser() and lookupGroup() are null for nobody, and for parts and patterns of names', () => {
  for (const name of ['no-such-name', 'roo', 'root:x', '.*', '', '4000000000', '-u']) {
    assert.equal(lookupUser(name), null, name);
    assert.equal(lookupGroup(name), null, name);
  }
});

test('lookupUser() and lookupGroup() take no number for another that is left of it in 32 bits', () => {
  for (const name of ['4294967295', '4294967296', '004294967296', '18446744073709551616', '+0']) {
    assert.equal(lookupUser(name), null, name);
    assert.equal(lookupGroup(name), null, name);
  }
});

test('lookupUser() and lookupGroup() know nobody whose entry has no id that an account can have', (t) => {
  for (const [index, id] of ['', 'x', '-1', '4294967295', '4294967296'].entries()) {
    const { mock } = t.mock.method(child_process, 'spawnSync', (_file: string, [, , key]: string[]) => ({
      status: 0,
      stdout:
        key?.startsWith('gid') === true
          ? `${key}:x:1000:${id}::/:/bin/sh\n`
          : `${key}:x:${id}:1000::/:/bin/sh\n`,
    }));
    syncBuiltinESMExports();
    try {
      assert.equal(lookupUser(`uid${index}`), null, id);
      assert.equal(lookupUser(`gid${index}`), null, id);
      assert.equal(lookupGroup(`uid${index}`), null, id);
    } finally {
      mock.restore();
      syncBuiltinESMExports();
    }
  }
});

test('lookupGroup() finds a group by name and by number', () => {
  assert.equal(lookupGroup('root'), 0);
  assert.equal(lookupGroup('0'), 0);
});

test('groupsOf() begins with the primary group', () => {
  const root = lookupUser('root');
  assert.ok(root !== null);
  assert.equal(groupsOf(root)[0], 0);
});

test('lookupUser() of one that only the name service knows asks it once for many starts', (t) => {
  const directory = temporaryDirectory(t);
  const asked = join(directory, 'asked');
  const script = `#!/bin/sh\necho "$@" >>${asked}\necho 'farmer:x:7001:7002::/home/farmer:/bin/sh'\n`;
  writeFileSync(join(directory, 'getent'), script);
  chmodSync(join(directory, 'getent'), 0o755);
  const path = process.env['PATH'];
  cleanUp(t, () => void (process.env['PATH'] = path));
  process.env['PATH'] = `${directory}:${path}`;
  for (let start = 0; start < 3; start += 1) assert.equal(lookupUser('farmer')?.uid, 7001);
  assert.equal(readFileSync(asked, 'utf8'), 'passwd -- farmer\n');
});

test('lookupUser() and lookupGroup() still read the files in /etc when no descriptor is to be had', (t) => {
  const { mend } = refuseOpens(t, /^\/etc\/passwd$/, 'EMFILE', 1);
  assert.equal(lookupUser('root')?.uid, 0);
  mend();
  refuseOpens(t, /^\/etc\/group$/, 'EMFILE', 1);
  assert.equal(lookupGroup('root'), 0);
});

test('lookupUser() and lookupGroup() take nobody for missing whose file cannot be read', (t) => {
  refuseOpens(t, /^\/etc\/(passwd|group)$/, 'ENFILE');
  assert.throws(() => lookupUser('no-such-name'), { code: 'ENFILE' });
  assert.throws(() => lookupGroup('no-such-name'), { code: 'ENFILE' });
});

test('lookupUser() takes nobody for missing while the name service cannot be asked, and asks it later', (t) => {
  const { mock } = t.mock.method(child_process, 'spawnSync', () => ({
    error: Object.assign(new Error('spawnSync getent EMFILE'), { code: 'EMFILE' }),
    status: null,
    stdout: '',
  }));
  syncBuiltinESMExports();
  cleanUp(t, syncBuiltinESMExports);
  cleanUp(t, () => mock.restore());
  assert.throws(() => lookupUser('no-such-name-yet'), { code: 'EMFILE' });
  mock.restore();
  syncBuiltinESMExports();
  assert.equal(lookupUser('no-such-name-yet'), null);
});
