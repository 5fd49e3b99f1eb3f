// What is told of the place of an activation where there are no cgroups.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_RESOURCES } from '../../../src/model/unit.ts';
import { createEnclosure } from '../../../src/os/enclosure.ts';

const LIMITED = { ...NO_RESOURCES, tasksMax: 10 };
const TREE = { invocationId: 'a', leaders: [] };

test('createEnclosure(null) holds by session, where nothing is limited', () => {
  const enclosure = createEnclosure(null);
  assert.equal(enclosure.fence, 'session');
  assert.equal(enclosure.lacks('pids'), 'units are held by session');
  assert.equal(enclosure.enclose('web', NO_RESOURCES), null);
  assert.equal(enclosure.limit(TREE, null, NO_RESOURCES), null);
  assert.throws(() => enclosure.enclose('web', LIMITED), /units are held by session/);
  assert.equal(enclosure.limit(TREE, NO_RESOURCES, LIMITED), 'units are held by session');
  const why = 'units are held by session: no cgroup v2 hierarchy is mounted';
  assert.equal(createEnclosure(null, why).lacks('pids'), why);
  assert.equal(enclosure.oomKills(TREE), 0);
  assert.deepEqual(enclosure.sweep([]), []);
});
