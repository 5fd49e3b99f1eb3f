import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as world from '../../property/fleet-world.ts';
import { crash, load, operate, settled, standing, tellAll } from './fleet-stage.ts';
import { command, unitSpec } from './unit-spec.ts';
import { reasonOf } from '../../../src/core/view.ts';

const OFF = { enabled: false };

function why(on: world.World, name: string): string {
  const unit = on.fleet.units.get(name);
  return unit === undefined ? 'unknown' : reasonOf(unit);
}

describe('reasonOf: running', () => {
  test('up', () => assert.equal(why(settled(unitSpec('web')), 'web'), 'up'));
  test('up again, and what happened', () => {
    const on = settled(unitSpec('web'));
    crash(on, 'web', 7);
    world.passDeadline(on);
    tellAll(on);
    assert.equal(why(on, 'web'), 'up again: exited with code 7');
  });
  test('who needs it', () => {
    const on = settled(unitSpec('db', OFF), unitSpec('web', { requires: ['db'] }));
    assert.equal(why(on, 'db'), 'required by "web"');
  });
  test('started by the operator', () => {
    const on = settled(unitSpec('web', OFF));
    operate(on, 'web', 'start');
    assert.equal(why(on, 'web'), 'started by the operator');
  });
  test('a target', () => {
    assert.equal(why(settled(unitSpec('all', { type: 'target' })), 'all'), 'all it requires is up');
  });
  test('to be stopped, and what for', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requires: ['db'] }));
    world.command(on, 'db', 'stop');
    assert.equal(why(on, 'db'), 'to be stopped: stopped by the operator');
  });
});

describe('reasonOf: not up', () => {
  test('not enabled', () => {
    assert.equal(standing(settled(unitSpec('web', OFF)), 'web'), 'stopped: not enabled');
  });
  test('backing off, and from what', () => {
    const on = settled(unitSpec('web'));
    crash(on, 'web', 7);
    assert.equal(standing(on, 'web'), 'backoff: exited with code 7; attempt 2 is due');
  });
  test('waiting for one that is starting', () => {
    const on = world.newWorld(1, world.NO_FAULTS);
    world.reload(on, [unitSpec('db'), unitSpec('web', { requires: ['db'] })]);
    assert.equal(standing(on, 'web'), 'waiting: waiting for "db", which is starting');
  });
  test('waiting for one that is about to be restarted', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { ...OFF, requires: ['db'] }));
    crash(on, 'db', 7);
    load(on, unitSpec('db'), unitSpec('web', { requires: ['db'] }));
    assert.equal(
      standing(on, 'web'),
      'waiting: waiting for "db", which exited with code 7 and is to be restarted',
    );
  });
  test('waiting for one that has ended', () => {
    const once = { restart: { policy: 'no' } } as const;
    const on = settled(unitSpec('db', once), unitSpec('web', { requires: ['db'] }));
    crash(on, 'db', 0);
    crash(on, 'web');
    world.passDeadline(on);
    assert.equal(standing(on, 'web'), 'waiting: waiting for "db", which has ended');
  });
  test('far from where the reason lies, both are named', () => {
    const on = settled(
      unitSpec('disk'),
      unitSpec('db', { requires: ['disk'] }),
      unitSpec('api', { requires: ['db'] }),
      unitSpec('web', { requires: ['api'] }),
    );
    operate(on, 'disk', 'stop');
    assert.equal(standing(on, 'web'), 'waiting: requires "api", because of "disk": stopped by the operator');
  });
});

describe('reasonOf: on the way', () => {
  test('the command that runs', () => {
    const on = world.newWorld(1, world.NO_FAULTS);
    world.reload(on, [unitSpec('web', { startPre: [command('/bin/a')] })]);
    assert.equal(standing(on, 'web'), 'starting: running startPre[0]');
  });
  test('the signal that was sent, and why', () => {
    const on = settled(unitSpec('web'));
    world.command(on, 'web', 'stop');
    assert.equal(standing(on, 'web'), 'stopping: stopped by the operator; sent SIGTERM');
  });
  test('that no signal was sent', () => {
    const on = settled(unitSpec('web', { stop: { killMode: 'none' } }));
    world.command(on, 'web', 'stop');
    assert.equal(standing(on, 'web'), 'stopping: stopped by the operator; waiting for it to end');
  });
  test('that nobody was there to send it to, while it is looked who is left', () => {
    const on = settled(unitSpec('web', { stop: { killMode: 'mixed' } }));
    world.endMain(on, 'web', { code: 7, signal: null, coreDumped: false });
    world.tellNews(on, 0);
    assert.equal(standing(on, 'web'), 'stopping: exited with code 7; waiting for it to end');
  });
  test('a restart', () => {
    const on = settled(unitSpec('db'), unitSpec('web', { requires: ['db'] }));
    world.command(on, 'db', 'restart');
    assert.equal(standing(on, 'web'), 'stopping: requires "db", which restarts; sent SIGTERM');
  });
});
