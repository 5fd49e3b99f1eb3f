import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { converge } from '../../../src/core/converge.ts';
import type { Output } from '../../../src/core/converge.ts';
import type { UnitSpec } from '../../../src/model/unit.ts';
import * as world from '../../property/fleet-world.ts';
import { crash, load, operate, settled, standing, tellAll } from './fleet-stage.ts';
import { command, unitSpec } from './unit-spec.ts';

const OFF = { enabled: false };
const ONCE = { restart: { policy: 'no' } } as const;

describe('converge: upholds', () => {
  test('a failed unit is started again once an upholder is up', () => {
    const on = settled(unitSpec('job', ONCE), unitSpec('keeper', { ...OFF, upholds: ['job'] }));
    crash(on, 'job');
    operate(on, 'keeper', 'start');
    assert.equal(standing(on, 'job'), 'running');
  });
  test('an upheld unit still waits for what it requires', () => {
    const on = settled(
      unitSpec('db', ONCE),
      unitSpec('job', { ...ONCE, requires: ['db'] }),
      unitSpec('keeper', { ...OFF, upholds: ['job'] }),
    );
    crash(on, 'job');
    crash(on, 'db');
    operate(on, 'keeper', 'start');
    assert.equal(on.fleet.units.get('job')?.state.activation, 1);
  });
});

/** Tells what there is to tell, up to so many pauses; gives when each of them was over. More than is possible throws. */
function passPauses(on: world.World, pauses: number): readonly number[] {
  const over: number[] = [];
  for (let left = 500; left > 0; left -= 1) {
    if (world.tellNews(on, 0)) continue;
    if (over.length === pauses || !world.passDeadline(on, (unit) => unit.state.phase.at === 'backoff'))
      return over;
    over.push(on.nowMs);
  }
  throw new Error('they go round without a pause');
}

describe('converge: units that start each other by their ends', () => {
  const activations = (on: world.World, ...names: readonly string[]): readonly (number | undefined)[] =>
    names.map((name) => on.fleet.units.get(name)?.state.activation);
  /** Two oneshots that name each other in `field`; the first is started. */
  const ring = (field: 'onFailure' | 'onSuccess', conflicts: boolean, limit = 0): world.World => {
    const on = world.newWorld(1, world.NO_FAULTS);
    if (field === 'onFailure') for (const name of ['ping', 'pong']) on.broken.add(name);
    const job = { ...OFF, type: 'oneshot', restart: { policy: 'no', limit } } as const;
    world.reload(on, [
      unitSpec('ping', { ...job, [field]: ['pong'] }),
      unitSpec('pong', { ...job, [field]: ['ping'], conflicts: conflicts ? ['ping'] : [] }),
    ]);
    world.command(on, 'ping', 'start');
    return on;
  };
  for (const field of ['onFailure', 'onSuccess'] as const) {
    for (const conflicts of [false, true]) {
      const beside = conflicts ? ', and conflict' : '';
      test(`${field}${beside}: each takes its own pauses, which grow`, () => {
        const on = ring(field, conflicts);
        const sinceMs = on.nowMs;
        const pauses = passPauses(on, 6).map((overMs) => overMs - sinceMs);
        assert.deepEqual(pauses, [1_000, 2_000, 4_000, 6_000, 10_000, 14_000]);
        assert.deepEqual(activations(on, 'ping', 'pong'), [4, 4]);
        assert.equal(on.fleet.units.get('ping')?.state.tally.restarts, 4);
      });
      test(`${field}${beside}: they give up when restart.limit is reached`, () => {
        const on = ring(field, conflicts, 2);
        assert.equal(passPauses(on, 99).length, 4);
        assert.deepEqual(activations(on, 'ping', 'pong'), [3, 3]);
        assert.match(standing(on, 'ping'), /^failed: .*; gave up after 2 restarts/);
      });
    }
  }
  /** `serve` comes up by the end of `a-job`, goes down for it, and has brought it in again. */
  const relay = (limit = 0): world.World => {
    const on = world.newWorld(1, world.NO_FAULTS);
    world.reload(on, [
      unitSpec('a-job', { type: 'oneshot', restart: { policy: 'no', limit }, onSuccess: ['serve'] }),
      unitSpec('serve', { ...OFF, conflicts: ['a-job'], upholds: ['warm'] }),
      unitSpec('warm', { ...OFF, type: 'oneshot', wants: ['a-job'] }),
    ]);
    return on;
  };
  test('and are stopped for each other in between: there are pauses too, which grow', () => {
    const on = relay();
    const sinceMs = on.nowMs;
    assert.deepEqual(
      passPauses(on, 4).map((overMs) => overMs - sinceMs),
      [1_000, 2_000, 4_000, 6_000],
    );
    assert.deepEqual(activations(on, 'a-job', 'serve'), [7, 7]);
  });
  test('and are stopped for each other in between: they give up when restart.limit is reached', () => {
    const on = relay(2);
    assert.equal(passPauses(on, 99).length, 4);
    assert.match(standing(on, 'a-job'), /^failed: was started too often in a row; gave up after 2 restarts/);
  });
  test('a word begins the count of starts again, for each unit', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requires: ['db'] }));
    for (let times = 0; times < 20; times += 1) operate(on, 'db', 'restart');
    assert.deepEqual(activations(on, 'db', 'web'), [21, 21]);
  });
  test('a pair that fails over, each after a long run, does so at once', () => {
    const on = settled(
      unitSpec('a', { ...ONCE, onFailure: ['b'] }),
      unitSpec('b', { ...OFF, ...ONCE, onFailure: ['a'], conflicts: ['a'] }),
    );
    for (const [down, up] of [
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'b'],
    ] as const) {
      on.nowMs += 60_000;
      crash(on, down);
      assert.equal(standing(on, up), 'running');
    }
  });
});

describe('converge: onSuccess', () => {
  test('starts its unit though that conflicts with the oneshot that completed, whatever their names', () => {
    for (const [first, second] of [
      ['a-setup', 'b-serve'],
      ['setup', 'serve'],
    ] as const) {
      const on = settled(unitSpec(second, { ...OFF, conflicts: [first] }));
      load(
        on,
        unitSpec(first, { type: 'oneshot', onSuccess: [second] }),
        unitSpec(second, { ...OFF, conflicts: [first] }),
      );
      crash(on, first, 0);
      assert.deepEqual(
        [standing(on, first), standing(on, second)],
        [`waiting: conflicts with "${second}"`, 'running'],
      );
    }
  });
});

describe('converge: onFailure', () => {
  test('starts its unit each time anew', () => {
    const on = settled(
      unitSpec('alert', { ...OFF, type: 'oneshot' }),
      unitSpec('web', { ...ONCE, onFailure: ['alert'] }),
    );
    crash(on, 'web');
    on.nowMs += 60_000;
    operate(on, 'web', 'start');
    crash(on, 'web');
    assert.equal(on.fleet.units.get('alert')?.state.activation, 2);
  });
  test('starts its unit after a pause when that has come to rest only lately', () => {
    const on = settled(
      unitSpec('alert', { ...OFF, type: 'oneshot' }),
      unitSpec('web', { ...ONCE, onFailure: ['alert'] }),
    );
    crash(on, 'web');
    operate(on, 'web', 'start');
    crash(on, 'web');
    assert.equal(standing(on, 'alert'), 'backoff: exited with code 0; attempt 2 is due');
    passPauses(on, 1);
    assert.equal(on.fleet.units.get('alert')?.state.activation, 2);
  });
  test('starts its unit anew where that has ended, and is being tidied up', () => {
    const on = settled(
      unitSpec('alert', { ...OFF, ...ONCE, stopPost: [command('/bin/tidy')] }),
      unitSpec('web', { ...ONCE, onFailure: ['alert'] }),
    );
    crash(on, 'web');
    operate(on, 'web', 'start');
    world.endMain(on, 'alert', { code: 0, signal: null, coreDumped: false });
    world.tellNews(on, 0);
    assert.match(standing(on, 'alert'), /^stopping: exited with code 0/);
    world.endMain(on, 'web', { code: 1, signal: null, coreDumped: false });
    while (on.facts.has('web')) world.tellNews(on, [...on.facts.keys()].indexOf('web'));
    assert.match(standing(on, 'alert'), /^stopping: exited with code 0/);
    tellAll(on);
    assert.equal(standing(on, 'alert'), 'backoff: exited with code 0; attempt 2 is due');
    passPauses(on, 1);
    assert.equal(standing(on, 'alert'), 'running');
  });
  test('starts its unit anew also where another that it starts wants that', () => {
    const on = settled(
      unitSpec('alert', { ...OFF, ...ONCE }),
      unitSpec('page', { ...OFF, ...ONCE, wants: ['alert'] }),
      unitSpec('web', { ...ONCE, onFailure: ['alert', 'page'] }),
    );
    for (const activation of [1, 2]) {
      crash(on, 'web');
      assert.equal(on.fleet.units.get('alert')?.state.activation, activation);
      crash(on, 'alert');
      crash(on, 'page');
      on.nowMs += 60_000;
      operate(on, 'web', 'start');
    }
  });
  test('is no restart for those that depend on its unit, where that is at rest', () => {
    const on = settled(
      unitSpec('alert', { ...OFF, ...ONCE }),
      unitSpec('page', { partOf: ['alert'] }),
      unitSpec('web', { ...ONCE, onFailure: ['alert'] }),
    );
    for (let times = 0; times < 2; times += 1) {
      operate(on, 'web', 'start');
      crash(on, 'web');
      passPauses(on, 1);
      assert.equal(standing(on, 'alert'), 'running');
      crash(on, 'alert');
    }
    assert.equal(on.fleet.units.get('page')?.state.activation, 1);
  });
  for (const [failing, rescuing] of [
    ['app', 'rescue'],
    ['zapp', 'rescue'],
  ] as const) {
    test(`starts its unit though that conflicts with the one that failed: ${failing}, ${rescuing}`, () => {
      const on = settled(
        unitSpec(failing, { ...ONCE, onFailure: [rescuing] }),
        unitSpec(rescuing, { ...OFF, conflicts: [failing] }),
      );
      crash(on, failing);
      assert.equal(standing(on, rescuing), 'running');
      operate(on, rescuing, 'stop');
      assert.equal(standing(on, failing), 'failed: exited with code 1');
      operate(on, failing, 'start');
      crash(on, failing);
      assert.equal(standing(on, rescuing), 'stopped: stopped by the operator');
      operate(on, rescuing, 'release');
      operate(on, failing, 'start');
      crash(on, failing);
      assert.equal(standing(on, rescuing), 'running');
    });
  }
  test('goes before the word that started the unit that failed', () => {
    const on = settled(
      unitSpec('f1', { ...OFF, conflicts: ['f2'] }),
      unitSpec('f2', { ...OFF, ...ONCE, onFailure: ['f1'] }),
    );
    operate(on, 'f1', 'start');
    operate(on, 'f2', 'start');
    assert.equal(standing(on, 'f2'), 'running');
    crash(on, 'f2');
    assert.equal(standing(on, 'f1'), 'running');
    operate(on, 'f2', 'start');
    assert.deepEqual([standing(on, 'f1'), standing(on, 'f2')], ['stopped: not enabled', 'running']);
  });
  test('stops whom its unit conflicts with, and who needs that; they are back when it is stopped', () => {
    const on = settled(
      unitSpec('backup', { ...ONCE, onFailure: ['maintenance'] }),
      unitSpec('maintenance', { ...OFF, requires: ['tools'] }),
      unitSpec('tools', { ...OFF, conflicts: ['serve'] }),
      unitSpec('serve'),
      unitSpec('web', { requires: ['serve'] }),
    );
    crash(on, 'backup');
    assert.deepEqual(
      ['maintenance', 'tools', 'serve', 'web'].map((name) => standing(on, name)),
      [
        'running',
        'running',
        'waiting: conflicts with "tools"',
        'waiting: requires "serve": conflicts with "tools"',
      ],
    );
    operate(on, 'tools', 'stop');
    assert.equal(standing(on, 'web'), 'running');
  });
  test('goes before an earlier word for its own unit, which a later end had overruled', () => {
    const on = settled(
      unitSpec('job', { ...OFF, ...ONCE, onFailure: ['serve'] }),
      unitSpec('serve', { ...OFF, ...ONCE, conflicts: ['rescue'], onFailure: ['rescue'] }),
      unitSpec('rescue', OFF),
    );
    operate(on, 'rescue', 'start');
    operate(on, 'job', 'start');
    crash(on, 'job');
    assert.deepEqual(
      [standing(on, 'serve'), standing(on, 'rescue')],
      ['running', 'waiting: conflicts with "serve"'],
    );
    crash(on, 'serve');
    assert.equal(standing(on, 'rescue'), 'running');
  });
  test('a plan after it finds nothing to do', () => {
    const units = [
      unitSpec('app', { ...ONCE, onFailure: ['rescue'] }),
      unitSpec('rescue', { ...OFF, conflicts: ['app'] }),
    ];
    const on = settled(...units);
    crash(on, 'app');
    assert.deepEqual(load(on, ...units), []);
    assert.deepEqual(load(on, ...units.map((spec) => ({ ...spec, description: 'x' }))), [
      'update app: description changed',
      'update rescue: description changed',
    ]);
    assert.equal(standing(on, 'rescue'), 'running');
  });
  test('does not start a unit that the operator stopped', () => {
    const on = settled(unitSpec('alert', OFF), unitSpec('web', { ...ONCE, onFailure: ['alert'] }));
    operate(on, 'alert', 'stop');
    crash(on, 'web');
    assert.equal(standing(on, 'alert'), 'stopped: stopped by the operator');
  });
  test('is not for a crash that is followed by a restart', () => {
    const on = settled(unitSpec('alert', OFF), unitSpec('web', { onFailure: ['alert'] }));
    crash(on, 'web');
    assert.equal(standing(on, 'alert'), 'stopped: not enabled');
  });
  test('starts its unit when a requisite is not up', () => {
    const on = settled(
      unitSpec('db', OFF),
      unitSpec('alert', OFF),
      unitSpec('web', { requisite: ['db'], onFailure: ['alert'] }),
    );
    assert.deepEqual(
      [standing(on, 'web'), standing(on, 'alert')],
      ['failed: its requisite "db" is not up', 'running'],
    );
  });
  test('a requisite that is not up fails a start, whatever else that would wait for', () => {
    const on = settled(
      unitSpec('db', OFF),
      unitSpec('job', { restart: { policy: 'no' } }),
      unitSpec('web', { ...OFF, requires: ['job'], requisite: ['db'] }),
    );
    crash(on, 'job', 0);
    operate(on, 'web', 'start');
    assert.equal(standing(on, 'web'), 'failed: its requisite "db" is not up');
  });
  test('a requisite in backoff is waited for', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { ...OFF, requisite: ['db'] }));
    crash(on, 'db');
    operate(on, 'web', 'start');
    assert.equal(
      standing(on, 'web'),
      'waiting: waiting for "db", which exited with code 1 and is to be restarted',
    );
    world.passDeadline(on);
    tellAll(on);
    assert.equal(standing(on, 'web'), 'running');
  });
  const chain = (limit: number): world.World =>
    settled(
      unitSpec('db', { restart: { limit } }),
      unitSpec('app', { bindsTo: ['db'] }),
      unitSpec('web', { requisite: ['app'] }),
    );
  test('a requisite that waits for a unit in backoff is waited for', () => {
    const on = chain(0);
    crash(on, 'db');
    assert.equal(standing(on, 'web'), 'waiting: waiting for "app", which is waiting itself');
    world.passDeadline(on);
    tellAll(on);
    assert.deepEqual([standing(on, 'app'), standing(on, 'web')], ['running', 'running']);
  });
  test('it is no more when that one has given up', () => {
    const on = chain(1);
    crash(on, 'db');
    world.passDeadline(on, (unit) => unit.state.phase.at === 'backoff');
    world.tellNews(on, 0);
    crash(on, 'db');
    assert.match(standing(on, 'db'), /^failed: /);
    assert.equal(standing(on, 'web'), 'failed: its requisite "app" is not up');
  });
  test('units that lack a requisite and start each other come to an end', () => {
    const on = settled(
      unitSpec('db', OFF),
      unitSpec('a', { requisite: ['db'], onFailure: ['b'] }),
      unitSpec('b', { requisite: ['db'], onFailure: ['a'] }),
    );
    assert.equal(standing(on, 'a'), 'failed: its requisite "db" is not up');
  });
});

describe('converge: failureAction and successAction', () => {
  const exits = (on: world.World): readonly Output[] => on.outputs.filter((output) => output.type === 'exit');
  /** All but the last fact of a crash, which brings the exit. */
  const endMain = (on: world.World, code: number): void => {
    world.endMain(on, 'web', { code, signal: null, coreDumped: false });
    world.tellNews(on, 0);
    world.tellNews(on, 0);
  };

  test('a failed unit ends the daemon with its code', () => {
    const on = settled(unitSpec('web', { ...ONCE, failureAction: 'exit' }));
    endMain(on, 7);
    assert.deepEqual(exits(on), [{ type: 'exit', unit: 'web', code: 7 }]);
  });
  test('a unit that ended cleanly ends the daemon with 0', () => {
    const on = settled(unitSpec('web', { ...ONCE, successAction: 'exit' }));
    endMain(on, 0);
    assert.deepEqual(exits(on), [{ type: 'exit', unit: 'web', code: 0 }]);
  });
  test('a unit that was refused ends it with 1, whatever an earlier run ended with', () => {
    const web = { ...ONCE, requisite: ['db'], failureAction: 'exit' } as const;
    const on = settled(unitSpec('db'), unitSpec('web', { ...web, failureAction: 'none' }));
    crash(on, 'web', 7);
    load(on, unitSpec('db', OFF), unitSpec('web', web));
    world.command(on, 'web', 'start');
    assert.deepEqual(exits(on), [{ type: 'exit', unit: 'web', code: 1 }]);
  });
  test('a unit that is to be restarted does not', () => {
    const on = settled(unitSpec('web', { failureAction: 'exit' }));
    endMain(on, 7);
    assert.deepEqual(exits(on), []);
  });
  test('a requisite that the operator stops is no failure', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requisite: ['db'], failureAction: 'exit' }));
    operate(on, 'db', 'stop');
    assert.equal(standing(on, 'web'), 'waiting: requires "db": stopped by the operator');
  });
});

describe('converge: a stop travels', () => {
  test('through a unit that waits, to what is part of it', () => {
    const on = settled(
      unitSpec('db'),
      unitSpec('api', { requires: ['db'] }),
      unitSpec('web', { partOf: ['api'] }),
    );
    operate(on, 'db', 'stop');
    assert.equal(standing(on, 'web'), 'waiting: part of "api", because of "db": stopped by the operator');
  });
  test('not through a unit that nobody wants', () => {
    const on = settled(
      unitSpec('db'),
      unitSpec('api', { ...OFF, requires: ['db'] }),
      unitSpec('web', { partOf: ['api'] }),
    );
    operate(on, 'db', 'stop');
    assert.equal(standing(on, 'web'), 'running');
  });
});

describe('converge: a unit that goes down because another is not up', () => {
  const sets: readonly (readonly [string, ...UnitSpec[]])[] = [
    ['a target', unitSpec('top', { type: 'target', requires: ['db'] })],
    ['a bound unit', unitSpec('top', { bindsTo: ['db'] })],
    ['further up', unitSpec('base', { bindsTo: ['db'] }), unitSpec('top', { requires: ['base'] })],
    ['on a ring', unitSpec('top', { bindsTo: ['db'], partOf: ['web'] })],
  ];
  for (const [title, ...above] of sets) {
    test(`does not take its parts with it: ${title}`, () => {
      const on = settled(unitSpec('db', ONCE), ...above, unitSpec('web', { partOf: ['top'] }));
      crash(on, 'db');
      assert.match(standing(on, 'top'), /^waiting: /);
      assert.equal(standing(on, 'web'), 'running');
      assert.equal(on.fleet.units.get('web')?.state.activation, 1);
    });
  }
  test('takes those with it that require it, also on a ring', () => {
    const on = settled(
      unitSpec('db', ONCE),
      unitSpec('a', { bindsTo: ['db'], partOf: ['c'] }),
      unitSpec('b', { requires: ['a'] }),
      unitSpec('c', { requires: ['b'] }),
    );
    crash(on, 'db');
    for (const name of ['b', 'c']) assert.match(standing(on, name), /^waiting: waiting for /);
  });
  test('hides from its parts no stop that somebody has asked for', () => {
    const on = settled(
      unitSpec('db', ONCE),
      unitSpec('disk'),
      unitSpec('top', { type: 'target', requires: ['db', 'disk'] }),
      unitSpec('all', { requires: ['top', 'disk'] }),
      unitSpec('web', { partOf: ['all'] }),
    );
    crash(on, 'db');
    operate(on, 'disk', 'stop');
    assert.equal(standing(on, 'web'), 'waiting: part of "all", because of "disk": stopped by the operator');
  });
});

describe('converge: a unit keeps its pause where others go down for want of it', () => {
  const restart = { delayMs: 5000, resetAfterMs: 60_000 };
  const sets: readonly (readonly [string, ...UnitSpec[]])[] = [
    ['that is part of what requires it', unitSpec('top', { type: 'target', requires: ['db'] })],
    ['that is part of what is bound to it', unitSpec('top', { bindsTo: ['db'] })],
    [
      'that requires what is part of what requires it',
      unitSpec('top', { type: 'target', requires: ['db'] }),
      unitSpec('disk', { partOf: ['top'] }),
    ],
  ];
  for (const [title, ...others] of sets) {
    test(title, () => {
      const isPart = others.length === 1;
      const more = isPart ? { partOf: ['top'] } : { requires: ['disk'] };
      const on = settled(unitSpec('db', { restart, ...more }), ...others);
      crash(on, 'db');
      assert.match(standing(on, 'db'), /^backoff: /);
      assert.match(standing(on, 'top'), /^waiting: waiting for "db"/);
    });
  }
});

test('converge: what has to be down for good is told to others before what only restarts', () => {
  const rest = [
    unitSpec('alpha'),
    unitSpec('late', ONCE),
    unitSpec('api', { requires: ['cache', 'db', 'late'] }),
    unitSpec('web', { partOf: ['api'], after: ['cache'] }),
  ];
  const on = settled(unitSpec('cache', { type: 'target' }), unitSpec('db'), ...rest);
  crash(on, 'late');
  operate(on, 'api', 'stop');
  operate(on, 'api', 'release');
  assert.equal(standing(on, 'api'), 'waiting: waiting for "late", which failed (exited with code 1)');
  assert.equal(standing(on, 'web'), 'running');
  world.reload(on, [unitSpec('cache'), unitSpec('db', { conflicts: ['alpha'] }), ...rest]);
  assert.match(standing(on, 'web'), /^stopping: part of "api", because of "db": conflicts with "alpha"/);
  assert.equal(standing(on, 'cache'), 'running');
});

describe('converge: units that are part of each other', () => {
  const ring = [
    unitSpec('a', { partOf: ['c'] }),
    unitSpec('b', { partOf: ['a', 'db'] }),
    unitSpec('c', { requires: ['b'] }),
  ];

  test('come back when the reason that kept them down has gone', () => {
    const on = settled(unitSpec('db'), ...ring);
    operate(on, 'db', 'stop');
    assert.equal(standing(on, 'a'), 'waiting: part of "c", because of "db": stopped by the operator');
    operate(on, 'db', 'release');
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => standing(on, name)),
      ['running', 'running', 'running'],
    );
  });
  test('come back when the way is gone along which they inherited it', () => {
    const members = [
      unitSpec('a', { partOf: ['c', 'x'] }),
      unitSpec('b', { requires: ['a'] }),
      unitSpec('c', { requires: ['b'] }),
      unitSpec('x', { ...OFF, partOf: ['y'] }),
      unitSpec('y'),
    ];
    const on = settled(...members, unitSpec('z', { wants: ['x'] }));
    operate(on, 'y', 'stop');
    assert.equal(standing(on, 'c'), 'waiting: requires "b", because of "y": stopped by the operator');
    load(on, ...members);
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => standing(on, name)),
      ['running', 'running', 'running'],
    );
  });
  test('come back when a unit on the way is no longer wanted', () => {
    const on = settled(
      unitSpec('a', { partOf: ['b'] }),
      unitSpec('b', { requires: ['a'], partOf: ['x'] }),
      unitSpec('x', { ...OFF, partOf: ['y'] }),
      unitSpec('y'),
    );
    operate(on, 'x', 'start');
    operate(on, 'y', 'stop');
    assert.equal(standing(on, 'a'), 'waiting: part of "b", because of "y": stopped by the operator');
    operate(on, 'x', 'release');
    assert.deepEqual(
      ['a', 'b'].map((name) => standing(on, name)),
      ['running', 'running'],
    );
  });
  test('come to rest when there are two such reasons', () => {
    const on = settled(unitSpec('db'), unitSpec('disk'), ...ring, unitSpec('d', { partOf: ['disk', 'a'] }));
    operate(on, 'db', 'stop');
    operate(on, 'disk', 'stop');
    operate(on, 'db', 'release');
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => standing(on, name)),
      ['running', 'running', 'running', 'waiting: part of "disk": stopped by the operator'],
    );
  });
});

describe('converge: the cost of an event', () => {
  /** Outputs of the one event that brings `name` up. */
  const outputsOf = (on: world.World, name: string): number => {
    world.tell(on, name, { type: 'spawned', run: 1, process: { pid: 1, startTicks: 1 } });
    return on.outputs.length;
  };

  test('is not that of all whom a target wants', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `u${index}`);
    const on = world.newWorld(1, world.NO_FAULTS);
    world.reload(on, [
      unitSpec('all', { type: 'target', wants: names }),
      ...names.map((name) => unitSpec(name)),
    ]);
    assert.equal(outputsOf(on, 'u0') < 10, true);
    assert.equal(outputsOf(on, 'u500') < 10, true);
  });
});

test('converge: a long chain of requirements does not end the stack', () => {
  const chain = Array.from({ length: 12_000 }, (_, index) =>
    unitSpec(`u${index}`, index === 0 ? {} : { requires: [`u${index - 1}`], enabled: false }),
  );
  const on = settled(...chain);
  operate(on, 'u11999', 'start');
  operate(on, 'u0', 'stop');
  assert.equal(
    standing(on, 'u11999'),
    'waiting: requires "u11998", because of "u0": stopped by the operator',
  );
});

describe('converge: shutdown', () => {
  test('stops in reverse order, as parallel as the order allows', () => {
    const on = settled(
      unitSpec('db'),
      unitSpec('api', { requires: ['db'] }),
      unitSpec('web', { requires: ['api'] }),
      unitSpec('log'),
    );
    const stopping = (): readonly string[] =>
      [...on.fleet.units.values()]
        .filter((unit) => unit.state.phase.at === 'stopping')
        .map((unit) => unit.spec.name);
    world.shutDown(on);
    assert.deepEqual(stopping(), ['log', 'web']);
    tellAll(on);
    assert.deepEqual(
      [...on.fleet.units.values()].map((unit) => unit.state.phase.at),
      ['stopped', 'stopped', 'stopped', 'stopped'],
    );
  });
  test('hurried, nobody waits for anybody', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requires: ['db'] }));
    world.shutDown(on);
    world.hurry(on);
    assert.deepEqual(
      on.outputs.flatMap((output) =>
        output.type === 'effect' && output.effect.type === 'signal-tree'
          ? [`${output.unit} ${output.effect.signal}`]
          : [],
      ),
      ['db SIGTERM', 'db SIGKILL', 'web SIGKILL'],
    );
  });
});

test('converge: a target falls with what it requires, and stands up with it', () => {
  const on = settled(unitSpec('db'), unitSpec('ready', { type: 'target', requires: ['db'] }));
  crash(on, 'db');
  assert.equal(
    standing(on, 'ready'),
    'waiting: waiting for "db", which exited with code 1 and is to be restarted',
  );
  world.passDeadline(on);
  tellAll(on);
  assert.equal(standing(on, 'ready'), 'running');
});

test('converge: a unit that comes up while one before it is restarted waits for that one', () => {
  const on = settled(unitSpec('b'), unitSpec('a', { ...OFF, wants: ['b'] }));
  world.command(on, 'b', 'restart');
  world.command(on, 'a', 'start');
  while (on.fleet.units.get('a')?.state.phase.at === 'stopped') assert.equal(world.tellNews(on, 0), true);
  assert.deepEqual([standing(on, 'b'), on.fleet.units.get('b')?.state.activation], ['running', 2]);
});

test('converge: a removed unit is forgotten when it is at rest, and not before', () => {
  const on = settled(unitSpec('web'));
  world.reload(on, []);
  assert.equal(standing(on, 'web'), 'stopping: its file was removed; sent SIGTERM');
  tellAll(on);
  assert.equal(standing(on, 'web'), 'unknown');
});

test('converge: with a budget it stops in between and goes on where it was', () => {
  const on = world.newWorld(1, world.NO_FAULTS);
  load(on, ...Array.from({ length: 50 }, (_, index) => unitSpec(`u${index}`)));
  on.fleet.shuttingDown = true;
  for (const name of on.fleet.units.keys()) on.fleet.dirty.add(name);
  const instant = { nowMs: 0, wallMs: 0, random: 0 };
  let turns = 1;
  while (!converge(on.fleet, instant, [], 10)) turns += 1;
  assert.equal(turns > 1, true);
  assert.equal(
    [...on.fleet.units.values()].every((unit) => unit.state.phase.at === 'stopping'),
    true,
  );
});

test('onFailure: who waits for a unit that has failed says so too when it gives up', () => {
  const on = world.newWorld(1, world.NO_FAULTS);
  on.broken.add('db');
  const first = unitSpec('first', { ...ONCE, onFailure: ['db'] });
  const second = unitSpec('second', { ...ONCE, onFailure: ['db'] });
  const db = unitSpec('db', { restart: { policy: 'no', limit: 1 } });
  load(on, db, first, second, unitSpec('web', { requires: ['db'], after: ['second'] }));
  crash(on, 'first');
  while (world.passDeadline(on)) tellAll(on);
  crash(on, 'second');
  assert.equal(
    standing(on, 'web'),
    'waiting: waiting for "db", which failed (could not be started: no such file; gave up after 1 restart)',
  );
});
