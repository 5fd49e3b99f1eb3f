// Documents: each state of a unit, as `status --json` shows it, against the published schema.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { atOnce } from '../../src/core/steps.ts';
import type { Steps } from '../../src/core/steps.ts';
import { dependenciesOf, dependentsOf, graphing, unitStatus } from '../../src/daemon/documents.ts';
import { STATES } from '../../src/model/state.ts';
import type { State } from '../../src/model/state.ts';
import { processStat } from '../../src/os/procfs.ts';
import { API_VERSION } from '../../src/wire/v1.ts';
import type { GraphDocument, StatusDocument, UnitStatus } from '../../src/wire/v1.ts';
import { schemaComplaints } from '../support/wire-schemas.ts';
import { command, unitSpec } from '../unit/core/unit-spec.ts';
import { createControlRig, MEASURED_MS, valueOf } from './control-rig.ts';
import { FAILURE, SUCCESS, createRig } from './rig.ts';
import type { Rig } from './rig.ts';

const USAGE = { cpuPercent: 1.5, memoryBytes: 4096, tasks: 2 };

function statusOf(rig: Rig, name: string): UnitStatus {
  const unit = rig.supervisor.fleet.units.get(name);
  assert.ok(unit);
  const now = { nowMs: rig.clock.monotonicMs(), wallMs: rig.clock.wallMs() };
  return unitStatus(rig.supervisor.fleet, unit, now, { fence: 'session', usage: USAGE, isLeft: false });
}

function complaintsAbout(unit: UnitStatus): readonly string[] {
  return schemaComplaints('status', {
    apiVersion: API_VERSION,
    daemon: {
      pid: 1,
      version: '0.0.0',
      startedAt: '2026-11-22T09:00:00.000Z',
      replacedAt: null,
      replaceFailure: null,
      units: '/units',
      degraded: false,
      problems: [],
      fence: 'session',
      usageSource: { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' },
    },
    units: [unit],
  });
}

/** One unit in each state. */
async function fleetOfStates(): Promise<Rig> {
  const rig = createRig();
  rig.processes.define('/bin/stubborn', { ignores: ['SIGTERM'] });
  rig.load(
    unitSpec('stopped', { enabled: false }),
    unitSpec('waiting', { requires: ['starting'] }),
    unitSpec('starting', { type: 'oneshot' }),
    unitSpec('running', { description: 'It runs' }),
    unitSpec('stopping', { command: command('/bin/stubborn') }),
    unitSpec('backoff'),
    unitSpec('completed', { type: 'oneshot' }),
    unitSpec('failed', { restart: { policy: 'no' } }),
  );
  await rig.rest();
  rig.exit('completed', SUCCESS);
  rig.exit('backoff', FAILURE);
  rig.exit('failed', { code: null, signal: 'SIGSEGV', coreDumped: true });
  rig.operate('stopping', 'stop');
  await rig.rest();
  return rig;
}

test('unitStatus: there is a unit in each state, and each fits the schema', async () => {
  const rig = await fleetOfStates();
  for (const state of STATES) {
    const status = statusOf(rig, state);
    assert.equal(status.state, state);
    assert.deepEqual(complaintsAbout(status), [], state);
    assert.notEqual(status.reason, '', state);
    assert.doesNotMatch(status.reason, /\.$/, state);
  }
});

test('unitStatus: pid, start and usage are there while a process may be, and null otherwise', async () => {
  const rig = await fleetOfStates();
  const there: readonly State[] = ['starting', 'running', 'stopping'];
  for (const state of STATES) {
    const { pid, startedAt, usage } = statusOf(rig, state);
    const isThere = there.includes(state);
    assert.equal(pid !== null, isThere, state);
    assert.equal(startedAt !== null, isThere, state);
    assert.deepEqual(usage, isThere ? USAGE : null, state);
  }
});

test('unitStatus: ready, wanted, held and the last exit follow the unit', async () => {
  const rig = await fleetOfStates();
  const rows = STATES.map((state) => {
    const { ready, wanted, held, lastExit } = statusOf(rig, state);
    return [state, ready, wanted, held, lastExit?.cause ?? null];
  });
  assert.deepEqual(rows, [
    ['stopped', false, 'down', false, null],
    ['waiting', false, 'up', false, null],
    ['starting', false, 'up', false, null],
    ['running', true, 'up', false, null],
    ['stopping', false, 'down', true, null],
    ['backoff', false, 'up', false, 'exit'],
    ['completed', true, 'up', false, 'exit'],
    ['failed', false, 'up', false, 'core'],
  ]);
});

test('unitStatus: nextStartAt is the deadline in wall time, whenever it is asked', async () => {
  const rig = await fleetOfStates();
  const { nextStartAt } = statusOf(rig, 'backoff');
  assert.equal(nextStartAt, new Date(rig.clock.wallMs() + 1_000).toISOString());
  rig.clock.advance(400);
  assert.equal(statusOf(rig, 'backoff').nextStartAt, nextStartAt);
});

test('unitStatus: a start that is due after the last date is said to be due at that', async () => {
  const rig = createRig();
  const delayMs = 100_000_000 * 86_400_000;
  rig.load(unitSpec('patient', { restart: { delayMs, maxDelayMs: delayMs, jitter: 0 } }));
  await rig.rest();
  rig.exit('patient', FAILURE);
  await rig.rest();
  assert.equal(statusOf(rig, 'patient').nextStartAt, '9999-12-31T23:59:59.999Z');
});

test('status: units by name, whole document fits the schema', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', 'command: /bin/web\nrequires: [db]\n');
  rig.write('db', 'command: /bin/db\n');
  await rig.boot();
  const document = atOnce(rig.control.status());
  assert.deepEqual(
    document.units.map(({ name }) => name),
    ['db', 'web'],
  );
  assert.deepEqual(schemaComplaints('status', document), []);
});

test('status, graph: a step for each unit, and each as it stood at the first', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', 'command: /bin/web\n');
  rig.write('db', 'command: /bin/db\n');
  await rig.boot();
  for (const steps of [rig.control.status(), rig.control.graph()]) {
    assert.notEqual(steps.next().done, true);
    rig.operate('web', 'stop');
    await rig.rest();
    assert.equal(rig.look('web').state, 'stopped');
    assert.notEqual(steps.next().done, true);
    const { units } = atOnce(steps as Steps<StatusDocument | GraphDocument>);
    assert.deepEqual(
      units.map(({ name, state }) => [name, state]),
      [
        ['db', 'running'],
        ['web', 'running'],
      ],
    );
    rig.operate('web', 'start');
    await rig.rest();
  }
});

test('status: usage is of this activation, whatever the wall clock was set to, and null until that was measured', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', 'command: /bin/web\n');
  await rig.boot();
  const tasks = (): number | undefined => atOnce(rig.control.status()).units[0]?.usage?.tasks;
  const measure = async (): Promise<void> => {
    rig.sampler.wake();
    rig.clock.advance(MEASURED_MS);
    await rig.rest();
  };
  assert.equal(tasks(), undefined);
  await measure();
  assert.equal(tasks(), 1);
  rig.clock.setWall(rig.clock.wallMs() - 3_600_000);
  await measure();
  assert.equal(tasks(), 1);
  assert.equal(valueOf(await rig.control.unit('web')).unit.usage?.tasks, 1);
  rig.operate('web', 'restart');
  await rig.rest();
  assert.equal(rig.spawns('web'), 2);
  assert.equal(tasks(), undefined);
  await measure();
  assert.equal(tasks(), 1);
  rig.sampler.close();
});

test('unit: everybody has their turn while thousands of processes are looked at', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', 'command: /bin/web\n');
  await rig.boot();
  const self = processStat(process.pid) ?? assert.fail();
  const member = { ...self, cpuTicks: 0, reapedTicks: 0, residentPages: 0, threads: 1 };
  Object.assign(rig.processes, { members: () => Array.from({ length: 5000 }, () => member) });
  let isOver = false;
  const asked = rig.control.unit('web').finally(() => {
    isOver = true;
  });
  let turns = 0;
  for (; !isOver; turns += 1) await nextTurn();
  assert.equal(valueOf(await asked).processes.length, 5000);
  assert(turns > 4, `they were looked at within ${turns} turns of the loop`);
});

test('status: a oneshot that has completed has usage and a fence while something of it runs', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/job', { children: 1 });
  rig.write('job', 'command: /bin/job\ntype: oneshot\n');
  await rig.boot();
  rig.exit('job', SUCCESS);
  rig.sampler.wake();
  rig.clock.advance(MEASURED_MS);
  await rig.rest();
  const look = (): unknown => {
    const document = atOnce(rig.control.status());
    assert.deepEqual(schemaComplaints('status', document), []);
    return document.units.map(({ state, fence, usage }) => [state, fence, usage?.tasks]);
  };
  assert.deepEqual(look(), [['completed', 'session', 1]]);
  const [orphan] = rig.effects.members('job');
  assert.ok(orphan);
  rig.processes.signal(orphan, 'SIGKILL');
  await rig.rest();
  assert.deepEqual(look(), [['completed', null, undefined]]);
  rig.sampler.close();
});

test('graphing, dependenciesOf, dependentsOf: both directions, and the schema', async () => {
  const rig = createRig();
  rig.load(unitSpec('web', { requires: ['db'], after: ['log'] }), unitSpec('log'), unitSpec('db'));
  await rig.rest();
  const { fleet } = rig.supervisor;
  const graph = atOnce(graphing(fleet));
  assert.deepEqual(schemaComplaints('graph', graph), []);
  assert.deepEqual(
    graph.units.map(({ name, dependencies }) => [name, dependencies]),
    [
      ['db', {}],
      ['log', {}],
      ['web', { requires: ['db'], after: ['log'] }],
    ],
  );
  const [web, db] = [fleet.units.get('web'), fleet.units.get('db')];
  assert.ok(web && db);
  const edges = (list: ReturnType<typeof dependenciesOf>): unknown =>
    list.map(({ field, name, state }) => [field, name, state]);
  assert.deepEqual(edges(dependenciesOf(fleet, web)), [
    ['requires', 'db', 'running'],
    ['after', 'log', 'running'],
  ]);
  assert.deepEqual(edges(dependentsOf(fleet, db)), [['requires', 'web', 'running']]);
});
