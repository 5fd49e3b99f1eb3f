// An operator's signal: whom it reaches, and why it reaches nobody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Refusal } from '../../src/daemon/control.ts';
import { signalUnit } from '../../src/daemon/signal-unit.ts';
import type { UnitRequest } from '../../src/wire/v1.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';
import { createRig } from './rig.ts';
import type { Rig } from './rig.ts';

function signalled(rig: Rig, request: UnitRequest, processes = rig.processes): Refusal | null {
  const unit = rig.supervisor.fleet.units.get('web') ?? assert.fail();
  return signalUnit(unit, request, rig.effects, processes);
}

async function running(type: 'service' | 'target' = 'service'): Promise<Rig> {
  const rig = createRig();
  rig.processes.define('/bin/main', { ignores: ['SIGTERM', 'SIGUSR1'] });
  rig.load(unitSpec('web', type === 'target' ? { type, command: null } : {}));
  await rig.rest();
  assert.equal(rig.look('web').state, 'running');
  return rig;
}

for (const [request, signal] of [
  [{}, 'SIGTERM'],
  [{ signal: 'USR1' }, 'SIGUSR1'],
  [{ signal: 'USR1', whom: 'all' }, 'SIGUSR1'],
] as const) {
  test(`signalUnit: ${JSON.stringify(request)} reaches the main process as ${signal}`, async () => {
    const rig = await running();
    assert.equal(signalled(rig, request), null);
    const reached = rig.processes.signals.map((sent) => [sent.process.pid, sent.signal]);
    assert.deepEqual(reached, [[rig.main('web').pid, signal]]);
  });
}

test('signalUnit: what is no signal is refused before anybody is looked at', async () => {
  const { error } = signalled(await running('target'), { signal: 'NOPE' }) ?? assert.fail();
  assert.equal(error.status, 400);
  assert.equal(
    error.detail,
    'cannot signal unit "web": "NOPE" is no signal, expected a name or number such as HUP, SIGUSR1 or 9',
  );
});

test('signalUnit: a target is refused as one, running or not', async () => {
  for (const whom of ['main', 'all'] as const) {
    const { error } = signalled(await running('target'), { whom }) ?? assert.fail();
    assert.equal(error.status, 409);
    assert.equal(
      error.detail,
      'cannot signal unit "web": it is a target, which runs no process, expected a unit that runs one',
    );
  }
});

test('signalUnit: a unit without a process is refused with its state', async () => {
  const rig = await running();
  rig.operate('web', 'stop');
  await rig.rest();
  rig.clock.advance(10_000);
  await rig.rest();
  for (const [whom, lacking] of [
    ['main', 'main process'],
    ['all', 'process'],
  ] as const) {
    const { error } = signalled(rig, { whom }) ?? assert.fail();
    assert.equal(error.status, 409);
    assert.equal(
      error.detail,
      `cannot signal unit "web": it has no ${lacking} (its state is stopped), expected a running one`,
    );
  }
});

test('signalUnit: what the system forbids is refused as that', async () => {
  const rig = await running();
  const forbidding = { ...rig.processes, signal: () => 'denied' as const, signalTree: () => 0 };
  const main = signalled(rig, {}, forbidding);
  assert.deepEqual(
    [main?.error.status, main?.error.detail],
    [403, 'cannot signal unit "web": not permitted'],
  );
  const all = signalled(rig, { whom: 'all' }, forbidding);
  assert.deepEqual(
    [all?.error.status, all?.error.detail],
    [403, 'cannot signal unit "web": none of its processes could be sent it'],
  );
});

test('signalUnit: a signal that no process has had is not told as sent', async () => {
  const rig = await running();
  const { pid } = rig.main('web');
  for (const [result, why] of [
    ['gone', 'its main process has just ended, expected a running one'],
    ['unknown', `/proc does not show its main process, pid ${pid}, expected it to`],
  ] as const) {
    const refusal = signalled(rig, {}, { ...rig.processes, signal: () => result });
    assert.deepEqual(
      [refusal?.error.status, refusal?.error.detail],
      [409, `cannot signal unit "web": ${why}`],
    );
  }
});
