// Since when a unit is in its state, as its status says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amend, newUnit, regraph } from '../../src/core/fleet.ts';
import { command, unitSpec } from '../unit/core/unit-spec.ts';
import { FAILURE, SUCCESS, createRig } from './rig.ts';
import type { Rig } from './rig.ts';

/** Milliseconds since then, and the state. */
function stand(rig: Rig, name: string): readonly [string, number] {
  const unit = rig.supervisor.fleet.units.get(name);
  assert.ok(unit?.sinceWall);
  return [rig.look(name).state, rig.clock.wallMs() - unit.sinceWall];
}

async function pass(rig: Rig, ms: number): Promise<void> {
  rig.clock.advance(ms);
  await rig.rest();
}

test('sinceWall: a stop under way, and the rest after it, count from their own beginning', async () => {
  const rig = createRig();
  rig.processes.define('/bin/slow', { ignores: ['SIGTERM'] });
  rig.load(unitSpec('web', { command: command('/bin/slow'), stop: { timeoutMs: 5_000 } }));
  await rig.rest();
  await pass(rig, 60_000);
  assert.deepEqual(stand(rig, 'web'), ['running', 60_000]);
  rig.operate('web', 'stop');
  await rig.rest();
  await pass(rig, 2_000);
  assert.deepEqual(stand(rig, 'web'), ['stopping', 2_000]);
  await pass(rig, 3_000);
  await pass(rig, 1_000);
  assert.deepEqual(stand(rig, 'web'), ['stopped', 1_000]);
});

test('sinceWall: what never came up counts from its stop, not from the end of an earlier run', async () => {
  const rig = createRig();
  rig.load(unitSpec('job', { type: 'oneshot', restart: { policy: 'on-failure' } }));
  await rig.rest();
  rig.exit('job', FAILURE);
  await rig.rest();
  await pass(rig, 1_000);
  await pass(rig, 10_000);
  assert.deepEqual(stand(rig, 'job'), ['starting', 10_000]);
  rig.operate('job', 'stop');
  await rig.rest();
  await pass(rig, 300);
  assert.deepEqual(stand(rig, 'job'), ['stopped', 300]);
});

test('sinceWall: a wait counts from its beginning, whatever the unit was before', async () => {
  const rig = createRig();
  rig.load(unitSpec('migrate', { type: 'oneshot' }), unitSpec('web', { requires: ['migrate'] }));
  await rig.rest();
  rig.exit('migrate', SUCCESS);
  await pass(rig, 20_000);
  rig.operate('migrate', 'restart');
  await rig.rest();
  await pass(rig, 400);
  assert.deepEqual(stand(rig, 'migrate'), ['starting', 400]);
  assert.deepEqual(stand(rig, 'web'), ['waiting', 400]);
});

test('sinceWall: a target that is started anew counts anew, though it looks the same', async () => {
  const rig = createRig();
  rig.load(unitSpec('all', { type: 'target', command: null }));
  await rig.rest();
  await pass(rig, 5_000);
  const told = rig.told.length;
  rig.operate('all', 'restart');
  await rig.rest();
  await pass(rig, 100);
  assert.deepEqual(stand(rig, 'all'), ['running', 100]);
  assert.equal(rig.told.length, told);
});

test('sinceWall: what is stopped and is wanted again counts from then', async () => {
  const rig = createRig();
  rig.load(
    unitSpec('db', { enabled: false, type: 'oneshot' }),
    unitSpec('web', { requires: ['db'], enabled: false }),
  );
  await rig.rest();
  await pass(rig, 9_000);
  assert.deepEqual(stand(rig, 'web'), ['stopped', 9_000]);
  rig.operate('web', 'start');
  await rig.rest();
  await pass(rig, 200);
  assert.deepEqual(stand(rig, 'web'), ['waiting', 200]);
});

test('sinceWall: a unit that another daemon left counts from what that one knew', async () => {
  const left = createRig();
  left.load(unitSpec('gate', { type: 'oneshot' }), unitSpec('web', { requires: ['gate'] }));
  await left.rest();
  await pass(left, 4_000);
  const rig = createRig();
  rig.supervisor.change((fleet) => {
    for (const [name, unit] of left.supervisor.fleet.units) {
      fleet.units.set(name, newUnit(unit.spec));
      amend(fleet, name, { state: unit.state, sinceWall: unit.sinceWall });
    }
    regraph(fleet);
  });
  await rig.rest();
  for (const name of ['gate', 'web']) {
    const [now, then] = [rig, left].map(({ supervisor }) => supervisor.fleet.units.get(name)?.sinceWall);
    assert.notEqual(now, null);
    assert.equal(now, then, name);
  }
});
