// Activations: the tree of each unit's activation, and what is in force in its cgroup.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Activations } from '../../src/daemon/activations.ts';
import { NO_RESOURCES } from '../../src/model/unit.ts';
import { createFakeProcesses } from '../support/fakes/processes.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';

const LIMITED = { ...NO_RESOURCES, tasksMax: 5 };

test('Activations limit: what has changed reaches the cgroup, once', () => {
  const processes = createFakeProcesses({ fence: 'cgroup' });
  const activations = new Activations(processes, assert.fail);
  const web = unitSpec('web');
  activations.begin(web);
  activations.limit(web);
  assert.deepEqual(processes.limited, []);
  const limited = unitSpec('web', { resources: LIMITED });
  for (const _time of [1, 2]) activations.limit(limited);
  const cgroup = activations.treeOf('web').cgroup ?? null;
  assert.deepEqual(processes.limited, [{ cgroup, from: NO_RESOURCES, to: LIMITED }]);
});

test('Activations limit: of a unit that was taken back, and after a refusal, nobody knows what holds', () => {
  const tree = { invocationId: 'one', leaders: [], cgroup: '/fence/web.1' };
  const web = unitSpec('web', { resources: LIMITED });
  const troubles: string[] = [];
  const refusal = 'pids.max cannot be set to "5" (ENOENT)';
  const refusing = { ...createFakeProcesses({ fence: 'cgroup' }), limit: (): string => refusal };
  const refused = new Activations(refusing, (unit, message) => troubles.push(`${unit}: ${message}`));
  refused.restore('web', tree);
  refused.limit(web);
  refused.limit(web);
  const trouble = `web: its resources are not all in force: ${refusal}`;
  assert.deepEqual(troubles, [trouble, trouble]);
  const willing = createFakeProcesses({ fence: 'cgroup' });
  const other = new Activations(willing, assert.fail);
  other.restore('web', tree);
  other.limit(web);
  assert.deepEqual(willing.limited, [{ cgroup: '/fence/web.1', from: null, to: LIMITED }]);
});

test('Activations: a leader that is taken as another takes its place; one that is added stands beside', () => {
  const activations = new Activations(createFakeProcesses(), assert.fail);
  const [first, second, anew] = [
    { pid: 1, startTicks: 1 },
    { pid: 2, startTicks: 2 },
    { pid: 1, startTicks: 3 },
  ];
  activations.begin(unitSpec('web'));
  activations.addLeader('web', first);
  activations.addLeader('web', second);
  assert.deepEqual(activations.treeOf('web').leaders, [first, second]);
  activations.takeLeader('web', anew);
  assert.deepEqual(activations.treeOf('web').leaders, [second, anew]);
});

test('Activations: inherited is what an earlier daemon began, until the next begins', () => {
  const activations = new Activations(createFakeProcesses(), assert.fail);
  activations.restore('web', { invocationId: 'one', leaders: [] });
  assert.equal(activations.isInherited('web'), true);
  activations.begin(unitSpec('web'));
  assert.equal(activations.isInherited('web'), false);
});
