import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Outputs } from '../../../src/core/converge.ts';
import { commitAll, planning } from '../../../src/core/reconcile.ts';
import { atOnce } from '../../../src/core/steps.ts';
import * as world from '../../property/fleet-world.ts';
import { crash, load, operate, settled, standing, tellAll } from './fleet-stage.ts';
import { command, unitSpec } from './unit-spec.ts';
import type { UnitSpec } from '../../../src/model/unit.ts';
import type { SpecChange } from './unit-spec.ts';

const OTHER = { command: command('/bin/other') };
const OFF = { enabled: false };
const ONCE: SpecChange = { restart: { policy: 'no' } };

/** It has ended, and nobody else has done yet what follows from that. */
function end(on: world.World, name: string, code: number): void {
  world.endMain(on, name, { code, signal: null, coreDumped: false });
  while (on.facts.has(name)) world.tellNews(on, [...on.facts.keys()].indexOf(name));
}

/** Rows of the plan from one set to the next, each in words. */
function planned(
  before: readonly [string, SpecChange][],
  after: readonly [string, SpecChange][],
): readonly string[] {
  const on = settled(...before.map(([name, change]) => unitSpec(name, change)));
  return load(on, ...after.map(([name, change]) => unitSpec(name, change)));
}

describe('plan: actions and reasons', () => {
  test('a new file starts its unit', () => {
    assert.deepEqual(planned([], [['web', {}]]), ['start web: new file']);
  });
  test('a new file that is not enabled is only taken in', () => {
    assert.deepEqual(planned([], [['web', OFF]]), ['update web: new file; not enabled']);
  });
  test('a new file whose unit an operator keeps from starting is told to wait', () => {
    const on = settled(unitSpec('db'));
    operate(on, 'db', 'stop');
    assert.deepEqual(load(on, unitSpec('db'), unitSpec('web', { requires: ['db'] })), [
      'start web: new file; it will wait: requires "db": stopped by the operator',
    ]);
  });
  test('a failed unit that is tried again and an operator keeps from starting is told to wait', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { ...ONCE, requisite: ['db'] }));
    crash(on, 'web');
    operate(on, 'db', 'stop');
    const rows = load(on, unitSpec('db'), unitSpec('web', { ...ONCE, ...OTHER, requisite: ['db'] }));
    const wait = 'requires "db": stopped by the operator';
    assert.deepEqual(rows, [`start web: command changed; it had failed; it will wait: ${wait}`]);
    assert.equal(standing(on, 'web'), `waiting: ${wait}`);
  });
  test('one that has ended and changes, and whom an operator keeps from starting, is told to wait', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { ...ONCE, partOf: ['db'] }));
    crash(on, 'web', 0);
    operate(on, 'db', 'stop');
    const rows = load(on, unitSpec('db'), unitSpec('web', { ...ONCE, ...OTHER, partOf: ['db'] }));
    const wait = 'part of "db": stopped by the operator';
    assert.deepEqual(rows, [`restart web: command changed; it will wait: ${wait}`]);
    assert.equal(standing(on, 'web'), `waiting: ${wait}`);
  });
  test('a new file that another unit needs is started', () => {
    const after: [string, SpecChange][] = [
      ['db', OFF],
      ['web', { requires: ['db'] }],
    ];
    assert.deepEqual(planned([], after), ['start db: new file', 'start web: new file']);
  });
  test('a removed file stops its unit', () => {
    assert.deepEqual(planned([['web', {}]], []), ['stop web: file removed']);
  });
  test('a removed file of a unit at rest says so', () => {
    assert.deepEqual(planned([['web', OFF]], []), ['stop web: file removed; nothing of it is running']);
  });
  test('a renamed file is a stop and a start', () => {
    assert.deepEqual(planned([['web', {}]], [['www', {}]]), [
      'stop web: file removed',
      'start www: new file',
    ]);
  });
  test('the same set plans nothing', () => {
    assert.deepEqual(planned([['web', {}]], [['web', {}]]), []);
  });
  test('a field that only a new process can have restarts', () => {
    assert.deepEqual(planned([['web', {}]], [['web', OTHER]]), ['restart web: command changed']);
  });
  test('all fields that make it so are named, and only these', () => {
    const after: SpecChange = { ...OTHER, nice: 5, description: 'new' };
    assert.deepEqual(planned([['web', {}]], [['web', after]]), ['restart web: command, nice changed']);
  });
  test('any other field is an update', () => {
    const after: SpecChange = { description: 'new', stop: { timeoutMs: 1 }, after: [] };
    assert.deepEqual(planned([['web', {}]], [['web', after]]), [
      'update web: description, stop.timeoutMs changed',
    ]);
  });
  test('a field of the next start is an update', () => {
    assert.deepEqual(planned([['web', {}]], [['web', { startPre: [command('/bin/a')] }]]), [
      'update web: startPre changed',
    ]);
  });
  test('enabled set to false stops', () => {
    assert.deepEqual(planned([['web', {}]], [['web', OFF]]), ['stop web: enabled is false']);
  });
  test('enabled set to true starts', () => {
    assert.deepEqual(planned([['web', OFF]], [['web', {}]]), ['start web: now wanted']);
  });
  test('a unit that nobody needs any more stops', () => {
    assert.deepEqual(
      planned(
        [
          ['db', OFF],
          ['web', { requires: ['db'] }],
        ],
        [
          ['db', OFF],
          ['web', {}],
        ],
      ),
      ['stop db: no longer wanted', 'update web: requires changed'],
    );
  });
  test('a unit that is needed now starts', () => {
    assert.deepEqual(
      planned(
        [
          ['db', OFF],
          ['web', {}],
        ],
        [
          ['db', OFF],
          ['web', { wants: ['db'] }],
        ],
      ),
      ['start db: now wanted', 'update web: wants changed'],
    );
  });
  for (const field of ['requires', 'bindsTo'] as const) {
    test(`what a new unit ${field} and has ended is started with it, however far up`, () => {
      const before = [unitSpec('disk', ONCE), unitSpec('db', { ...ONCE, [field]: ['disk'] })];
      const on = settled(...before);
      crash(on, 'db');
      crash(on, 'disk', 0);
      const after = [...before, unitSpec('web', { [field]: ['db'] })];
      assert.deepEqual(load(on, ...after), [
        'start db: required by "web"; it had failed',
        'start disk: required by "db"; it had ended',
        'start web: new file',
      ]);
      assert.deepEqual(
        ['disk', 'db', 'web'].map((name) => standing(on, name)),
        ['running', 'running', 'running'],
      );
      assert.deepEqual(load(on, ...after), []);
    });
  }
  test('what one that restarts requires and has ended is started with it, also past one that waits', () => {
    const needs = [unitSpec('disk', ONCE), unitSpec('db', { requires: ['disk'] })];
    const on = settled(...needs, unitSpec('web', { requires: ['db'] }));
    crash(on, 'disk', 0);
    crash(on, 'db');
    world.passDeadline(on);
    tellAll(on);
    assert.equal(standing(on, 'db'), 'waiting: waiting for "disk", which has ended');
    assert.deepEqual(load(on, ...needs, unitSpec('web', { requires: ['db'], ...OTHER })), [
      'start db: it was waiting for "disk", which has ended',
      'start disk: required by "db"; it had ended',
      'restart web: command changed',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('what changes and is started for another says both', () => {
    const on = settled(unitSpec('db', ONCE), unitSpec('web', { requires: ['db'] }));
    crash(on, 'db', 0);
    const after = [
      unitSpec('db', { ...ONCE, description: 'new' }),
      unitSpec('web', { requires: ['db'], ...OTHER }),
    ];
    const { units } = world.reload(on, after);
    tellAll(on);
    assert.deepEqual(
      units.map(({ reason, changes }) => [reason, changes.map(({ field }) => field)]),
      [
        ['required by "web"; it had ended', ['description']],
        ['command changed', ['command']],
      ],
    );
    assert.equal(standing(on, 'db'), 'running');
    assert.equal(on.fleet.units.get('db')?.spec.description, 'new');
  });
  for (const [words, change] of [
    ['only wants', { wants: ['db'] }],
    ['only follows', { after: ['db'] }],
  ] as const) {
    test(`what one that restarts ${words} is left ended`, () => {
      const on = settled(unitSpec('db', ONCE), unitSpec('web', change));
      crash(on, 'db', 0);
      const after = [unitSpec('db', ONCE), unitSpec('web', { ...change, ...OTHER })];
      assert.deepEqual(load(on, ...after), ['restart web: command changed']);
    });
  }
  test('what a unit requires that only changes in place is left ended', () => {
    const on = settled(unitSpec('db', ONCE), unitSpec('web', { requires: ['db'] }));
    crash(on, 'db', 0);
    const after = [unitSpec('db', ONCE), unitSpec('web', { requires: ['db'], description: 'new' })];
    assert.deepEqual(load(on, ...after), ['update web: description changed']);
    assert.equal(standing(on, 'web'), 'running');
  });
  for (const [code, how] of [
    [1, 'it had failed'],
    [0, 'it had ended'],
  ] as const)
    test(`one that is upheld from now on starts: ${how}`, () => {
      const web = unitSpec('web', ONCE);
      const on = settled(unitSpec('keeper'), web);
      crash(on, 'web', code);
      assert.deepEqual(load(on, unitSpec('keeper', { upholds: ['web'] }), web), [
        'update keeper: upholds changed',
        `start web: upheld by "keeper"; ${how}`,
      ]);
      assert.equal(standing(on, 'web'), 'running');
    });
  test('with one that is upheld from now on starts who waited for it', () => {
    const [web, api] = [unitSpec('web', ONCE), unitSpec('api', { bindsTo: ['web'] })];
    const on = settled(unitSpec('keeper'), web, api);
    crash(on, 'web');
    const rows = load(on, unitSpec('keeper', { upholds: ['web'] }), web, api);
    assert.equal(rows[0], 'start api: it was waiting for "web", which failed (exited with code 1)');
    assert.equal(standing(on, 'api'), 'running');
  });
  test('what is to be upheld by one that is yet to come up starts with it', () => {
    const web = unitSpec('web', ONCE);
    const on = settled(web, unitSpec('api', OFF));
    crash(on, 'web');
    assert.deepEqual(load(on, unitSpec('api', OFF), unitSpec('keeper', { upholds: ['api', 'web'] }), web), [
      'start api: now wanted',
      'start keeper: new file',
      'start web: upheld by "keeper"; it had failed',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('one that had ended stays so where who upholds it is held down', () => {
    const [keeper, web] = [unitSpec('keeper'), unitSpec('web', ONCE)];
    const on = settled(keeper, web);
    crash(on, 'web');
    operate(on, 'keeper', 'stop');
    assert.deepEqual(load(on, unitSpec('keeper', { upholds: ['web'] }), web), [
      'update keeper: upholds changed',
    ]);
  });
  test('what the operator stopped is not started for one that restarts', () => {
    const on = settled(unitSpec('db', ONCE), unitSpec('web'));
    crash(on, 'db', 0);
    operate(on, 'db', 'stop');
    const rows = load(on, unitSpec('db', ONCE), unitSpec('web', { requires: ['db'], ...OTHER }));
    assert.equal(
      rows.some((row) => row.startsWith('start')),
      false,
    );
    assert.equal(standing(on, 'db'), 'stopped: stopped by the operator');
  });
  test('a unit needed by one that restarts does not stop in between', () => {
    const before: [string, SpecChange][] = [
      ['db', {}],
      ['web', { requires: ['db'] }],
    ];
    const after: [string, SpecChange][] = [
      ['db', OFF],
      ['web', { requires: ['db'], ...OTHER }],
    ];
    assert.deepEqual(planned(before, after), ['update db: enabled changed', 'restart web: command changed']);
  });
  test('a unit that is now wanted and needs what is held down is not said to start: it waits', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requires: ['db'], ...OFF }));
    operate(on, 'db', 'stop');
    assert.deepEqual(load(on, unitSpec('db'), unitSpec('web', { requires: ['db'] })), [
      'update web: enabled changed',
    ]);
    assert.equal(standing(on, 'web'), 'waiting: requires "db": stopped by the operator');
  });
  test('a dependency that is held down stops who now needs it, and says why', () => {
    const on = settled(unitSpec('db'), unitSpec('web'));
    operate(on, 'db', 'stop');
    assert.deepEqual(load(on, unitSpec('db'), unitSpec('web', { requires: ['db'] })), [
      'stop web: requires "db": stopped by the operator',
    ]);
    assert.equal(standing(on, 'web'), 'waiting: requires "db": stopped by the operator');
  });
});

test('plan: why a unit restarts with two others does not depend on which of them is loaded first', () => {
  const set = (change: SpecChange): readonly UnitSpec[] => [
    unitSpec('a', change),
    unitSpec('b', change),
    unitSpec('c', { partOf: ['a'] }),
    unitSpec('d', { requires: ['c'], partOf: ['b'] }),
  ];
  const on = settled(...set({}));
  const plan = world.planOf(on, set(OTHER));
  assert.deepEqual(
    plan.units.map((row) => `${row.action} ${row.name}: ${row.reason}`),
    [
      'restart a: command changed',
      'restart b: command changed',
      'restart c: part of "a", which restarts',
      'restart d: requires "c", which restarts',
    ],
  );
  assert.deepEqual(world.planOf(on, set(OTHER).toReversed()), plan);
});

test('plan: a unit that was pulled in by one whose file is gone is no longer wanted', () => {
  const on = settled(unitSpec('db', OFF), unitSpec('web', { requires: ['db'] }));
  assert.deepEqual(load(on, unitSpec('db', OFF)), ['stop db: no longer wanted', 'stop web: file removed']);
  assert.equal(standing(on, 'db'), 'stopped: not enabled');
});

test('plan: a unit that changes and may not come up again stops, and is not said to restart', () => {
  const on = settled(unitSpec('db'), unitSpec('web'));
  operate(on, 'db', 'stop');
  assert.deepEqual(load(on, unitSpec('db'), unitSpec('web', { ...OTHER, requires: ['db'] })), [
    'stop web: requires "db": stopped by the operator',
  ]);
});

test('plan: a service that has ended is not up by becoming a oneshot', () => {
  const job = { restart: { policy: 'no' } } as const;
  const on = settled(unitSpec('job', job), unitSpec('web'));
  crash(on, 'job', 0);
  assert.deepEqual(
    load(on, unitSpec('job', { ...job, type: 'oneshot' }), unitSpec('web', { bindsTo: ['job'] })),
    ['restart job: type changed', 'restart web: bound to "job", which is not up'],
  );
  assert.equal(standing(on, 'web'), 'running');
});

describe('plan: a unit that goes down for what it lacks from now on', () => {
  const LACK = 'bound to "x", which is not up';
  const bound = unitSpec('web', { bindsTo: ['x'] });
  const [x, off] = [unitSpec('x', ONCE), unitSpec('x', { ...ONCE, ...OFF })];
  const activationOf = (on: world.World, name: string): number | undefined =>
    on.fleet.units.get(name)?.state.activation;
  test('restarts where it brings that up', () => {
    const on = settled(off, unitSpec('web'));
    assert.deepEqual(load(on, off, bound), [`restart web: ${LACK}`, 'start x: now wanted']);
    assert.deepEqual([standing(on, 'web'), activationOf(on, 'web')], ['running', 2]);
  });
  test('restarts where that is new, and with it who needs it', () => {
    const api = unitSpec('api', { requires: ['web'] });
    const on = settled(unitSpec('web'), api);
    assert.deepEqual(load(on, x, bound, api), [
      `restart api: requires "web": ${LACK}`,
      `restart web: ${LACK}`,
      'start x: new file',
    ]);
    assert.deepEqual([standing(on, 'api'), activationOf(on, 'api')], ['running', 2]);
  });
  test('restarts where that had failed and is tried again for it', () => {
    const on = settled(x, unitSpec('web'));
    crash(on, 'x');
    assert.deepEqual(load(on, x, bound), [
      `restart web: ${LACK}`,
      'start x: required by "web"; it had failed',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('restarts with a target, which needs all that it requires', () => {
    const on = settled(off, unitSpec('all', { type: 'target' }));
    assert.deepEqual(load(on, off, unitSpec('all', { type: 'target', requires: ['x'] })), [
      'restart all: requires "x", which is not up',
      'start x: now wanted',
    ]);
    assert.equal(standing(on, 'all'), 'running');
  });
  test('stops where that does not come up by itself', () => {
    const on = settled(off, unitSpec('web'));
    operate(on, 'x', 'stop');
    assert.deepEqual(load(on, off, bound), ['stop web: bound to "x": stopped by the operator']);
    assert.match(standing(on, 'web'), /^waiting/);
  });
  test('is told to wait where that is in a pause', () => {
    const loop = unitSpec('x');
    const on = settled(loop, unitSpec('web'));
    crash(on, 'x');
    assert.deepEqual(load(on, loop, bound), [
      `restart web: ${LACK}; it will be waiting for "x", which exited with code 1 and is to be restarted`,
    ]);
    assert.match(standing(on, 'web'), /^waiting/);
  });
});

describe('plan: what is on its way down when the set comes', () => {
  test('starts where it is wanted again', () => {
    const on = settled(unitSpec('web'));
    world.reload(on, [unitSpec('web', OFF)]);
    assert.deepEqual(load(on, unitSpec('web')), ['start web: now wanted']);
    assert.deepEqual([standing(on, 'web'), on.fleet.units.get('web')?.state.activation], ['running', 2]);
  });
  test('is only updated where it has not been told yet and goes on', () => {
    const on = settled(unitSpec('web'), unitSpec('api', { after: ['web'] }));
    world.reload(on, [unitSpec('web', OFF)]);
    assert.deepEqual(load(on, unitSpec('web')), ['update web: enabled changed']);
    assert.deepEqual([standing(on, 'web'), on.fleet.units.get('web')?.state.activation], ['running', 1]);
  });
  test('starts where it has not been told yet, and had changed before', () => {
    const on = settled(unitSpec('web'), unitSpec('api', { after: ['web'] }));
    world.reload(on, [unitSpec('web', { ...OFF, ...OTHER })]);
    assert.equal(standing(on, 'web'), 'running');
    assert.deepEqual(load(on, unitSpec('web', OTHER)), ['start web: now wanted']);
    assert.deepEqual([standing(on, 'web'), on.fleet.units.get('web')?.state.activation], ['running', 2]);
  });
  test('starts where it needs no more what has ended', () => {
    const on = settled(unitSpec('db', ONCE), unitSpec('web', { bindsTo: ['db'] }));
    end(on, 'db', 0);
    assert.match(standing(on, 'web'), /^stopping: bound to "db", which is not up/);
    assert.deepEqual(load(on, unitSpec('db', ONCE), unitSpec('web')), [
      'start web: bindsTo changed; it was stopping',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('starts where it needs no more what goes down too', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requisite: ['db'] }));
    world.reload(on, [unitSpec('db', OFF), unitSpec('web', { requisite: ['db'] })]);
    assert.deepEqual(load(on, unitSpec('db', OFF), unitSpec('web')), [
      'start web: requisite changed; it was stopping',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('and has changed too, starts where nothing keeps it down any more', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { partOf: ['db'] }));
    world.command(on, 'web', 'restart');
    world.command(on, 'db', 'stop');
    assert.deepEqual(load(on, unitSpec('db'), unitSpec('web')), [
      'start web: partOf changed; it was stopping',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('for a moment, and comes back by itself, is not named', () => {
    const web = unitSpec('web', { bindsTo: ['db'] });
    const on = settled(unitSpec('db'), web);
    world.command(on, 'db', 'restart');
    assert.match(standing(on, 'web'), /^stopping/);
    assert.deepEqual(load(on, unitSpec('db'), unitSpec('other'), web), ['start other: new file']);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('is only updated where it needs all the same what has ended', () => {
    const on = settled(unitSpec('db', ONCE), unitSpec('web', { bindsTo: ['db'] }));
    end(on, 'db', 0);
    assert.deepEqual(load(on, unitSpec('db', ONCE), unitSpec('web', { requires: ['db'] })), [
      'update web: requires, bindsTo changed',
    ]);
    assert.equal(standing(on, 'web'), 'waiting: waiting for "db", which has ended');
  });
  test('is told to wait, and is not down for that', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requires: ['db'] }));
    world.command(on, 'db', 'stop');
    const rows = world.reload(on, [unitSpec('db'), unitSpec('web', { ...OTHER, requires: ['db'] })]).units;
    assert.deepEqual(
      rows.map(({ reason }) => reason),
      ['command changed; it will wait: requires "db": stopped by the operator'],
    );
    assert.equal(on.fleet.units.get('web')?.cycle, 'command changed');
  });
  test('and back, is told to wait for one that an operator has stopped', () => {
    const on = settled(unitSpec('db'), unitSpec('web'));
    world.reload(on, [unitSpec('db')]);
    world.command(on, 'db', 'stop');
    assert.deepEqual(load(on, unitSpec('db'), unitSpec('web', { bindsTo: ['db'] })), [
      'restart web: its file was removed and is back; it will wait: bound to "db": stopped by the operator',
    ]);
    assert.equal(standing(on, 'web'), 'waiting: bound to "db": stopped by the operator');
  });
  test('for a lack that lasts, and stays down, is not said to restart with what restarts', () => {
    const on = settled(unitSpec('db', ONCE), unitSpec('key'), unitSpec('web', { bindsTo: ['db'] }));
    end(on, 'db', 1);
    const web = unitSpec('web', { bindsTo: ['db'], requires: ['key'] });
    assert.deepEqual(load(on, unitSpec('db', ONCE), unitSpec('key', OTHER), web), [
      'restart key: command changed',
      'update web: requires changed',
    ]);
    assert.equal(standing(on, 'web'), 'waiting: waiting for "db", which failed (exited with code 1)');
  });
  test('for a restart, is not said to be waited for', () => {
    const on = settled(unitSpec('db'));
    world.reload(on, [unitSpec('db', OTHER)]);
    assert.deepEqual(load(on, unitSpec('db', OTHER), unitSpec('web', { requires: ['db'] })), [
      'start web: new file',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
});

describe('plan: a unit that nobody wants for a moment', () => {
  test('stays where what brings it in waits only for the stop of another', () => {
    const set = (change: SpecChange): readonly UnitSpec[] => [
      unitSpec('a', change),
      unitSpec('b', { ...change, requisite: ['a'] }),
    ];
    const on = settled(...set({}));
    const c = unitSpec('c', { requires: ['b'], bindsTo: ['a'] });
    assert.deepEqual(load(on, ...set(OFF), c), [
      'update a: enabled changed',
      'restart b: not enabled',
      'start c: new file',
    ]);
    const activations = ['a', 'b', 'c'].map((name) => on.fleet.units.get(name)?.state.activation);
    assert.deepEqual(activations, [1, 2, 1]);
  });
  test('stops where what would bring it in goes down to stay, also by a change that takes a new process', () => {
    const on = settled(unitSpec('a'), unitSpec('b'), unitSpec('c'));
    world.command(on, 'b', 'stop');
    const c = unitSpec('c', { ...OTHER, wants: ['a'], requisite: ['b'] });
    assert.deepEqual(load(on, unitSpec('a', OFF), unitSpec('b'), c), [
      'stop a: enabled is false',
      'stop c: requires "b": stopped by the operator',
    ]);
    assert.equal(standing(on, 'a'), 'stopped: not enabled');
  });
  test('stops where who upholds it goes down with one that is changed and not enabled', () => {
    const on = settled(unitSpec('b'), unitSpec('d'), unitSpec('e'));
    const e = unitSpec('e', { requisite: ['b'], upholds: ['d'] });
    assert.deepEqual(load(on, unitSpec('b', { ...OFF, ...OTHER }), unitSpec('d', OFF), e), [
      'stop b: enabled is false',
      'stop d: enabled is false',
      'restart e: requires "b": not enabled; it will fail: its requisite "b" is not up',
    ]);
    assert.equal(standing(on, 'd'), 'stopped: not enabled');
  });
  test('restarts where who upholds it is up as another type only later', () => {
    const on = settled(unitSpec('a'), unitSpec('b', { type: 'oneshot' }));
    assert.deepEqual(load(on, unitSpec('a', OFF), unitSpec('b', { upholds: ['a'] })), [
      'restart a: not enabled',
      'restart b: type changed',
    ]);
    assert.equal(on.fleet.units.get('a')?.state.activation, 2);
  });
  test('and had ended, starts where who goes down for that brings it in again', () => {
    const on = settled(unitSpec('a', ONCE), unitSpec('d', { bindsTo: ['a'] }));
    end(on, 'a', 0);
    assert.deepEqual(load(on, unitSpec('a', { ...ONCE, ...OFF }), unitSpec('d', { bindsTo: ['a'] })), [
      'start a: wanted again; it had ended',
      'start d: it was stopping: bound to "a", which is not up',
    ]);
    assert.deepEqual([standing(on, 'a'), standing(on, 'd')], ['running', 'running']);
  });
});

describe('plan: a unit that waits', () => {
  const failing = unitSpec('db', ONCE);
  const web = unitSpec('web', { requires: ['db'] });
  const waiting = (): world.World => {
    const on = settled(failing, web);
    crash(on, 'db');
    crash(on, 'web');
    world.passDeadline(on);
    tellAll(on);
    assert.equal(standing(on, 'web'), 'waiting: waiting for "db", which failed (exited with code 1)');
    return on;
  };
  test('starts where what it waits for is mended', () => {
    const on = waiting();
    assert.deepEqual(load(on, unitSpec('db', { ...ONCE, ...OTHER }), web), [
      'start db: command changed; it had failed',
      'start web: it was waiting for "db", which failed (exited with code 1)',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('starts where it needs that no more', () => {
    const on = waiting();
    assert.deepEqual(load(on, failing, unitSpec('web')), ['start web: requires changed; it was waiting']);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('starts where it comes after nobody any more who is on the way', () => {
    const first = unitSpec('first', { type: 'oneshot', startTimeoutMs: null });
    const on = world.newWorld(1, { ...world.NO_FAULTS, hangs: 1 });
    load(on, first, unitSpec('web', { after: ['first'] }));
    assert.equal(standing(on, 'web'), 'waiting: waiting for "first", which is starting');
    assert.deepEqual(load(on, first, unitSpec('web')), ['start web: after changed; it was waiting']);
  });
  test('is only updated where it still has to wait', () => {
    const on = waiting();
    assert.deepEqual(load(on, failing, unitSpec('web', { requires: ['db'], description: 'new' })), [
      'update web: description changed',
    ]);
    assert.match(standing(on, 'web'), /^waiting/);
  });
});

describe('plan: what becomes of a unit in the end', () => {
  test('a rival that a unit brings up keeps it down: it is said', () => {
    const a = unitSpec('a', { conflicts: ['b'] });
    const on = settled(a, unitSpec('b', OFF), unitSpec('c'));
    const c = unitSpec('c', { wants: ['b'] });
    assert.deepEqual(load(on, a, unitSpec('b', OFF), c, unitSpec('d', { requires: ['b'] })), [
      'update c: wants changed',
      'start d: new file; it will wait: requires "b": conflicts with "a"',
    ]);
    assert.deepEqual([standing(on, 'a'), standing(on, 'b')], ['running', 'waiting: conflicts with "a"']);
  });
  test('what restarts, and whose requirement has been stopped meanwhile, stays down', () => {
    const web = unitSpec('web', { requires: ['db'], wants: ['key'], partOf: ['key'] });
    const on = settled(unitSpec('db'), unitSpec('key'), unitSpec('web'));
    operate(on, 'key', 'stop');
    assert.deepEqual(load(on, unitSpec('db', OTHER), unitSpec('key'), web), [
      'restart db: command changed',
      'stop web: part of "key": stopped by the operator',
    ]);
    assert.match(standing(on, 'web'), /^waiting/);
  });
  test('a start that will be refused is said to fail', () => {
    const on = settled(unitSpec('net', OFF), unitSpec('web'));
    const [web, api] = [
      unitSpec('web', { ...OTHER, requires: ['api'] }),
      unitSpec('api', { requisite: ['net'] }),
    ];
    assert.deepEqual(load(on, unitSpec('net', OFF), web, api), [
      'start api: new file; it will fail: its requisite "net" is not up',
      'restart web: command changed; it will be waiting for "api", which failed (its requisite "net" is not up)',
    ]);
    assert.equal(standing(on, 'api'), 'failed: its requisite "net" is not up');
  });
  test('so is one of units that are known, and whom its failure starts', () => {
    const lacking = { requisite: ['net'] };
    const on = settled(
      unitSpec('net', OFF),
      unitSpec('alert', { ...OFF, ...lacking }),
      unitSpec('all', OFF),
      unitSpec('api', { ...OFF, ...lacking, onFailure: ['alert'] }),
      unitSpec('db', OFF),
      unitSpec('web', { requires: ['db'] }),
    );
    operate(on, 'db', 'stop');
    const set = [
      unitSpec('net', OFF),
      unitSpec('alert', { ...OFF, ...lacking }),
      unitSpec('all', { wants: ['api'] }),
      unitSpec('api', { ...OFF, ...lacking, onFailure: ['alert'] }),
      unitSpec('db', OFF),
      unitSpec('web', lacking),
    ];
    assert.deepEqual(load(on, ...set), [
      'start alert: now wanted; it will fail: its requisite "net" is not up',
      'start all: now wanted',
      'start api: now wanted; it will fail: its requisite "net" is not up',
      'start web: requires, requisite changed; it was waiting; it will fail: its requisite "net" is not up',
    ]);
    assert.deepEqual(
      ['alert', 'api', 'web'].map((name) => standing(on, name)),
      Array.from({ length: 3 }, () => 'failed: its requisite "net" is not up'),
    );
    assert.deepEqual(load(on, ...set), []);
  });
  test('one that would have come up, and will be refused now, is said to fail', () => {
    const on = world.newWorld(1, world.NO_FAULTS);
    world.reload(on, [unitSpec('net'), unitSpec('web', { requisite: ['net'] })]);
    assert.match(standing(on, 'web'), /^waiting: waiting for "net"/);
    assert.deepEqual(load(on, unitSpec('net', OFF), unitSpec('web', { requisite: ['net'] })), [
      'stop net: enabled is false',
      'start web: it was waiting for "net", which is starting; it will fail: its requisite "net" is not up',
    ]);
    assert.equal(standing(on, 'web'), 'failed: its requisite "net" is not up');
  });
  test('one that would have been refused, and starts now, is said to start', () => {
    const net = unitSpec('net', { restart: { policy: 'no' } });
    const web = unitSpec('web', { ...OFF, requisite: ['net'] });
    const on = settled(net, web);
    world.endMain(on, 'net', { code: 0, signal: null, coreDumped: false });
    world.tellNews(on, 0);
    world.command(on, 'web', 'start');
    assert.match(standing(on, 'web'), /^waiting: waiting for "net"/);
    assert.deepEqual(load(on, { ...net, command: command('/bin/other') }, web), [
      'restart net: command changed',
      'start web: it was waiting for "net", which is stopping',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('stops end one after another: who is stopped and brought in again meanwhile is said to restart', () => {
    const on = settled(
      unitSpec('agent', { partOf: ['db'] }),
      unitSpec('db'),
      unitSpec('part', { type: 'target' }),
      unitSpec('web'),
    );
    const part = unitSpec('part', { type: 'target', requisite: ['db'] });
    const web = unitSpec('web', { requires: ['part'], bindsTo: ['db'] });
    assert.deepEqual(load(on, unitSpec('db', OFF), part, web), [
      'stop agent: file removed',
      'restart db: not enabled',
      'restart part: requires "db": not enabled',
      'restart web: requires "part": requires "db": not enabled',
    ]);
    assert.deepEqual(
      ['db', 'part', 'web'].map((name) => on.fleet.units.get(name)?.state.activation),
      [2, 2, 2],
    );
  });
  test('whom an upholder would bring up that goes down itself is not said to start', () => {
    const on = settled(unitSpec('db'), unitSpec('keeper', { upholds: ['web'] }), unitSpec('web', OFF));
    operate(on, 'db', 'stop');
    const keeper = unitSpec('keeper', { upholds: ['web', 'api'], requires: ['db'] });
    const api = unitSpec('api', OFF);
    assert.deepEqual(load(on, unitSpec('db'), keeper, unitSpec('web', OFF), api), [
      'update api: new file; not enabled',
      'stop keeper: requires "db": stopped by the operator',
    ]);
    assert.equal(standing(on, 'api'), 'stopped: not enabled');
  });
  test('who is started by the failure of one that is refused is told', () => {
    const on = settled(unitSpec('net', OFF), unitSpec('alert', OFF));
    const web = unitSpec('web', { requisite: ['net'], onFailure: ['alert'] });
    assert.deepEqual(load(on, unitSpec('net', OFF), unitSpec('alert', OFF), web), [
      'start alert: now wanted',
      'start web: new file; it will fail: its requisite "net" is not up',
    ]);
    assert.equal(standing(on, 'alert'), 'running');
  });
});

describe('plan: restarts spread', () => {
  for (const field of ['requires', 'bindsTo', 'partOf'] as const) {
    test(`along ${field} to one in backoff, whose pause ends by it`, () => {
      const web = unitSpec('web', { [field]: ['db'] });
      const on = settled(unitSpec('db'), web);
      crash(on, 'web');
      assert.match(standing(on, 'web'), /^backoff/);
      const phrase = { requires: 'requires', bindsTo: 'bound to', partOf: 'part of' }[field];
      assert.deepEqual(load(on, unitSpec('db', OTHER), web), [
        'restart db: command changed',
        `restart web: ${phrase} "db", which restarts`,
      ]);
      assert.equal(standing(on, 'web'), 'running');
    });
  }
  for (const [field, reason] of [
    ['requires', 'requires "db", which restarts'],
    ['requisite', 'requires "db", which restarts'],
    ['bindsTo', 'bound to "db", which restarts'],
    ['partOf', 'part of "db", which restarts'],
  ] as const) {
    test(`along ${field}`, () => {
      const web: [string, SpecChange] = ['web', { [field]: ['db'] }];
      assert.deepEqual(planned([['db', {}], web], [['db', OTHER], web]), [
        'restart db: command changed',
        `restart web: ${reason}`,
      ]);
    });
  }
  for (const field of ['wants', 'after', 'upholds'] as const) {
    test(`not along ${field}`, () => {
      const web: [string, SpecChange] = ['web', { [field]: ['db'] }];
      assert.deepEqual(planned([['db', {}], web], [['db', OTHER], web]), ['restart db: command changed']);
    });
  }
  test('all the way', () => {
    const rest: [string, SpecChange][] = [
      ['api', { requires: ['db'] }],
      ['web', { bindsTo: ['api'] }],
    ];
    assert.deepEqual(planned([['db', {}], ...rest], [['db', OTHER], ...rest]), [
      'restart api: requires "db", which restarts',
      'restart db: command changed',
      'restart web: bound to "api", which restarts',
    ]);
  });
  test('not to a unit that waits, nor through it', () => {
    const on = settled(
      unitSpec('db'),
      unitSpec('api', { requires: ['db'] }),
      unitSpec('web', { partOf: ['api'] }),
    );
    operate(on, 'api', 'stop');
    assert.deepEqual(
      load(
        on,
        unitSpec('db', OTHER),
        unitSpec('api', { requires: ['db'] }),
        unitSpec('web', { partOf: ['api'] }),
      ),
      ['restart db: command changed'],
    );
  });
  test('not from a unit in backoff: it is down already', () => {
    const api = unitSpec('api', { requires: ['db'] });
    const on = settled(unitSpec('db'), api);
    crash(on, 'db');
    assert.deepEqual(load(on, unitSpec('db', OTHER), api), ['restart db: command changed']);
    assert.deepEqual([standing(on, 'db'), standing(on, 'api')], ['running', 'running']);
    assert.equal(on.fleet.units.get('api')?.state.activation, 1);
  });
});

describe('commit', () => {
  test('an update keeps the process', () => {
    const on = settled(unitSpec('web'));
    load(on, unitSpec('web', { description: 'new', runtimeMaxMs: 60_000 }));
    assert.equal(on.fleet.units.get('web')?.state.activation, 1);
    assert.equal(on.fleet.units.get('web')?.spec.description, 'new');
  });
  test('a changed runtimeMax holds for the run that is up', () => {
    const on = settled(unitSpec('web'));
    load(on, unitSpec('web', { runtimeMaxMs: 60_000 }));
    world.passDeadline(on);
    tellAll(on);
    assert.equal(on.fleet.units.get('web')?.state.history.at(-1)?.cause, 'runtime-max');
  });
  test('a changed command tries a unit in backoff at once', () => {
    const on = settled(unitSpec('web'));
    crash(on, 'web');
    assert.deepEqual(load(on, unitSpec('web', OTHER)), ['restart web: command changed']);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('a changed delay holds for the pause under way', () => {
    const on = settled(unitSpec('web', { restart: { delayMs: 3_600_000, maxDelayMs: 3_600_000 } }));
    crash(on, 'web');
    assert.deepEqual(load(on, unitSpec('web')), ['update web: restart.delayMs, restart.maxDelayMs changed']);
    const crashedMs = on.nowMs;
    world.passDeadline(on);
    tellAll(on);
    assert.deepEqual([standing(on, 'web'), on.nowMs - crashedMs], ['running', 1_000]);
  });
  test('a changed policy that does not restart ends a pause in failure, with all that follows from that', () => {
    const alert = unitSpec('alert', { enabled: false });
    const on = settled(unitSpec('web', { onFailure: ['alert'] }), alert);
    crash(on, 'web');
    load(on, unitSpec('web', { onFailure: ['alert'], restart: { policy: 'no' } }), alert);
    assert.deepEqual([standing(on, 'web'), standing(on, 'alert')], ['failed: exited with code 1', 'running']);
  });
  test('of a unit in backoff that is no longer wanted a changed policy makes nothing', () => {
    const alert = unitSpec('alert', { enabled: false });
    const on = settled(unitSpec('web', { onFailure: ['alert'] }), alert);
    crash(on, 'web');
    load(on, unitSpec('web', { enabled: false, onFailure: ['alert'], restart: { policy: 'no' } }), alert);
    assert.deepEqual(
      [standing(on, 'web'), standing(on, 'alert')],
      ['stopped: not enabled', 'stopped: not enabled'],
    );
  });
  test('a changed description leaves a pause alone that only an upholder, gone by now, had brought about', () => {
    const web = { restart: { policy: 'no' } } as const;
    const keeper = unitSpec('keeper', { upholds: ['web'] });
    const on = settled(unitSpec('web', web), keeper);
    crash(on, 'web');
    operate(on, 'keeper', 'stop');
    load(on, unitSpec('web', { ...web, description: 'new' }), keeper);
    assert.match(standing(on, 'web'), /^backoff: /);
  });
  test('a changed command tries a failed unit again', () => {
    const on = settled(unitSpec('web', { restart: { policy: 'no' } }));
    crash(on, 'web');
    assert.deepEqual(load(on, unitSpec('web', { ...OTHER, restart: { policy: 'no' } })), [
      'start web: command changed; it had failed',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('a changed requisite tries a unit again that was refused for it', () => {
    const off = unitSpec('net', OFF);
    const on = settled(off, unitSpec('web', { requisite: ['net'] }));
    assert.equal(standing(on, 'web'), 'failed: its requisite "net" is not up');
    assert.deepEqual(load(on, off, unitSpec('web')), ['start web: requisite changed; it had failed']);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('a changed description does not', () => {
    const once = { restart: { policy: 'no' } } as const;
    const on = settled(unitSpec('web', once));
    crash(on, 'web');
    assert.deepEqual(load(on, unitSpec('web', { ...once, description: 'new' })), [
      'update web: description changed',
    ]);
    assert.equal(standing(on, 'web'), 'failed: exited with code 1');
  });
  test('a changed command runs a service that had ended again', () => {
    const once = { restart: { policy: 'no' } } as const;
    const on = settled(unitSpec('web', once));
    crash(on, 'web', 0);
    assert.deepEqual(load(on, unitSpec('web', { ...once, ...OTHER })), ['restart web: command changed']);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('a changed command runs a completed oneshot again', () => {
    const on = settled(unitSpec('migrate', { type: 'oneshot' }));
    load(on, unitSpec('migrate', { type: 'oneshot', ...OTHER }));
    assert.equal(standing(on, 'migrate'), 'completed: exited with code 0');
    assert.equal(on.fleet.units.get('migrate')?.state.activation, 2);
  });
  test('a service that has ended between plan and commit is not up by becoming a oneshot', () => {
    const job: SpecChange = { ...OFF, restart: { policy: 'no' } };
    const on = settled(unitSpec('job', job));
    let isPlanned = false;
    world.reloadInSteps(on, [unitSpec('job', { ...job, type: 'oneshot' })], () => {
      if (isPlanned) return;
      isPlanned = true;
      operate(on, 'job', 'start');
      crash(on, 'job', 0);
    });
    tellAll(on);
    assert.equal(on.fleet.units.get('job')?.state.activation, 2);
    assert.equal(standing(on, 'job'), 'completed: exited with code 0');
  });
  test('a oneshot that becomes a service is swept first', () => {
    const on = settled(unitSpec('migrate', { type: 'oneshot', stopPost: [command('/bin/post')] }));
    load(on, unitSpec('migrate', { stopPost: [command('/bin/post')] }));
    assert.equal(standing(on, 'migrate'), 'running');
    assert.equal(
      on.told.some(({ event }) => event.type === 'spawned' && event.run === 2),
      true,
    );
  });
  test('a unit that the operator stopped stays down across reloads that change it', () => {
    const on = settled(unitSpec('web'));
    operate(on, 'web', 'stop');
    assert.deepEqual(load(on, unitSpec('web', OTHER)), ['update web: command changed']);
    assert.equal(standing(on, 'web'), 'stopped: stopped by the operator');
  });
  test('stopped before it has stopped, changed and started again: the old process does not stay', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requires: ['db'] }));
    world.command(on, 'db', 'stop');
    load(on, unitSpec('db', OTHER), unitSpec('web', { requires: ['db'] }));
    operate(on, 'db', 'start');
    assert.deepEqual([standing(on, 'db'), on.fleet.units.get('db')?.state.activation], ['running', 2]);
  });
  test('changed, stopped before it has stopped and started again: the old process does not stay', () => {
    const web = unitSpec('web', { requires: ['db'] });
    const on = settled(unitSpec('db'), web);
    world.reload(on, [unitSpec('db', OTHER), web]);
    world.command(on, 'db', 'stop');
    operate(on, 'db', 'start');
    assert.deepEqual([standing(on, 'db'), on.fleet.units.get('db')?.state.activation], ['running', 2]);
  });
  test('removed and back before it has stopped, it takes along who requires it now', () => {
    const on = settled(unitSpec('db'), unitSpec('web'));
    world.reload(on, [unitSpec('web')]);
    assert.deepEqual(load(on, unitSpec('db'), unitSpec('web', { requires: ['db'] })), [
      'restart db: its file was removed and is back',
      'restart web: requires "db", which restarts',
    ]);
  });
  test('removed and back before it has stopped: a restart, by a plan that says so', () => {
    const web = unitSpec('web', { after: ['db'] });
    const on = settled(unitSpec('db'), web);
    world.reload(on, []);
    assert.deepEqual(load(on, unitSpec('db', OTHER), web), [
      'restart db: its file was removed and is back',
      'restart web: its file was removed and is back',
    ]);
    assert.deepEqual([standing(on, 'db'), on.fleet.units.get('db')?.state.activation], ['running', 2]);
  });
  test('a requisite that nobody wants, until who goes down for that brings it in again, stays', () => {
    const db = unitSpec('db', { enabled: false });
    const web = unitSpec('web', { requires: ['db'], requisite: ['db'] });
    const on = settled(db, unitSpec('api', { bindsTo: ['db'] }));
    load(on, db, unitSpec('api', { bindsTo: ['db'] }), web);
    assert.deepEqual(load(on, db, web), [
      'stop api: file removed',
      'restart web: requires "db": not enabled',
    ]);
    assert.deepEqual([standing(on, 'db'), on.fleet.units.get('db')?.state.activation], ['running', 1]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('a restart spreads through a unit that is on its way down for what it lacks', () => {
    const db = unitSpec('db', { restart: { policy: 'no' } });
    const set = (key: SpecChange, cache: SpecChange): readonly UnitSpec[] => [
      db,
      unitSpec('api', { bindsTo: ['db'], requires: ['key'] }),
      unitSpec('api-page', { partOf: ['api'] }),
      unitSpec('cache', cache),
      unitSpec('disk', { enabled: false }),
      unitSpec('key', key),
    ];
    const on = settled(...set({}, {}));
    world.endMain(on, 'db', { code: 1, signal: null, coreDumped: false });
    world.tellNews(on, 0);
    assert.equal(standing(on, 'api'), 'stopping: bound to "db", which is not up; sent SIGTERM');
    assert.deepEqual(load(on, ...set(OTHER, { bindsTo: ['disk'] })), [
      'restart api-page: part of "api", which restarts',
      'restart cache: bound to "disk", which is not up',
      'start disk: now wanted',
      'restart key: command changed',
    ]);
    assert.equal(on.fleet.units.get('api-page')?.state.activation, 2);
  });
  test('a unit that is wanted by another from now on keeps what it is bound to', () => {
    const off = { enabled: false };
    const db = unitSpec('db', off);
    const on = settled(
      unitSpec('app'),
      unitSpec('by', { wants: ['db'] }),
      db,
      unitSpec('web', { bindsTo: ['db'] }),
    );
    const web = unitSpec('web', { ...off, bindsTo: ['db'] });
    assert.deepEqual(load(on, unitSpec('app', { ...OTHER, wants: ['web'] }), unitSpec('by'), db, web), [
      'restart app: command changed',
      'update by: wants changed',
      'update web: enabled changed',
    ]);
    const starts = ['app', 'db', 'web'].map((name) => on.fleet.units.get(name)?.state.activation);
    assert.deepEqual(starts, [2, 1, 1]);
  });
  test('a unit whose file goes and comes back before it is down is held no more', () => {
    const web = unitSpec('web');
    const job = unitSpec('job', { enabled: false });
    const on = settled(web, job);
    operate(on, 'job', 'start');
    world.command(on, 'web', 'stop');
    world.reload(on, []);
    assert.deepEqual(standing(on, 'web'), 'stopping: its file was removed; sent SIGTERM');
    assert.deepEqual(load(on, web, job), [
      'update job: new file; not enabled',
      'restart web: its file was removed and is back',
    ]);
    assert.deepEqual([standing(on, 'web'), standing(on, 'job')], ['running', 'stopped: not enabled']);
  });
  test('a unit that was forgotten and is back does not take facts about its former runs for its own', () => {
    const on = settled(unitSpec('web'));
    load(on);
    assert.equal(on.fleet.units.has('web'), false);
    load(on, unitSpec('web'));
    world.tell(on, 'web', { type: 'exited', run: 1, status: { code: 1, signal: null, coreDumped: false } });
    assert.equal(standing(on, 'web'), 'running');
  });
  test('stops go before starts where units conflict', () => {
    const on = settled(unitSpec('old', { conflicts: [] }));
    world.reload(on, [unitSpec('new', { conflicts: ['old'] }), unitSpec('old', OFF)]);
    assert.equal(standing(on, 'new'), 'waiting: waiting for "old" to stop, which it conflicts with');
    tellAll(on);
    assert.deepEqual([standing(on, 'new'), standing(on, 'old')], ['running', 'stopped: not enabled']);
  });
});

test('plan: an upheld unit whose upholder never came up is not planned again and again', () => {
  const failing = unitSpec('keeper', { upholds: ['kept'], restart: { policy: 'no' } });
  const on = world.newWorld(1, world.NO_FAULTS);
  on.broken.add('keeper');
  load(on, failing, unitSpec('kept', OFF));
  assert.equal(standing(on, 'keeper'), 'failed: could not be started: no such file');
  assert.deepEqual(world.planOf(on, [failing, unitSpec('kept', OFF)]).units, []);
});

test('plan: changes carry the field as in the file, its values and what it asks for', () => {
  const on = settled(unitSpec('web', { startTimeoutMs: 1 }));
  const [row] = world.planOf(on, [unitSpec('web', { startTimeoutMs: 2 })]).units;
  assert.deepEqual(row?.changes, [{ field: 'startTimeout', from: 1, to: 2, effect: 'in-place' }]);
});

test('plan: the order of files plays no part', () => {
  const on = settled(unitSpec('a'), unitSpec('b', { requires: ['a'] }), unitSpec('c', { partOf: ['b'] }));
  const next = [unitSpec('a', OTHER), unitSpec('b', { requires: ['a'] }), unitSpec('d', {})];
  assert.deepEqual(world.planOf(on, next.toReversed()), world.planOf(on, next));
});

describe('commit: touches', () => {
  /** Units that a set touches when it is taken in. */
  function touched(change: SpecChange | null): readonly string[] {
    const specs = ['a', 'b'].map((name) => unitSpec(name, {}));
    const { fleet } = settled(...specs);
    const next = specs.map((spec) => (spec.name === 'b' && change !== null ? unitSpec('b', change) : spec));
    const desired = new Map(next.map((spec) => [spec.name, spec]));
    const outputs: Outputs = [];
    const instant = { nowMs: 0, wallMs: 0, random: 0 };
    const decision = atOnce(planning(desired, fleet, () => ({})));
    commitAll(desired, decision, fleet, instant, outputs);
    return [...new Set(outputs.flatMap((output) => (output.type === 'touched' ? [output.unit] : [])))];
  }

  test('no unit where nothing has changed', () => {
    assert.deepEqual(touched(null), []);
  });
  test('a unit whose file was read anew, though it says the same', () => {
    assert.deepEqual(touched({}), ['b']);
  });
  test('a unit that changes, and no other', () => {
    assert.deepEqual(touched({ description: 'new' }), ['b']);
  });
});
