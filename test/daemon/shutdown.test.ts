// The way down of all units, over the rig: who is waited for, and when it is over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Shutdown } from '../../src/daemon/shutdown.ts';
import { command, unitSpec } from '../unit/core/unit-spec.ts';
import { createRig } from './rig.ts';
import type { Rig } from './rig.ts';

const STUBBORN = unitSpec('web', { command: command('/bin/stubborn'), stop: { timeoutMs: null } });

function createScene(): Rig & { readonly shutdown: Shutdown } {
  const rig = createRig({ onSettled: () => shutdown.settled() });
  const shutdown: Shutdown = new Shutdown(rig.supervisor);
  rig.processes.define('/bin/stubborn', { ignores: ['SIGTERM'] });
  return { ...rig, shutdown };
}

test('Shutdown begin(): with nothing to stop it resolves', async () => {
  await createScene().shutdown.begin();
});

test('Shutdown begin(): resolves once all are down, and not before', async () => {
  const { shutdown, processes, load, rest, look, main } = createScene();
  load(STUBBORN, unitSpec('db'));
  await rest();
  let isOver = false;
  const down = shutdown.begin().then(() => (isOver = true));
  await rest();
  assert.deepEqual([look('db').state, look('web').state, isOver], ['stopped', 'stopping', false]);
  processes.exit(main('web'), { code: 0, signal: null, coreDumped: false });
  await down;
  assert.equal(processes.livingCount, 0);
});

test('Shutdown hurry(): nobody is waited for, though a unit would take for ever', async () => {
  const { shutdown, processes, load, rest, look } = createScene();
  load(STUBBORN);
  await rest();
  const down = shutdown.begin();
  await rest();
  assert.equal(look('web').state, 'stopping');
  shutdown.hurry();
  await down;
  assert.equal(processes.livingCount, 0);
});

test('Shutdown hurry(): said before begin() it counts too, and restarts nothing', async () => {
  const { shutdown, processes, load, rest, look, spawns } = createScene();
  load(STUBBORN);
  await rest();
  shutdown.hurry();
  await rest();
  assert.deepEqual([look('web').state, shutdown.isBegun], ['running', false]);
  await shutdown.begin();
  assert.deepEqual([processes.livingCount, spawns('web'), shutdown.isBegun], [0, 1, true]);
});
