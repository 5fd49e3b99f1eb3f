// adopt(): what becomes of each journalled unit and run, by what of it still lives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { newFleet } from '../../src/core/fleet.ts';
import type { Fleet } from '../../src/core/fleet.ts';
import { NEW_STATE } from '../../src/core/machine-state.ts';
import type { MachineEvent, Phase } from '../../src/core/machine-state.ts';
import { adopt, takeUp, type Adoption } from '../../src/daemon/adoption.ts';
import { Effects } from '../../src/daemon/effects.ts';
import type { SpawnedRun, UnitRecord } from '../../src/daemon/journal-lines.ts';
import type { Earlier } from '../../src/daemon/reload.ts';
import type { ProcessId } from '../../src/model/process.ts';
import { NO_RESOURCES } from '../../src/model/unit.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import { createFakeProcesses, type FakeProcesses } from '../support/fakes/processes.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';
import { FAILURE, FAKE_OUTPUT, SUCCESS } from './rig.ts';
import { spawnRequest } from '../support/spawn-request.ts';

const UNKNOWN = { code: null, signal: null, coreDumped: false };

/** A process that an earlier daemon spawned for this run of the invocation "abc". */
function spawnEarlier(processes: FakeProcesses, run: number): ProcessId {
  const environment = { INVOCATION_ID: 'abc', UNITD_RUN: String(run) };
  const result = processes.spawn(spawnRequest({ argv: ['/bin/main'], environment }));
  assert.ok(result.ok);
  return result.process;
}

function running(id: number, process: ProcessId | null): Phase {
  return { at: 'running', main: { id, process }, deadline: null, readyAt: 5 };
}

function starting(id: number): Phase {
  return {
    at: 'starting',
    main: { id, process: null },
    helper: null,
    seeking: null,
    ending: null,
    deadline: 90_000,
    startedAt: 0,
  };
}

interface Left {
  readonly phase: Phase;
  readonly leaders?: readonly ProcessId[];
  readonly spawned?: SpawnedRun;
  readonly spec?: UnitSpec | null;
  readonly next?: UnitSpec;
  readonly change?: Partial<UnitRecord>;
}

interface Taken extends Adoption {
  readonly fleet: Fleet;
  readonly effects: Effects;
  readonly sent: (readonly [string, MachineEvent])[];
}

interface World extends Pick<Taken, 'fleet' | 'effects' | 'sent'> {
  readonly earlier: Earlier;
}

/** The one unit "web" that an earlier daemon left so, and an empty fleet. */
function worldOf(processes: FakeProcesses, left: Left): World {
  const sent: (readonly [string, MachineEvent])[] = [];
  const effects = new Effects({
    processes,
    inherited: {},
    outputFor: () => FAKE_OUTPUT,
    send: (unit, event) => sent.push([unit, event]),
    onSpawning: () => undefined,
    seekMain: () => undefined,
    succeed: (_unit, _ended, tell) => tell(null),
    onSpawned: () => undefined,
    onTrouble: () => undefined,
  });
  const record: UnitRecord = {
    state: { ...NEW_STATE, phase: left.phase, runs: 7, activation: 3 },
    sinceWall: 1,
    intent: null,
    activation: null,
    cycle: null,
    removed: false,
    tree: { invocationId: 'abc', leaders: left.leaders ?? [] },
    ...left.change,
  };
  const spec = left.spec === undefined ? unitSpec('web') : left.spec;
  const earlier = {
    set: new Map(spec === null ? [] : [['web', spec]]),
    next: new Map(left.next === undefined ? [] : [['web', left.next]]),
    units: new Map([['web', record]]),
    spawned: new Map(left.spawned === undefined ? [] : [['web', left.spawned]]),
    files: [],
  };
  return { earlier, fleet: newFleet(), effects, sent };
}

function take(processes: FakeProcesses, left: Left): Taken {
  const { earlier, fleet, effects, sent } = worldOf(processes, left);
  return { ...adopt(earlier, fleet, { processes, effects }), fleet, effects, sent };
}

test('adopt: a unit keeps its state, its counts and its words', () => {
  const activation = { by: 'api', field: 'requires', seq: 2 } as const;
  const { fleet, adopted } = take(createFakeProcesses(), {
    phase: { at: 'stopped', text: 'why' },
    change: { activation, cycle: 'command changed', removed: true },
  });
  const unit = fleet.units.get('web');
  assert.deepEqual(unit?.state, {
    ...NEW_STATE,
    phase: { at: 'stopped', text: 'why' },
    runs: 7,
    activation: 3,
  });
  assert.deepEqual([unit?.activation, unit?.cycle, unit?.removed], [activation, 'command changed', true]);
  assert.equal(fleet.seq, 2, 'words to come are later ones');
  assert.deepEqual(adopted, [{ name: 'web', processes: [], facts: [] }]);
  assert.ok(fleet.dirty.has('web'), 'it is looked at');
});

test('adopt: a main process that lives is no news, and its end is its run’s', async () => {
  const processes = createFakeProcesses();
  const main = spawnEarlier(processes, 7);
  processes.close();
  const { adopted, effects, sent } = take(processes, { phase: running(7, main), leaders: [main] });
  assert.deepEqual(adopted, [{ name: 'web', processes: [main], facts: [] }]);
  assert.deepEqual(
    effects.members('web').map(({ pid }) => pid),
    [main.pid],
  );
  processes.exit(main, FAILURE);
  await nextTurn();
  assert.deepEqual(sent, [['web', { type: 'exited', run: 7, status: FAILURE }]]);
});

test('adopt: what the unit may have is in force again, where something of it lives', () => {
  const processes = createFakeProcesses({ fence: 'cgroup' });
  const main = spawnEarlier(processes, 7);
  const resources = { ...NO_RESOURCES, tasksMax: 5 };
  const tree = { invocationId: 'abc', leaders: [main], cgroup: '/fence/web.unit' };
  const left = { phase: running(7, main), change: { tree } };
  take(processes, { ...left, spec: unitSpec('web', { resources }) });
  const limits = [{ cgroup: '/fence/web.unit', from: null, to: resources }];
  assert.deepEqual(processes.limited, limits);
  processes.close();
  take(processes, left);
  processes.exit(main, SUCCESS);
  processes.close();
  take(processes, { ...left, spec: unitSpec('web', { resources }) });
  assert.deepEqual(processes.limited, limits, 'neither without limits nor without processes');
});

test('adopt: a main process that is gone has ended, nobody knows how', () => {
  const processes = createFakeProcesses();
  const main = spawnEarlier(processes, 7);
  processes.exit(main, SUCCESS);
  const { adopted } = take(processes, { phase: running(7, main), leaders: [main] });
  assert.deepEqual(adopted, [
    { name: 'web', processes: [], facts: [{ type: 'exited', run: 7, status: UNKNOWN }] },
  ]);
});

test('adopt: a main process whose end the earlier daemon saw, and had not told its unit of, has ended so', () => {
  const processes = createFakeProcesses();
  const main = spawnEarlier(processes, 7);
  processes.exit(main, SUCCESS);
  const spawned = { run: 7, process: main, status: SUCCESS };
  const { adopted } = take(processes, { phase: running(7, main), leaders: [main], spawned });
  assert.deepEqual(adopted[0]?.facts, [{ type: 'exited', run: 7, status: SUCCESS }]);
});

test('adopt: a process that took over the pid is not the unit’s', () => {
  const processes = createFakeProcesses();
  const stranger = spawnEarlier(processes, 0);
  const main = { pid: stranger.pid, startTicks: stranger.startTicks - 1 };
  const { adopted } = take(processes, { phase: running(7, main), leaders: [main] });
  assert.deepEqual(adopted[0]?.processes, []);
  assert.deepEqual(processes.signals, []);
});

test('adopt: a spawn that its record does not know of yet is known by the record that followed it', () => {
  const processes = createFakeProcesses();
  const main = spawnEarlier(processes, 0);
  const spawned = { run: 7, process: main };
  const { adopted, effects } = take(processes, { phase: starting(7), spawned });
  assert.deepEqual(adopted, [
    { name: 'web', processes: [main], facts: [{ type: 'spawned', run: 7, process: main }] },
  ]);
  assert.deepEqual(effects.treeOf('web'), { invocationId: 'abc', leaders: [main] });
});

test('adopt: a spawn that was not written down at all is found by its environment', () => {
  const processes = createFakeProcesses();
  spawnEarlier(processes, 6);
  const main = spawnEarlier(processes, 7);
  const { adopted, effects } = take(processes, { phase: starting(7) });
  assert.deepEqual(adopted[0]?.facts, [{ type: 'spawned', run: 7, process: main }]);
  assert.deepEqual(effects.treeOf('web').leaders, [main]);
});

test('adopt: what was spawned for an earlier run says nothing of this one', () => {
  const processes = createFakeProcesses();
  const spawned = { run: 6, process: spawnEarlier(processes, 6) };
  const { adopted } = take(processes, { phase: starting(7), spawned });
  assert.deepEqual(adopted[0]?.facts, [{ type: 'exited', run: 7, status: UNKNOWN }]);
});

test('adopt: what a dead main process forked is still found through it', () => {
  const processes = createFakeProcesses();
  const main = spawnEarlier(processes, 7);
  const forked = processes.fork(main);
  processes.exit(main, SUCCESS);
  const { adopted, effects } = take(processes, { phase: starting(7), spawned: { run: 7, process: main } });
  assert.deepEqual(adopted[0]?.facts, [
    { type: 'spawned', run: 7, process: main },
    { type: 'exited', run: 7, status: UNKNOWN },
  ]);
  assert.deepEqual(
    effects.members('web').map(({ pid }) => pid),
    [forked.pid],
  );
});

test('adopt: main and helper of one unit are taken each for itself', () => {
  const processes = createFakeProcesses();
  const [main, helper] = [spawnEarlier(processes, 6), spawnEarlier(processes, 7)];
  processes.exit(helper, SUCCESS);
  const { adopted } = take(processes, {
    phase: {
      at: 'starting',
      main: { id: 6, process: main },
      helper: { id: 7, process: helper, role: 'startPost', index: 0 },
      seeking: null,
      ending: null,
      deadline: null,
      startedAt: 0,
    },
    leaders: [main, helper],
  });
  assert.deepEqual(adopted, [
    { name: 'web', processes: [main], facts: [{ type: 'exited', run: 7, status: UNKNOWN }] },
  ]);
});

test('adopt: a unit that this version cannot read is named with its processes, which are left alone', () => {
  const processes = createFakeProcesses();
  const main = spawnEarlier(processes, 7);
  const { adopted, unreadable, fleet } = take(processes, {
    phase: running(7, main),
    leaders: [main],
    spec: null,
  });
  assert.deepEqual([adopted, unreadable], [[], [{ name: 'web', pids: [main.pid] }]]);
  assert.equal(fleet.units.size, 0);
  assert.equal(processes.livingCount, 1);
});

test('adopt: a unit whose earlier file this version cannot read is taken by its present one, and restarts', () => {
  const processes = createFakeProcesses();
  const main = spawnEarlier(processes, 7);
  const next = unitSpec('web');
  const left = { phase: running(7, main), leaders: [main], spec: null, next };
  const { adopted, unreadable, fleet } = take(processes, left);
  assert.deepEqual([adopted, unreadable], [[{ name: 'web', processes: [main], facts: [] }], []]);
  const { spec, cycle } = fleet.units.get('web') ?? {};
  assert.deepEqual([spec, cycle], [next, 'its file of then is not valid for this version']);
  for (const phase of [
    { at: 'failed', text: 'why' },
    { at: 'completed', swept: false },
  ] as const) {
    const { fleet: atRest } = take(createFakeProcesses(), { ...left, phase });
    assert.equal(atRest.units.get('web')?.cycle, null, phase.at);
  }
});

test('Effects watch: of an adopted tree, the end of what nobody spawned is news', async () => {
  const processes = createFakeProcesses();
  const main = spawnEarlier(processes, 7);
  const forked = processes.fork(main);
  processes.close();
  processes.exit(main, SUCCESS);
  const { effects, sent } = take(processes, { phase: running(7, main), leaders: [main] });
  effects.watch('web');
  assert.deepEqual(sent.splice(0), [['web', { type: 'surveyed', survivors: true }]]);
  processes.exit(forked, SUCCESS);
  await nextTurn();
  await nextTurn();
  assert.deepEqual(sent, [['web', { type: 'surveyed', survivors: false }]]);
});

test('takeUp: a stop whose deadline has passed meanwhile is overdue only once it has been looked who is left', () => {
  const since = 1_000;
  for (const [deadline, later] of [
    [3_000, 61_000],
    [90_000, 90_000],
    [null, null],
  ] as const) {
    const processes = createFakeProcesses();
    const main = spawnEarlier(processes, 7);
    processes.exit(main, SUCCESS);
    const phase: Phase = {
      at: 'stopping',
      step: 'signal',
      main: { id: 7, process: main },
      helper: null,
      signalled: true,
      sent: 'SIGTERM',
      since,
      deadline,
      ending: null,
      requested: true,
      cleared: false,
      wasUp: true,
      killed: false,
      abandoned: false,
      trouble: null,
      readyAt: 500,
    };
    const { earlier, fleet, effects } = worldOf(processes, { phase, leaders: [main] });
    const log = { write: () => undefined, close: () => undefined };
    const ports = { processes, effects, outputs: { readOn: () => undefined }, log };
    takeUp(earlier, fleet, ports, { nowMs: 60_000, wallMs: 60_000, random: 0.5 }, []);
    const now = fleet.units.get('web')?.state.phase;
    assert.ok(now?.at === 'stopping');
    assert.deepEqual([now.main, now.since, now.deadline], [null, since, later]);
  }
});
