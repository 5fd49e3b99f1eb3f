import assert from 'node:assert/strict';
import { test } from 'node:test';
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
