// Effects: what a machine asks for reaches the ports, and what comes of it returns as facts of the right run.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MachineEvent } from '../../src/core/machine-state.ts';
import { Effects } from '../../src/daemon/effects.ts';
import type { EffectPorts } from '../../src/daemon/effects.ts';
import type { SpawnFailure } from '../../src/model/process.ts';
import type { Processes } from '../../src/os/ports.ts';
import { NO_RESOURCES } from '../../src/model/unit.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import { cleanUp } from '../support/cleanup.ts';
import { createFakeProcesses } from '../support/fakes/processes.ts';
import type { FakeProcesses } from '../support/fakes/processes.ts';
import { command, unitSpec } from '../unit/core/unit-spec.ts';
import { FAILURE, FAKE_OUTPUT, SUCCESS } from './rig.ts';

interface Bench {
  readonly effects: Effects;
  readonly processes: FakeProcesses;
  readonly facts: (readonly [string, MachineEvent])[];
  readonly troubles: string[];
  begin(spec: UnitSpec): void;
  spawn(spec: UnitSpec, run: number, words?: string, variables?: Readonly<Record<string, string>>): void;
}

function createBench(ports: Partial<EffectPorts> = {}): Bench {
  const facts: (readonly [string, MachineEvent])[] = [];
  const troubles: string[] = [];
  const processes = createFakeProcesses();
  const effects = new Effects({
    processes,
    inherited: { PATH: '/bin' },
    outputFor: () => FAKE_OUTPUT,
    send: (unit, event) => facts.push([unit, event]),
    onSpawning: () => undefined,
    seekMain: () => undefined,
    succeed: (_unit, _ended, tell) => tell(null),
    onSpawned: () => undefined,
    onTrouble: (unit, message) => troubles.push(`${unit}: ${message}`),
    ...ports,
  });
  return {
    effects,
    processes,
    facts,
    troubles,
    begin: (spec) => effects.perform(spec, { type: 'begin' }),
    spawn: (spec, run, words = '/bin/main', variables = {}) =>
      effects.perform(spec, { type: 'spawn', run, role: 'main', command: command(words), variables }),
  };
}

const FAILURES: readonly SpawnFailure[] = [
  { stage: 'user', errno: null, reason: 'there is no user "nobody-here"' },
  { stage: 'directory', errno: 'ENOTDIR', reason: '"/srv/x" is not a directory' },
  { stage: 'command', errno: 'ENOENT', reason: '"/bin/main" does not exist' },
  { stage: 'resources', errno: 'EAGAIN', reason: 'too many processes' },
];
for (const failure of FAILURES) {
  test(`Effects spawn: a failure of stage ${failure.stage} becomes spawn-failed of its run`, () => {
    const { processes, begin, spawn, facts } = createBench();
    const web = unitSpec('web');
    processes.failNextSpawn(failure);
    begin(web);
    spawn(web, 3);
    assert.deepEqual(facts, [['web', { type: 'spawn-failed', run: 3, failure }]]);
  });
}

test('Effects spawn: output that cannot be opened is a failure of resources with the reason', () => {
  const { begin, spawn, facts, processes } = createBench({
    outputFor: () => {
      throw new Error('cannot open output pipe "/run/x": ENOSPC');
    },
  });
  begin(unitSpec('web'));
  spawn(unitSpec('web'), 1);
  const failure = { stage: 'resources', errno: null, reason: 'cannot open output pipe "/run/x": ENOSPC' };
  assert.deepEqual(facts, [['web', { type: 'spawn-failed', run: 1, failure }]]);
  assert.deepEqual(processes.spawned, []);
});

test('Effects spawn: whatever is thrown on the way is a failure of resources with the reason', (t) => {
  const { begin, spawn, facts, processes } = createBench();
  t.mock.method(processes, 'spawn', () => {
    throw new Error("EMFILE: too many open files, open '/proc/sys/fs/nr_open'");
  });
  begin(unitSpec('web'));
  spawn(unitSpec('web'), 1);
  const reason = "EMFILE: too many open files, open '/proc/sys/fs/nr_open'";
  const failure = { stage: 'resources', errno: null, reason };
  assert.deepEqual(facts, [['web', { type: 'spawn-failed', run: 1, failure }]]);
});

test('Effects spawn: a missing environment file fails the start unless it is optional', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'unitd-effects-'));
  cleanUp(t, () => rmSync(directory, { recursive: true }));
  const path = join(directory, 'missing.env');
  const { begin, spawn, facts } = createBench();
  const strict = unitSpec('strict', { environmentFiles: [{ path, optional: false }] });
  const lax = unitSpec('lax', { environmentFiles: [{ path, optional: true }] });
  begin(strict);
  begin(lax);
  spawn(strict, 1);
  spawn(lax, 1);
  assert.deepEqual(
    facts.map(([unit, { type }]) => [unit, type]),
    [
      ['strict', 'spawn-failed'],
      ['lax', 'spawned'],
    ],
  );
  writeFileSync(path, 'A=1\n');
  spawn(strict, 2);
  assert.equal(facts.at(-1)?.[1].type, 'spawned');
});

test('Effects spawn: the process leads the tree that begin named', () => {
  const { begin, spawn, processes, effects } = createBench();
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  const [record] = processes.spawned;
  assert.ok(record);
  const { INVOCATION_ID: invocationId } = record.request.environment;
  assert.match(invocationId ?? '', /^[0-9a-f]{32}$/);
  assert.deepEqual(effects.treeOf('web'), { invocationId, leaders: [record.process] });
});

test('Effects begin: each activation is a tree of its own', () => {
  const { begin, spawn, effects } = createBench();
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  const first = effects.treeOf('web');
  begin(web);
  assert.notEqual(effects.treeOf('web').invocationId, first.invocationId);
  assert.deepEqual(effects.treeOf('web').leaders, []);
  assert.deepEqual(effects.members('web'), []);
});

test('Effects: an end is told of the run that the process was spawned for, once', async () => {
  const { begin, spawn, facts, processes } = createBench();
  const [a, b] = [unitSpec('a'), unitSpec('b')];
  begin(a);
  begin(b);
  spawn(a, 4);
  spawn(b, 9);
  const second = processes.spawned[1];
  assert.ok(second);
  processes.exit(second.process, FAILURE);
  processes.report(second.process, SUCCESS);
  await nextTurn();
  assert.deepEqual(facts.slice(2), [['b', { type: 'exited', run: 9, status: FAILURE }]]);
});

test('Effects: the end of an adopted process is its own, also when another has its pid by now', async () => {
  const { begin, spawn, facts, processes, effects } = createBench();
  const b = unitSpec('b');
  begin(b);
  spawn(b, 9);
  const [second] = processes.spawned;
  assert.ok(second);
  const first = { pid: second.process.pid, startTicks: 1 };
  effects.restore('a', { invocationId: 'a1', leaders: [first] }, new Map([[4, first]]));
  processes.report(first, FAILURE);
  processes.exit(second.process, SUCCESS);
  await nextTurn();
  assert.deepEqual(facts.slice(1), [
    ['a', { type: 'exited', run: 4, status: FAILURE }],
    ['b', { type: 'exited', run: 9, status: SUCCESS }],
  ]);
});

test('Effects: an end that comes after its unit was forgotten quotes the old run, for the machine to pass over', async () => {
  const { begin, spawn, facts, processes, effects } = createBench();
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  effects.forget('web');
  assert.deepEqual(effects.members('web'), []);
  begin(web);
  spawn(web, 2);
  const [old] = processes.spawned;
  assert.ok(old);
  processes.exit(old.process, SUCCESS);
  await nextTurn();
  assert.deepEqual(facts.at(-1), ['web', { type: 'exited', run: 1, status: SUCCESS }]);
});

test('Effects survey: answers at once, and again when an orphan ends, until the end of the activation', async () => {
  const { begin, spawn, facts, processes, effects } = createBench();
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  const [main] = processes.spawned;
  assert.ok(main);
  const child = processes.fork(main.process);
  const grandchild = processes.fork(child);
  processes.exit(main.process, SUCCESS);
  await nextTurn();
  facts.length = 0;

  effects.perform(web, { type: 'survey' });
  assert.deepEqual(facts, [['web', { type: 'surveyed', survivors: true }]]);
  processes.exit(child, SUCCESS);
  await nextTurn();
  await nextTurn();
  assert.deepEqual(facts.at(-1), ['web', { type: 'surveyed', survivors: true }]);
  processes.exit(grandchild, SUCCESS);
  await nextTurn();
  await nextTurn();
  assert.deepEqual(facts.at(-1), ['web', { type: 'surveyed', survivors: false }]);

  effects.perform(web, { type: 'end' });
  const told = facts.length;
  processes.report(null, SUCCESS);
  await nextTurn();
  await nextTurn();
  assert.equal(facts.length, told);
});

test('Effects signal: SIGCONT follows, so that a stopped process acts on it; not after SIGKILL', () => {
  const { begin, spawn, processes, effects } = createBench();
  processes.define('/bin/main', { ignores: ['SIGTERM'] });
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  const [main] = processes.spawned;
  assert.ok(main);
  effects.perform(web, { type: 'signal', process: main.process, signal: 'SIGTERM' });
  effects.perform(web, { type: 'signal', process: main.process, signal: 'SIGKILL' });
  effects.perform(web, { type: 'signal', process: main.process, signal: 'SIGTERM' });
  assert.deepEqual(
    processes.signals.map(({ signal }) => signal),
    ['SIGTERM', 'SIGCONT', 'SIGKILL'],
  );
});

test('Effects signal: what the kernel refuses is trouble, told with the signal and the pid', () => {
  const processes = { ...createFakeProcesses(), signal: () => 'denied' as const };
  const { begin, effects, troubles } = createBench({ processes });
  begin(unitSpec('web'));
  const process = { pid: 42, startTicks: 1 };
  effects.perform(unitSpec('web'), { type: 'signal', process, signal: 'SIGTERM' });
  assert.deepEqual(troubles, ['web: cannot send SIGTERM to pid 42: not permitted']);
});

test('Effects signal-tree: what the kernel refuses is trouble, of each process', () => {
  const signalTree: Processes['signalTree'] = (_tree, _signal, _reached, onDenied) => {
    for (const pid of [42, 43]) onDenied?.({ pid, startTicks: 1 });
    return 0;
  };
  const processes = { ...createFakeProcesses(), signalTree };
  const { begin, effects, troubles } = createBench({ processes });
  begin(unitSpec('web'));
  effects.perform(unitSpec('web'), { type: 'signal-tree', signal: 'SIGTERM' });
  assert.deepEqual(troubles, [
    'web: cannot send SIGTERM to pid 42: not permitted',
    'web: cannot send SIGTERM to pid 43: not permitted',
  ]);
});

test('Effects signal-tree: reaches every process of the activation and no other unit', () => {
  const { begin, spawn, processes, effects } = createBench();
  const [a, b] = [unitSpec('a'), unitSpec('b')];
  processes.define('/bin/main', { children: 2 });
  begin(a);
  begin(b);
  spawn(a, 1);
  spawn(b, 1);
  effects.perform(a, { type: 'signal-tree', signal: 'SIGTERM' });
  assert.equal(effects.members('a').length, 0);
  assert.equal(effects.members('b').length, 3);
});

test('Effects: an activation has its cgroup from begin to its end, if nothing is left in it then', () => {
  const processes = createFakeProcesses({ fence: 'cgroup', defer: () => undefined });
  const { begin, spawn, effects } = createBench({ processes });
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  const { cgroup } = effects.treeOf('web');
  assert.deepEqual([...processes.cgroups], [cgroup]);
  const [main] = processes.spawned;
  assert.equal(main?.request.cgroup, cgroup);

  effects.perform(web, { type: 'end' });
  assert.equal(effects.treeOf('web').cgroup, cgroup);
  assert.equal(effects.members('web').length, 1);
  effects.perform(web, { type: 'signal-tree', signal: 'SIGKILL' });
  effects.perform(web, { type: 'end' });
  assert.equal(effects.treeOf('web').cgroup, undefined);
  assert.deepEqual([...processes.cgroups], []);
});

test('Effects begin: what an activation left behind keeps its cgroup, and loses it when its unit is forgotten', () => {
  const processes = createFakeProcesses({ fence: 'cgroup', defer: () => undefined });
  const { begin, spawn, effects } = createBench({ processes });
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  const first = effects.treeOf('web');
  begin(web);
  const second = effects.treeOf('web');
  assert.deepEqual(new Set(processes.cgroups), new Set([first.cgroup, second.cgroup]));
  assert.deepEqual(effects.members('web'), []);
  effects.forget('web');
  assert.deepEqual([...processes.cgroups], [first.cgroup]);
});

test('Effects begin: where no cgroup can be made the session holds the activation, and that is told', () => {
  const processes = createFakeProcesses({ fence: 'cgroup' });
  const full = (): never => {
    throw new Error('cannot make cgroup "/fence/web": ENOSPC');
  };
  const { begin, spawn, effects, troubles } = createBench({ processes: { ...processes, enclose: full } });
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  assert.deepEqual(troubles, [
    'web: cannot make cgroup "/fence/web": ENOSPC; its processes are held by session',
  ]);
  assert.equal(effects.treeOf('web').cgroup, undefined);
  assert.equal(effects.members('web').length, 1);
});

const LIMITED = { ...NO_RESOURCES, tasksMax: 5 };

test('Effects begin: a unit with resources that cannot be in force is not started without them', () => {
  const { begin, spawn, facts, processes } = createBench();
  const web = unitSpec('web', { resources: LIMITED });
  begin(web);
  spawn(web, 1);
  const reason = 'its resources cannot be in force, since units are held by session';
  assert.deepEqual(facts, [
    ['web', { type: 'spawn-failed', run: 1, failure: { stage: 'resources', errno: null, reason } }],
  ]);
  assert.equal(processes.livingCount, 0);
});

test('Effects: an unclean end tells how many of its activation the OOM killer has ended', async () => {
  const processes = createFakeProcesses({ fence: 'cgroup' });
  const { begin, spawn, facts } = createBench({ processes });
  const web = unitSpec('web');
  begin(web);
  spawn(web, 1);
  const [{ process } = assert.fail()] = processes.spawned;
  processes.oomKill(processes.fork(process));
  processes.oomKill(process);
  await nextTurn();
  const status = { code: null, signal: 'SIGKILL', coreDumped: false, oomKills: 2 };
  assert.deepEqual(facts.at(-1), ['web', { type: 'exited', run: 1, status }]);
  // A new activation has a cgroup, and counts, of its own.
  begin(web);
  spawn(web, 2);
  processes.exit(processes.spawned[1]?.process ?? process, FAILURE);
  await nextTurn();
  assert.deepEqual(facts.at(-1), ['web', { type: 'exited', run: 2, status: FAILURE }]);
});
