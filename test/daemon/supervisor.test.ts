// The supervisor's own promises: facts in their turn, one timer a unit, looks told once, bugs kept to one unit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { operate } from '../../src/core/operate.ts';
import { command, unitSpec } from '../unit/core/unit-spec.ts';
import { FAILURE, SUCCESS, createRig } from './rig.ts';
import type { Rig } from './rig.ts';

test('Supervisor: a crash leads to backoff, and to a restart at its deadline, not before', async () => {
  const rig = createRig();
  rig.load(unitSpec('web', { restart: { delayMs: 1_000, jitter: 0 } }));
  await rig.rest();
  assert.equal(rig.look('web').state, 'running');
  rig.clock.advance(5);

  rig.exit('web');
  await rig.rest();
  assert.equal(rig.look('web').state, 'backoff');
  assert.deepEqual(rig.armed(), [rig.clock.monotonicMs() + 1_000]);

  rig.clock.advance(999.999);
  await rig.rest();
  assert.equal(rig.spawns('web'), 1);

  rig.clock.advance(0.001);
  await rig.rest();
  assert.equal(rig.spawns('web'), 2);
  assert.equal(rig.look('web').state, 'running');
});

test('Supervisor: a stop during backoff disarms the restart for good', async () => {
  const rig = createRig();
  rig.load(unitSpec('web'));
  await rig.rest();
  rig.exit('web');
  await rig.rest();
  assert.equal(rig.armed().length, 1);

  rig.operate('web', 'stop');
  await rig.rest();
  assert.equal(rig.look('web').state, 'stopped');
  assert.deepEqual(rig.armed(), []);

  rig.clock.advance(24 * 3_600_000);
  await rig.rest();
  assert.equal(rig.spawns('web'), 1);
});

test('Supervisor: a stop timeout fires at its deadline, and the final signal ends what ignored the first', async () => {
  const rig = createRig();
  rig.processes.define('/bin/main', { ignores: ['SIGTERM'] });
  rig.load(unitSpec('web', { stop: { timeoutMs: 3_000 } }));
  await rig.rest();
  rig.operate('web', 'stop');
  await rig.rest();
  assert.equal(rig.look('web').state, 'stopping');

  rig.clock.advance(2_999);
  await rig.rest();
  assert.equal(rig.processes.livingCount, 1);
  rig.clock.advance(1);
  await rig.rest();
  assert.equal(rig.look('web').state, 'stopped');
  assert.equal(rig.processes.livingCount, 0);
});

test('Supervisor: 5000 units start in slices, and an exit is answered between two of them', async () => {
  const rig = createRig({ spawnCostMs: 0.5 });
  const specs = Array.from({ length: 5_000 }, (_, index) => unitSpec(`unit-${index}`));
  rig.load(...specs);
  const inFirstSlice = rig.processes.spawned.length;
  assert.ok(inFirstSlice > 0 && inFirstSlice < 100, `${inFirstSlice} units were started in one slice`);
  assert.equal(rig.supervisor.isSettled, false);

  const [first] = rig.processes.spawned;
  assert.ok(first);
  rig.processes.exit(first.process, FAILURE);
  await nextTurn();
  await nextTurn();
  assert.equal(rig.look('unit-0').state, 'backoff');
  assert.ok(rig.processes.spawned.length < 500, `${rig.processes.spawned.length} were started meanwhile`);

  await rig.rest();
  assert.equal(rig.told.filter(({ to }) => to.state === 'running').length, 5_000 + rig.spawns('unit-0') - 1);
});

test('Supervisor: a unit that changes in every slice keeps no other from being told', async () => {
  // One is more than there is time for in a slice.
  const rig: Rig = createRig({ onLook: () => rig.clock.advance(5) });
  const names = Array.from({ length: 10 }, (_, index) => `unit-${index}`);
  rig.load(...['busy', ...names].map((name) => unitSpec(name)));
  for (let turn = 0; turn < 50; turn += 1) {
    rig.operate('busy', turn % 2 === 0 ? 'stop' : 'start');
    await nextTurn();
  }
  const running = new Set(rig.told.filter(({ to }) => to.state === 'running').map(({ name }) => name));
  assert.deepEqual(
    names.filter((name) => !running.has(name)),
    [],
  );
});

test('Supervisor: what there was no time to tell is told before what changes later', async () => {
  const rig: Rig = createRig({ onLook: () => rig.clock.advance(5) });
  rig.processes.define('/bin/main', { ignores: ['SIGTERM'] });
  rig.load(...['a', 'b', 'c'].map((name) => unitSpec(name)));
  await rig.rest();
  rig.supervisor.change((fleet, instant, outputs) => {
    for (const name of ['a', 'b']) operate(fleet, name, 'stop', instant, outputs);
  });
  rig.operate('c', 'stop');
  await rig.rest();
  const stopping = rig.told.filter(({ to }) => to.state === 'stopping');
  assert.deepEqual(
    stopping.map(({ name }) => name),
    ['a', 'b', 'c'],
  );
});

test('Supervisor: facts that come in a row while units start do not each take a slice', async () => {
  const rig = createRig({ spawnCostMs: 0.5 });
  const specs = Array.from({ length: 2_000 }, (_, index) => unitSpec(`unit-${index}`));
  rig.load(...specs);
  const before = rig.processes.spawned.length;
  // As one SIGCHLD brings them: all within one turn.
  for (let index = 0; index < 50; index += 1)
    rig.supervisor.send(`unit-${index}`, { type: 'cleared', counts: 'attempts' });
  assert.ok(
    rig.processes.spawned.length - before < 100,
    `${rig.processes.spawned.length - before} in one turn`,
  );
  await rig.rest();
});

test('Supervisor: a bug in an effect is told of its unit, and every other unit starts', async () => {
  const rig = createRig({
    beforeEffect: (unit, effect) => {
      if (unit === 'bad' && effect.type === 'spawn') throw new Error('seeded');
    },
  });
  rig.load(unitSpec('a'), unitSpec('bad', { startTimeoutMs: 1_000 }), unitSpec('z'));
  await rig.rest();
  assert.deepEqual(
    rig.bugs.map(([unit, error]) => [unit, String(error)]),
    [['bad', 'Error: seeded']],
  );
  assert.equal(rig.look('a').state, 'running');
  assert.equal(rig.look('z').state, 'running');

  rig.exit('a');
  await rig.rest();
  assert.equal(rig.look('a').state, 'backoff');
});

test('Supervisor: a change that throws is told, and what is sent after it is taken in', async () => {
  const rig = createRig();
  rig.load(unitSpec('web'));
  await rig.rest();
  rig.supervisor.change(() => {
    throw new Error('seeded');
  });
  assert.deepEqual(
    rig.bugs.map(([unit, error]) => [unit, String(error)]),
    [[null, 'Error: seeded']],
  );
  rig.exit('web');
  await rig.rest();
  assert.equal(rig.look('web').state, 'backoff');
});

test('Supervisor: a listener that throws does not stop the supervision', async () => {
  let isFaulty = true;
  const rig = createRig({
    onLook: () => {
      if (isFaulty) throw new Error('seeded');
    },
  });
  rig.load(unitSpec('a'), unitSpec('b'));
  await rig.rest();
  assert.ok(rig.bugs.length > 0);
  isFaulty = false;

  rig.exit('a');
  await rig.rest();
  assert.equal(rig.look('a').state, 'backoff');
  assert.deepEqual(rig.armed(), rig.deadlines());
  rig.clock.advance(1_000);
  await rig.rest();
  assert.equal(rig.look('a').state, 'running');
});

test('Supervisor: looks are told once a change, each from where the last one ended', async () => {
  const rig = createRig();
  rig.load(unitSpec('db'), unitSpec('web', { requires: ['db'] }));
  await rig.rest();
  rig.exit('web');
  await rig.rest();
  rig.clock.advance(1_000);
  await rig.rest();
  rig.operate('db', 'restart');
  await rig.rest();

  for (const name of ['db', 'web']) {
    const told = rig.told.filter((look) => look.name === name);
    assert.ok(told.length > 2);
    assert.equal(told[0]?.from, null);
    for (const [index, { from, to }] of told.entries()) {
      assert.notDeepEqual(from, to);
      if (index > 0) assert.deepEqual(from, told[index - 1]?.to);
    }
    assert.deepEqual(told.at(-1)?.to, rig.look(name));
  }
  const told = rig.told.length;
  await rig.rest();
  assert.equal(rig.told.length, told);
});

test('Supervisor: a crash shows as backoff, without the instants of stopping in between', async () => {
  const rig = createRig();
  rig.load(unitSpec('web'));
  await rig.rest();
  const before = rig.told.length;
  rig.exit('web');
  await rig.rest();
  assert.deepEqual(
    rig.told.slice(before).map(({ from, to }) => [from?.state, to.state]),
    [['running', 'backoff']],
  );
});

test('Supervisor: every exit is told by itself, with its attempt', async () => {
  const rig = createRig();
  rig.load(unitSpec('web', { restart: { delayMs: 10, jitter: 0 } }));
  await rig.rest();
  for (let count = 0; count < 3; count += 1) {
    rig.exit('web');
    await rig.rest();
    rig.clock.advance(60);
    await rig.rest();
  }
  assert.deepEqual(
    rig.exits.map(([name, { code, attempt }]) => [name, code, attempt]),
    [
      ['web', 1, 0],
      ['web', 1, 1],
      ['web', 1, 2],
    ],
  );
});

test('Supervisor: a unit that was removed and is back while it stops comes up again as a new process', async () => {
  const rig = createRig();
  rig.processes.define('/bin/main', { ignores: ['SIGTERM'] });
  rig.load(unitSpec('web'));
  await rig.rest();
  const first = rig.main('web');
  rig.load();
  await rig.rest();
  assert.equal(rig.look('web').state, 'stopping');
  rig.load(unitSpec('web'));
  await rig.rest();
  assert.equal(rig.look('web').state, 'stopping');
  assert.deepEqual(rig.forgotten, []);

  rig.processes.exit(first, SUCCESS);
  await rig.rest();
  assert.equal(rig.look('web').state, 'running');
  assert.notDeepEqual(rig.main('web'), first);
  assert.equal(rig.processes.livingCount, 1);
});

test('Supervisor: a unit that was forgotten leaves neither timer nor look, and one of its name begins anew', async () => {
  const rig = createRig();
  rig.load(unitSpec('web'));
  await rig.rest();
  rig.exit('web');
  await rig.rest();
  rig.load();
  await rig.rest();
  assert.deepEqual(rig.forgotten, ['web']);
  assert.deepEqual(rig.armed(), []);
  assert.equal(rig.supervisor.look('web'), null);

  const before = rig.told.length;
  rig.load(unitSpec('web'));
  await rig.rest();
  assert.equal(rig.told[before]?.from, null);
  assert.equal(rig.look('web').state, 'running');
});

test('Supervisor: failureAction ends the daemon with the code of the unit, once', async () => {
  const rig = createRig();
  rig.load(unitSpec('job', { failureAction: 'exit', restart: { policy: 'no' } }));
  await rig.rest();
  rig.exit('job', { code: 7, signal: null, coreDumped: false });
  await rig.rest();
  assert.deepEqual(rig.exitActions, [['job', 7]]);
});

test('Supervisor: close() disarms every timer, and facts that come later change nothing', async () => {
  const rig = createRig();
  rig.load(unitSpec('a', { runtimeMaxMs: 5_000 }), unitSpec('b'));
  await rig.rest();
  rig.exit('b');
  await rig.rest();
  assert.equal(rig.armed().length, 2);
  rig.supervisor.close();
  assert.deepEqual(rig.armed(), []);
  const spawned = rig.processes.spawned.length;
  for (const { process } of rig.processes.spawned.slice(0, 1)) rig.processes.exit(process, FAILURE);
  await rig.rest();
  rig.clock.advance(3_600_000);
  await rig.rest();
  assert.equal(rig.processes.spawned.length, spawned);
  assert.deepEqual(rig.armed(), []);
});

const NAMES = ['a', 'b', 'c', 'd'] as const;

const step = fc.oneof(
  fc.record({ do: fc.constant('exit' as const), unit: fc.constantFrom(...NAMES), code: fc.nat(1) }),
  fc.record({
    do: fc.constant('operate' as const),
    unit: fc.constantFrom(...NAMES),
    verb: fc.constantFrom('start', 'stop', 'restart', 'release', 'reset'),
  }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 15_000 }) }),
  fc.record({ do: fc.constant('load' as const), units: fc.subarray([...NAMES]) }),
);

test('Supervisor: after any history the armed timers are the deadlines of the phases, and none after close', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const rig = createRig();
      rig.processes.define('/bin/stubborn', { ignores: ['SIGTERM'], children: 1 });
      loadSome(rig, NAMES);
      for (const taken of steps) {
        await rig.rest();
        assert.deepEqual(rig.armed(), rig.deadlines());
        if (taken.do === 'advance') rig.clock.advance(taken.ms);
        else if (taken.do === 'load') loadSome(rig, taken.units);
        else if (!rig.supervisor.fleet.units.has(taken.unit)) continue;
        else if (taken.do === 'operate') rig.operate(taken.unit, taken.verb);
        else if (rig.look(taken.unit).pid !== null)
          rig.exit(taken.unit, taken.code === 0 ? SUCCESS : FAILURE);
      }
      await rig.rest();
      assert.deepEqual(rig.armed(), rig.deadlines());
      assert.deepEqual(rig.bugs, []);
      rig.supervisor.close();
      assert.deepEqual(rig.armed(), []);
    }),
    { numRuns: 60 },
  );
});

function loadSome(rig: Rig, names: readonly string[]): void {
  const specs = [
    unitSpec('a', { runtimeMaxMs: 20_000 }),
    unitSpec('b', {
      requires: ['a'].filter((name) => names.includes(name)),
      command: command('/bin/stubborn'),
    }),
    unitSpec('c', { type: 'oneshot', startTimeoutMs: 5_000, restart: { policy: 'on-failure' } }),
    unitSpec('d', {
      bindsTo: ['b'].filter((name) => names.includes(name)),
      stopPost: [command('/bin/after')],
    }),
  ];
  rig.load(...specs.filter(({ name }) => names.includes(name)));
}
