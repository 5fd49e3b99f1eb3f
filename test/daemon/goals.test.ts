// What release and reset wait for, which ask for neither up nor down themselves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MovedUnit } from '../../src/wire/v1.ts';
import { FAILURE, SUCCESS } from './rig.ts';
import { createControlRig } from './control-rig.ts';

const WEB = 'command: /bin/web\n';

test('release: of a unit that the file wants up answers once it is, of another once it is down', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/spare', { ignores: ['SIGTERM'] });
  rig.write('job', 'type: oneshot\ncommand: /bin/job\n');
  rig.write('spare', 'command: /bin/spare\nenabled: false\n');
  await rig.boot();
  rig.exit('job', SUCCESS);
  await rig.rest();
  await rig.ask('job', 'stop').rows();
  await rig.ask('spare', 'start').rows();

  const job = rig.ask('job', 'release');
  await job.taken();
  assert.deepEqual([job.isAnswered(), rig.look('job').state], [false, 'starting']);
  rig.exit('job', SUCCESS);
  assert.deepEqual(outcomeIn(await job.rows()), ['done', 'completed']);

  const spare = rig.ask('spare', 'release');
  await spare.taken();
  assert.deepEqual([spare.isAnswered(), rig.look('spare').state], [false, 'stopping']);
  rig.clock.advance(10_000);
  assert.deepEqual(outcomeIn(await spare.rows()), ['done', 'stopped']);
});

test('release: of what fails, or waits for what is held, has failed', async (t) => {
  const rig = createControlRig(t);
  rig.write('job', 'type: oneshot\ncommand: /bin/job\n');
  rig.write('db', 'command: /bin/db\n');
  rig.write('web', `requires: [db]\n${WEB}`);
  await rig.boot();
  for (const name of ['job', 'web', 'db']) await rig.ask(name, 'stop').rows();
  const job = rig.ask('job', 'release');
  await job.taken();
  rig.exit('job', FAILURE);
  assert.deepEqual(outcomeIn(await job.rows()), ['failed', 'failed']);
  assert.deepEqual(outcomeIn(await rig.ask('web', 'release').rows()), ['failed', 'waiting']);
});

test('release, reset: where nothing moves the answer comes at once', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  rig.write('spare', 'command: /bin/spare\nenabled: false\n');
  rig.write('broken', 'type: oneshot\ncommand: /bin/broken\nenabled: false\n');
  await rig.boot();
  const broken = rig.ask('broken', 'start');
  await broken.taken();
  rig.exit('broken', FAILURE);
  await broken.rows();
  await rig.ask('spare', 'stop').rows();
  assert.deepEqual(outcomeIn(await rig.ask('web', 'release').rows()), ['unchanged', 'running']);
  assert.deepEqual(outcomeIn(await rig.ask('spare', 'release').rows()), ['done', 'stopped']);
  assert.deepEqual(outcomeIn(await rig.ask('broken', 'release').rows()), ['done', 'failed']);
  assert.deepEqual(outcomeIn(await rig.ask('broken', 'reset').rows()), ['done', 'stopped']);
  assert.deepEqual(outcomeIn(await rig.ask('broken', 'reset').rows()), ['unchanged', 'stopped']);
  assert.deepEqual(outcomeIn(await rig.ask('web', 'reset').rows()), ['unchanged', 'running']);
  rig.exit('web', FAILURE);
  await rig.rest();
  assert.deepEqual(outcomeIn(await rig.ask('web', 'reset').rows()), ['done', 'running']);
});

test('reset: a unit that is tried again answers once that has ended, well or not', async (t) => {
  const rig = createControlRig(t);
  rig.write('job', 'type: oneshot\ncommand: /bin/job\n');
  await rig.boot();
  rig.exit('job', FAILURE);
  await rig.rest();
  for (const [end, outcome] of [
    [FAILURE, ['failed', 'failed']],
    [SUCCESS, ['done', 'completed']],
  ] as const) {
    const reset = rig.ask('job', 'reset');
    await reset.taken();
    assert.equal(reset.isAnswered(), false);
    rig.exit('job', end);
    assert.deepEqual(outcomeIn(await reset.rows()), outcome);
  }
});

function outcomeIn([row]: readonly MovedUnit[]): readonly unknown[] {
  return [row?.outcome, row?.state];
}
