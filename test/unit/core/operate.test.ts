import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as world from '../../property/fleet-world.ts';
import { isHeld } from '../../../src/core/fleet.ts';
import type { UnitSpec } from '../../../src/model/unit.ts';
import { crash, load, operate, settled, standing, tellAll } from './fleet-stage.ts';
import { command, unitSpec } from './unit-spec.ts';

const OFF = { enabled: false };
const ONCE = { restart: { policy: 'no' } } as const;

function held(on: world.World, name: string): boolean {
  const unit = on.fleet.units.get(name);
  return unit !== undefined && isHeld(on.fleet, unit);
}

describe('operate: start', () => {
  const slow = unitSpec('slow', { stopPost: [command('/bin/tidy')], restart: { delayMs: 30_000 } });
  /** It has crashed, and its stopPost runs. */
  const tidying = (...others: readonly UnitSpec[]): world.World => {
    const on = settled(slow, ...others);
    on.faults = { ...world.NO_FAULTS, hangs: 1 };
    crash(on, 'slow');
    assert.match(standing(on, 'slow'), /^stopping: /);
    return on;
  };
  const endTidying = (on: world.World): void => {
    world.crash(on, 0);
    tellAll(on);
  };

  test('of one that is being tidied up after its end takes no pause', () => {
    const on = tidying();
    world.command(on, 'slow', 'start');
    endTidying(on);
    assert.equal(standing(on, 'slow'), 'running');
  });
  test('reset of one that is being tidied up after its end ends its pause before it begins', () => {
    const on = tidying();
    world.command(on, 'slow', 'reset');
    endTidying(on);
    assert.equal(standing(on, 'slow'), 'running');
  });
  test('of one that requires what is in backoff, or about to be, has that tried at once', () => {
    const on = tidying(unitSpec('web', { ...OFF, requires: ['slow'] }));
    world.command(on, 'web', 'start');
    endTidying(on);
    assert.equal(standing(on, 'web'), 'running');
    operate(on, 'web', 'stop');
    crash(on, 'slow');
    endTidying(on);
    assert.match(standing(on, 'slow'), /^backoff: /);
    operate(on, 'web', 'start');
    assert.equal(standing(on, 'web'), 'running');
  });
});

describe('operate: stop', () => {
  test('holds a unit down that its file wants up', () => {
    const on = settled(unitSpec('web'));
    operate(on, 'web', 'stop');
    assert.deepEqual([standing(on, 'web'), held(on, 'web')], ['stopped: stopped by the operator', true]);
  });
  for (const field of ['requires', 'wants', 'bindsTo', 'upholds'] as const) {
    test(`of a unit that only another brings up, by ${field}, is a hold as long as that is wanted up`, () => {
      const on = settled(unitSpec('db', OFF), unitSpec('web', { [field]: ['db'] }));
      assert.equal(standing(on, 'db'), 'running');
      operate(on, 'db', 'stop');
      assert.deepEqual([standing(on, 'db'), held(on, 'db')], ['stopped: stopped by the operator', true]);
      operate(on, 'web', 'stop');
      assert.equal(held(on, 'db'), false);
    });
  }
  for (const field of ['requisite', 'partOf'] as const) {
    test(`of a unit that its file does not want is a hold where it keeps another down, by ${field}`, () => {
      const on = settled(unitSpec('db', OFF), unitSpec('web', { ...OFF, [field]: ['db'] }));
      operate(on, 'db', 'start');
      operate(on, 'web', 'start');
      operate(on, 'db', 'stop');
      assert.match(standing(on, 'web'), /^waiting: .* "db": stopped by the operator$/);
      assert.equal(held(on, 'db'), true);
      operate(on, 'web', 'stop');
      assert.equal(held(on, 'db'), false);
    });
  }
  test('holds against a unit that needs it', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requires: ['db'] }));
    operate(on, 'db', 'stop');
    operate(on, 'web', 'start');
    assert.equal(standing(on, 'db'), 'stopped: stopped by the operator');
    assert.equal(standing(on, 'web'), 'waiting: requires "db": stopped by the operator');
  });
  test('ends a backoff', () => {
    const on = settled(unitSpec('web'));
    crash(on, 'web');
    operate(on, 'web', 'stop');
    assert.equal(standing(on, 'web'), 'stopped: stopped by the operator');
  });
  test('makes a failed unit plain stopped', () => {
    const on = settled(unitSpec('web', ONCE));
    crash(on, 'web');
    operate(on, 'web', 'stop');
    assert.equal(standing(on, 'web'), 'stopped: stopped by the operator');
  });
  test('of a unit that its file does not want is no hold', () => {
    const on = settled(unitSpec('web', OFF));
    operate(on, 'web', 'start');
    operate(on, 'web', 'stop');
    assert.equal(held(on, 'web'), false);
  });
  test('also ends what another unit had brought up: released, it does not come back by itself', () => {
    const on = settled(unitSpec('web', { ...ONCE, onFailure: ['alert'] }), unitSpec('alert', OFF));
    crash(on, 'web');
    assert.equal(standing(on, 'alert'), 'running');
    operate(on, 'alert', 'stop');
    operate(on, 'alert', 'release');
    assert.equal(standing(on, 'alert'), 'stopped: not enabled');
  });
  test('again is safe', () => {
    const on = settled(unitSpec('web'));
    operate(on, 'web', 'stop');
    operate(on, 'web', 'stop');
    assert.equal(standing(on, 'web'), 'stopped: stopped by the operator');
  });
});

describe('operate: start', () => {
  test('brings up a unit that its file does not want, and holds it up', () => {
    const on = settled(unitSpec('web', OFF));
    operate(on, 'web', 'start');
    assert.deepEqual([standing(on, 'web'), held(on, 'web')], ['running', true]);
    assert.deepEqual(load(on, unitSpec('web', { ...OFF, description: 'new' })), [
      'update web: description changed',
    ]);
    assert.equal(standing(on, 'web'), 'running');
  });
  test('leaves a unit that is up alone', () => {
    const on = settled(unitSpec('web'));
    operate(on, 'web', 'start');
    assert.equal(on.fleet.units.get('web')?.state.activation, 1);
  });
  test('ends a hold', () => {
    const on = settled(unitSpec('web'));
    operate(on, 'web', 'stop');
    operate(on, 'web', 'start');
    assert.deepEqual([standing(on, 'web'), held(on, 'web')], ['running', false]);
  });
  test('does not wait for a backoff', () => {
    const on = settled(unitSpec('web'));
    crash(on, 'web');
    operate(on, 'web', 'start');
    assert.equal(standing(on, 'web'), 'running');
  });
  test('tries what it needs and has failed, however far up', () => {
    const on = world.newWorld(1, world.NO_FAULTS);
    on.broken.add('disk');
    load(
      on,
      unitSpec('disk', ONCE),
      unitSpec('db', { requires: ['disk'] }),
      unitSpec('web', { requires: ['db'] }),
    );
    assert.equal(standing(on, 'disk'), 'failed: could not be started: no such file');
    on.broken.delete('disk');
    operate(on, 'web', 'start');
    assert.deepEqual(
      ['disk', 'db', 'web'].map((name) => standing(on, name)),
      ['running', 'running', 'running'],
    );
  });
  for (const field of ['requires', 'wants', 'bindsTo'] as const) {
    test(`runs again what it ${field} and has ended cleanly, however far up; so does restart`, () => {
      const on = settled(
        unitSpec('disk', { ...OFF, ...ONCE }),
        unitSpec('db', { ...OFF, [field]: ['disk'] }),
        unitSpec('web', { ...OFF, [field]: ['db'] }),
      );
      const all = (): readonly string[] => ['disk', 'db', 'web'].map((name) => standing(on, name));
      operate(on, 'web', 'start');
      for (const verb of ['start', 'restart'] as const) {
        crash(on, 'disk', 0);
        assert.equal(standing(on, 'disk'), 'completed: exited with code 0');
        operate(on, 'web', verb);
        assert.deepEqual(all(), ['running', 'running', 'running']);
      }
      operate(on, 'web', 'stop');
      crash(on, 'disk', 0);
      operate(on, 'web', 'start');
      assert.deepEqual(all(), ['running', 'running', 'running']);
    });
  }
  test('runs again what a target requires and has ended cleanly', () => {
    const on = settled(unitSpec('db', ONCE), unitSpec('all', { type: 'target', requires: ['db'] }));
    crash(on, 'db', 0);
    assert.equal(standing(on, 'all'), 'waiting: waiting for "db", which has ended');
    operate(on, 'all', 'start');
    assert.equal(standing(on, 'all'), 'running');
  });
  test('leaves a completed oneshot that it requires alone', () => {
    const on = settled(unitSpec('setup', { type: 'oneshot' }), unitSpec('web', { requires: ['setup'] }));
    crash(on, 'setup', 0);
    operate(on, 'web', 'restart');
    assert.equal(standing(on, 'web'), 'running');
    assert.equal(on.fleet.units.get('setup')?.state.activation, 1);
  });
  test('leaves the stop of a oneshot that a reload makes a service to its turn', () => {
    const setup = unitSpec('setup', { type: 'oneshot' });
    const web = unitSpec('web', { requires: ['setup'] });
    const on = settled(setup, web);
    world.reload(on, [unitSpec('setup'), web]);
    world.command(on, 'web', 'start');
    assert.match(standing(on, 'setup'), /^completed: /);
    tellAll(on);
    assert.deepEqual([standing(on, 'setup'), standing(on, 'web')], ['running', 'running']);
  });
  test('runs a service that ended cleanly again', () => {
    const on = settled(unitSpec('web', ONCE));
    crash(on, 'web', 0);
    operate(on, 'web', 'start');
    assert.equal(standing(on, 'web'), 'running');
  });
  test('of a completed oneshot does nothing: it is up', () => {
    const on = settled(unitSpec('migrate', { type: 'oneshot' }));
    operate(on, 'migrate', 'start');
    assert.equal(on.fleet.units.get('migrate')?.state.activation, 1);
  });
  test('of two that conflict, the later word wins and the loser comes back when the winner stops', () => {
    const on = settled(unitSpec('blue'), unitSpec('green', { ...OFF, conflicts: ['blue'] }));
    operate(on, 'green', 'start');
    assert.deepEqual(
      [standing(on, 'blue'), standing(on, 'green')],
      ['waiting: conflicts with "green"', 'running'],
    );
    operate(on, 'green', 'stop');
    assert.equal(standing(on, 'blue'), 'running');
  });
  test('of two that conflict, a start takes the word for the other back', () => {
    const on = settled(unitSpec('blue', OFF), unitSpec('green', { ...OFF, conflicts: ['blue'] }));
    operate(on, 'green', 'start');
    operate(on, 'blue', 'start');
    assert.deepEqual([standing(on, 'blue'), standing(on, 'green')], ['running', 'stopped: not enabled']);
  });
  for (const enabled of [true, false]) {
    for (const field of ['requires', 'bindsTo'] as const) {
      test(`has what the unit ${field} win a conflict too, however far up; enabled: ${enabled}`, () => {
        const on = settled(
          unitSpec('blue'),
          unitSpec('api', { enabled, [field]: ['blue'] }),
          unitSpec('web', { enabled, [field]: ['api'] }),
          unitSpec('green', { ...OFF, conflicts: ['blue'] }),
        );
        const stands = (): readonly string[] => ['blue', 'api', 'web'].map((name) => standing(on, name));
        operate(on, 'green', 'start');
        assert.equal(standing(on, 'blue'), 'waiting: conflicts with "green"');
        operate(on, 'web', 'start');
        assert.deepEqual(stands(), ['running', 'running', 'running']);
        assert.equal(standing(on, 'green'), 'stopped: not enabled');
        operate(on, 'green', 'start');
        assert.match(standing(on, 'blue'), /^waiting: conflicts with "green"/);
      });
    }
  }
  test('has nothing win that the operator has stopped', () => {
    const on = settled(
      unitSpec('blue'),
      unitSpec('web', { requires: ['blue'] }),
      unitSpec('green', { ...OFF, conflicts: ['blue'] }),
    );
    operate(on, 'blue', 'stop');
    operate(on, 'green', 'start');
    operate(on, 'web', 'start');
    assert.deepEqual(
      [standing(on, 'web'), standing(on, 'green')],
      ['waiting: requires "blue": stopped by the operator', 'running'],
    );
  });
  test('a unit that pulls in what it conflicts with does not: it waits', () => {
    const on = settled(unitSpec('db', OFF), unitSpec('web', { ...OFF, requires: ['db'], conflicts: ['db'] }));
    operate(on, 'web', 'start');
    assert.equal(standing(on, 'web'), 'waiting: waiting for "db", which is down (not enabled)');
  });
});

describe('operate: restart', () => {
  test('takes down, with what requires it, and brings back in order', () => {
    const on = settled(
      unitSpec('db'),
      unitSpec('web', { requires: ['db'] }),
      unitSpec('log', { after: ['db'] }),
    );
    world.command(on, 'db', 'restart');
    assert.deepEqual(
      ['db', 'web', 'log'].map((name) => on.fleet.units.get(name)?.state.phase.at),
      ['running', 'stopping', 'running'],
    );
    tellAll(on);
    assert.deepEqual(
      ['db', 'web', 'log'].map((name) => on.fleet.units.get(name)?.state.activation),
      [2, 2, 1],
    );
    assert.deepEqual(
      ['db', 'web', 'log'].map((name) => standing(on, name)),
      ['running', 'running', 'running'],
    );
  });
  test('starts what is not up', () => {
    const on = settled(unitSpec('web', OFF));
    operate(on, 'web', 'restart');
    assert.equal(standing(on, 'web'), 'running');
  });
  test('runs a completed oneshot again, after its stop', () => {
    const on = settled(unitSpec('migrate', { type: 'oneshot', stop: { command: command('/bin/undo') } }));
    operate(on, 'migrate', 'restart');
    assert.equal(on.fleet.units.get('migrate')?.state.activation, 2);
    assert.equal(on.fleet.units.get('migrate')?.state.runs, 3);
  });
  test('is no restart of the policy: the count stays', () => {
    const on = settled(unitSpec('web'));
    operate(on, 'web', 'restart');
    assert.equal(on.fleet.units.get('web')?.state.tally.restarts, 0);
  });
});

describe('operate: release and reset', () => {
  test('release lets the file decide again', () => {
    const on = settled(unitSpec('web'), unitSpec('job', OFF));
    operate(on, 'web', 'stop');
    operate(on, 'job', 'start');
    operate(on, 'web', 'release');
    operate(on, 'job', 'release');
    assert.deepEqual([standing(on, 'web'), standing(on, 'job')], ['running', 'stopped: not enabled']);
  });
  test('release is told also of a unit that stays as it is', () => {
    const failing = { ...OFF, ...ONCE };
    const on = settled(unitSpec('page', failing), unitSpec('web', { ...failing, onFailure: ['page'] }));
    operate(on, 'page', 'start');
    crash(on, 'page');
    operate(on, 'web', 'start');
    crash(on, 'web');
    assert.match(standing(on, 'page'), /^backoff: /);
    world.command(on, 'page', 'release');
    assert.equal(held(on, 'page'), false);
    assert.deepEqual(on.outputs, [{ type: 'touched', unit: 'page' }]);
  });
  test('reset tries a failed unit at once and forgets its attempts', () => {
    const on = settled(unitSpec('web', { restart: { limit: 1 } }));
    crash(on, 'web');
    world.passDeadline(on);
    tellAll(on);
    crash(on, 'web');
    assert.equal(standing(on, 'web'), 'failed: exited with code 1; gave up after 1 restart (attempt 2)');
    operate(on, 'web', 'reset');
    assert.equal(standing(on, 'web'), 'running');
    assert.equal(on.fleet.units.get('web')?.state.tally.attempt, 0);
  });
  test('reset counts the restarts from 0 again, also of a unit that runs; start does not', () => {
    const restarts = (on: world.World): number | undefined => on.fleet.units.get('web')?.state.tally.restarts;
    const on = settled(unitSpec('web'));
    crash(on, 'web');
    world.passDeadline(on);
    tellAll(on);
    operate(on, 'web', 'start');
    assert.deepEqual([standing(on, 'web'), restarts(on)], ['running', 1]);
    operate(on, 'web', 'reset');
    assert.equal(restarts(on), 0);
    crash(on, 'web');
    assert.equal(restarts(on), 1);
  });
  test('reset of a unit that is held down does not start it', () => {
    const on = settled(unitSpec('web'));
    operate(on, 'web', 'stop');
    operate(on, 'web', 'reset');
    assert.equal(standing(on, 'web'), 'stopped: stopped by the operator');
  });
});

test('operate: a unit that nobody knows is passed over', () => {
  const on = settled(unitSpec('web'));
  operate(on, 'nobody', 'start');
  assert.deepEqual([...on.fleet.units.keys()], ['web']);
});
