import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/child.ts';
import { cleanUp } from '../../support/cleanup.ts';
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

test('lookupGroup() finds a group by name and by number', () => {
  assert.equal(lookupGroup('root')?.gid, 0);
  assert.equal(lookupGroup('0')?.name, 'root');
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
