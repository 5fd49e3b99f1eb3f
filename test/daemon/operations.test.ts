// What an operation answers: each outcome of each goal, when it comes, and when it stops waiting.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { operate } from '../../src/core/operate.ts';
import type { UnitSet } from '../../src/daemon/unit-set.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';
import { createRig, FAILURE, SUCCESS } from './rig.ts';
import type { Rig } from './rig.ts';
import { createControlRig, refusalOf, valueOf } from './control-rig.ts';
import type { Asked, ControlRig } from './control-rig.ts';

const WEB = 'command: /bin/web\n';

test('start: done with the new state; unchanged when it is up already', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', `enabled: false\n${WEB}`);
  await rig.boot();
  assert.equal(rig.look('web').state, 'stopped');

  assert.deepEqual(await rig.ask('web', 'start').rows(), [
    { name: 'web', state: 'running', ready: true, outcome: 'done', reason: 'started by the operator' },
  ]);
  const [again] = await rig.ask('web', 'start').rows();
  assert.equal(again?.outcome, 'unchanged');
  assert.equal(rig.spawns('web'), 1);
});

test('start, reload: what is begun at the word itself is told too', async (t) => {
  const rig = createControlRig(t);
  const slow = 'enabled: false\ncommand: /bin/web\nstartPre: [/bin/first, /bin/second]\n';
  rig.write('web', slow);
  await rig.boot();
  const start = rig.ask('web', 'start');
  await start.taken();
  assert.deepEqual(start.told, ['web starting: running startPre[0]']);
  rig.write('new', slow.replace('enabled: false', ''));
  const reload = rig.reload();
  await reload.taken();
  assert.deepEqual(reload.told, ['new starting: running startPre[0]']);
});

test('stop: done only when every process has gone; unchanged when it is stopped already', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/web', { ignores: ['SIGTERM'] });
  rig.write('web', WEB);
  await rig.boot();
  const stop = rig.ask('web', 'stop');
  await stop.taken();
  assert.equal(stop.isAnswered(), false);
  rig.clock.advance(10_000);
  const [row] = await stop.rows();
  assert.equal(row?.outcome, 'done');
  assert.equal(row.state, 'stopped');
  assert.equal(rig.processes.livingCount, 0);

  const [again] = await rig.ask('web', 'stop').rows();
  assert.equal(again?.outcome, 'unchanged');
});

for (const verb of ['start', 'release', 'restart'] as const) {
  test(`stop: fails when a ${verb} wants the unit up again before it is down, and says so`, async (t) => {
    const rig = createControlRig(t);
    rig.processes.define('/bin/web', { ignores: ['SIGTERM'] });
    rig.write('web', WEB);
    await rig.boot();
    const stop = rig.ask('web', 'stop');
    await stop.taken();
    const back = rig.ask('web', verb);
    await back.taken();
    rig.clock.advance(10_000);
    const [row] = await back.rows();
    assert.deepEqual([row?.outcome, row?.state], ['done', 'running']);
    const document = valueOf(await stop.answer());
    assert.equal(document.ok, false);
    const [stopped] = document.units;
    assert.deepEqual([stopped?.outcome, stopped?.reason], ['failed', 'wanted up again before it was down']);
  });
}

test('stop: fails when a start overrules it before anything was decided', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  const words = ['stop', 'start'] as const;
  const asked: Asked[] = [];
  rig.supervisor.change(() => {
    for (const verb of words) asked.push(rig.ask('web', verb));
  });
  const outcomes: (string | undefined)[] = [];
  for (const one of asked) outcomes.push((await one.rows())[0]?.outcome);
  assert.deepEqual(outcomes, ['failed', 'unchanged']);
});

test('reload: who is brought up by a unit that is still to come up is waited for', async (t) => {
  const rig = createControlRig(t);
  const once = 'command: /bin/job\nrestart: { policy: no }\n';
  rig.write('job', once);
  rig.write('spare', `enabled: false\n${WEB}`);
  await rig.boot();
  rig.exit('job', FAILURE);
  await rig.rest();
  rig.write('keeper', 'type: oneshot\ncommand: /bin/keep\nupholds: [job, spare]\n');
  const reload = rig.reload();
  await reload.taken();
  assert.equal(reload.isAnswered(), false);
  rig.exit('keeper', SUCCESS);
  const rows = await reload.rows();
  assert.deepEqual(
    rows.map(({ name, state, outcome }) => `${name} ${state} ${outcome}`),
    ['job running done', 'keeper completed done', 'spare running done'],
  );
});

test('reload: and has failed where that does not come up', async (t) => {
  const rig = createControlRig(t);
  rig.write('spare', `enabled: false\n${WEB}`);
  await rig.boot();
  rig.write('keeper', 'type: oneshot\ncommand: /bin/keep\nupholds: [spare]\n');
  const reload = rig.reload();
  await reload.taken();
  rig.exit('keeper', FAILURE);
  const rows = await reload.rows();
  assert.deepEqual(
    rows.map(({ name, state, outcome }) => `${name} ${state} ${outcome}`),
    ['keeper failed failed', 'spare stopped failed'],
  );
});

/** A reload that finds the file of the unit "web" gone, which ends once it is killed. */
async function removalUnderWay(
  t: TestContext,
): Promise<{ readonly rig: ControlRig; readonly removal: Asked }> {
  const rig = createControlRig(t);
  rig.processes.define('/bin/web', { ignores: ['SIGTERM'] });
  rig.write('web', WEB);
  await rig.boot();
  rig.remove('web');
  const removal = rig.reload();
  await removal.taken();
  return { rig, removal };
}

test('reload: fails when a unit whose file it found gone is back before it is down', async (t) => {
  const { rig, removal } = await removalUnderWay(t);
  rig.write('web', WEB);
  const back = rig.reload();
  await back.taken();
  rig.clock.advance(10_000);
  const [row] = await back.rows();
  assert.deepEqual([row?.outcome, row?.state], ['done', 'running']);
  const [removed] = await removal.rows();
  assert.deepEqual([removed?.outcome, removed?.reason], ['failed', 'wanted up again before it was down']);
});

test('reload: a unit that a conflict stops is done once it is down, though its file wants it up', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/web', { ignores: ['SIGTERM'] });
  rig.write('web', WEB);
  rig.write('night', 'enabled: false\ncommand: /bin/night\n');
  await rig.boot();
  await rig.ask('night', 'start').rows();
  rig.write('web', `conflicts: [night]\n${WEB}`);
  const reload = rig.reload();
  await reload.taken();
  assert.equal(reload.isAnswered(), false);
  rig.clock.advance(10_000);
  const [row] = await reload.rows();
  assert.deepEqual([row?.outcome, row?.reason], ['done', 'conflicts with "night"']);
});

test('restart: done with another process', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  const before = rig.main('web');
  const [row] = await rig.ask('web', 'restart').rows();
  assert.equal(row?.outcome, 'done');
  assert.notDeepEqual(rig.main('web'), before);
});

test('restart: of a oneshot answers once it has completed again', async (t) => {
  const rig = createControlRig(t);
  rig.write('job', 'type: oneshot\ncommand: /bin/job\n');
  await rig.boot();
  rig.exit('job', SUCCESS);
  await rig.rest();
  assert.equal(rig.look('job').state, 'completed');
  const restart = rig.ask('job', 'restart');
  await restart.taken();
  assert.equal(restart.isAnswered(), false);
  rig.exit('job', SUCCESS);
  const [row] = await restart.rows();
  assert.deepEqual([row?.outcome, row?.state], ['done', 'completed']);
});

test('start: a command that cannot be started fails with the reason', async (t) => {
  const rig = createControlRig(t);
  const failure = { stage: 'command', errno: 'ENOENT', reason: '"/bin/web" does not exist' } as const;
  rig.processes.define('/bin/web', { failure });
  rig.write('web', `enabled: false\nrestart: { policy: no }\n${WEB}`);
  await rig.boot();
  const document = valueOf(await rig.ask('web', 'start').answer());
  assert.equal(document.ok, false);
  assert.deepEqual(document.units, [
    {
      name: 'web',
      state: 'failed',
      ready: false,
      outcome: 'failed',
      reason: 'could not be started: "/bin/web" does not exist',
    },
  ]);
});

test('start: a unit that falls into backoff has failed, with the reason and the attempt', async (t) => {
  const rig = createControlRig(t);
  rig.write('job', 'type: oneshot\nenabled: false\ncommand: /bin/job\nrestart: { policy: on-failure }\n');
  await rig.boot();
  const start = rig.ask('job', 'start');
  await start.taken();
  rig.exit('job', FAILURE);
  const [row] = await start.rows();
  assert.equal(row?.outcome, 'failed');
  assert.equal(row.state, 'backoff');
  assert.match(row.reason, /^exited with code 1/);
});

test('start: a requirement that the operator holds down makes it fail at once, and says so', async (t) => {
  const rig = createControlRig(t);
  rig.write('db', 'command: /bin/db\n');
  rig.write('web', `requires: [db]\n${WEB}`);
  await rig.boot();
  await rig.ask('db', 'stop').rows();
  const [row] = await rig.ask('web', 'start').rows();
  assert.equal(row?.outcome, 'failed');
  assert.match(row.reason, /"db".*stopped by the operator/);
});

test('start: waits for a requirement that is on its way, and fails when that fails', async (t) => {
  const rig = createControlRig(t);
  rig.write('init', 'type: oneshot\nenabled: false\ncommand: /bin/init\n');
  rig.write('web', `enabled: false\nrequires: [init]\n${WEB}`);
  await rig.boot();
  const start = rig.ask('web', 'start');
  await start.taken();
  assert.equal(start.isAnswered(), false);
  rig.exit('init', FAILURE);
  const [row] = await start.rows();
  assert.deepEqual([row?.outcome, row?.state], ['failed', 'waiting']);
  assert.match(row?.reason ?? '', /"init"/);
});

test('start: fails when what it waits for turns hopeless two units away, though it looks the same', async (t) => {
  const rig = createControlRig(t);
  rig.write('init', 'type: oneshot\nenabled: false\ncommand: /bin/init\n');
  rig.write('db', 'command: /bin/db\nenabled: false\nrequires: [init]\n');
  rig.write('web', `enabled: false\nrequires: [db]\n${WEB}`);
  await rig.boot();
  const start = rig.ask('web', 'start');
  await start.taken();
  assert.equal(start.isAnswered(), false);
  rig.exit('init', FAILURE);
  await rig.rest();
  assert.equal(start.isAnswered(), true);
  const [row] = await start.rows();
  assert.equal(row?.outcome, 'failed');
});

test('timeout: what has not happened by then is pending, and the answer is not ok', async (t) => {
  const rig = createControlRig(t);
  rig.write('job', 'type: oneshot\nenabled: false\ncommand: /bin/job\n');
  await rig.boot();
  const start = rig.ask('job', 'start', { timeoutMs: 2_000 });
  await start.taken();
  rig.clock.advance(1_999);
  await rig.rest();
  assert.equal(start.isAnswered(), false);
  rig.clock.advance(1);
  const document = valueOf(await start.answer());
  assert.equal(document.ok, false);
  assert.deepEqual(
    document.units.map(({ outcome, state }) => [outcome, state]),
    [['pending', 'starting']],
  );
});

test('timeout: an answer that came in time leaves no timer behind', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', `enabled: false\n${WEB}`);
  await rig.boot();
  const [row] = await rig.ask('web', 'start', { timeoutMs: 60_000 }).rows();
  assert.equal(row?.outcome, 'done');
  assert.equal(rig.clock.armedCount, rig.deadlines().length);
});

test('timeout: of a reload begins when it is asked for, not when the files have been read', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  const load = rig.directory.load.bind(rig.directory);
  let answered = (_set: UnitSet): void => undefined;
  const disk = new Promise<UnitSet>((resolve) => (answered = resolve));
  t.mock.method(rig.directory, 'load', async () => await disk);
  rig.write('api', WEB);
  const reload = rig.control.reload({ timeoutMs: 2_000 }, () => undefined, new AbortController().signal);
  rig.clock.advance(2_000);
  const document = valueOf(await reload);
  assert.deepEqual([document.ok, document.units, document.plan], [false, [], null]);
  answered(await load());
  await rig.reloader.idle();
  await rig.rest();
  assert.equal(rig.look('api').state, 'running');
});

test('hangup: the wait ends as pending, what was begun goes on', async (t) => {
  const rig = createControlRig(t);
  rig.write('job', 'type: oneshot\nenabled: false\ncommand: /bin/job\n');
  await rig.boot();
  const start = rig.ask('job', 'start');
  await start.taken();
  start.hangUp();
  const [row] = await start.rows();
  assert.equal(row?.outcome, 'pending');
  rig.exit('job', SUCCESS);
  await rig.rest();
  assert.equal(rig.look('job').state, 'completed');
});

test('wait: false answers at once, and pending is no failure then', async (t) => {
  const rig = createControlRig(t);
  rig.write('job', 'type: oneshot\nenabled: false\ncommand: /bin/job\n');
  await rig.boot();
  const document = valueOf(await rig.ask('job', 'start', { wait: false }).answer());
  assert.equal(document.ok, true);
  assert.equal(document.units[0]?.outcome, 'pending');
});

const LONG = [
  // A look takes longer than a slice has for them.
  ['to tell that', { look: 5, decision: 0 }],
  // The first decision takes longer than a slice has for all.
  ['to decide', { look: 0, decision: 9 }],
] as const;

for (const [what, ms] of LONG) {
  test(`wait: false answers from what has been decided, however long it takes ${what}`, async () => {
    const rig: Rig = createRig({ onLook: () => rig.clock.advance(ms.look) });
    const others = Array.from({ length: 5 }, (_, index) => `other-${index}`);
    const app = unitSpec('app', { requires: ['db'] });
    rig.load(app, ...['db', ...others].map((name) => unitSpec(name)));
    await rig.rest();
    rig.operate('db', 'stop');
    await rig.rest();
    rig.supervisor.change((fleet, instant, outputs) => {
      for (const name of others) operate(fleet, name, 'stop', instant, outputs);
      operate(fleet, 'app', 'start', instant, outputs);
      rig.clock.advance(ms.decision);
    });
    assert.equal(rig.supervisor.isSettled, false);
    const goal = { name: 'app', want: 'up', afterActivation: 0, isThere: false } as const;
    const hangup = new AbortController().signal;
    const options = { wait: false, timeoutMs: null, progress: () => undefined, hangup };
    const [row] = await rig.operations.wait([goal], options);
    assert.equal(row?.outcome, 'failed');
  });
}

test('Operations close(): every wait ends', async (t) => {
  const rig = createControlRig(t);
  rig.write('job', 'type: oneshot\nenabled: false\ncommand: /bin/job\n');
  await rig.boot();
  const start = rig.ask('job', 'start');
  await start.taken();
  rig.operations.close();
  const [row] = await start.rows();
  assert.equal(row?.outcome, 'pending');
});

test('reset: is done at once, also while a large set is still being worked off', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  let isOver = false;
  rig.supervisor.change(() => {
    rig.clock.advance(9);
    rig.supervisor.change(() => {
      isOver = true;
    });
  });
  assert.equal(rig.supervisor.isSettled, false);
  const reset = rig.ask('web', 'reset');
  const [row] = await reset.rows();
  assert.equal(isOver, true);
  assert.equal(row?.outcome, 'unchanged');
});

test('reload: a restart that travels to a dependant answers done only when that is up again', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/db', { ignores: ['SIGTERM'] });
  rig.write('db', 'command: /bin/db\n');
  rig.write('web', `requires: [db]\n${WEB}`);
  await rig.boot();
  rig.write('db', 'command: /bin/db --new\n');
  const reload = rig.reload();
  await reload.taken();
  assert.equal(rig.look('web').state, 'waiting');
  assert.equal(rig.look('db').state, 'stopping');
  assert.equal(reload.isAnswered(), false);
  rig.clock.advance(10_000);
  const document = valueOf(await reload.answer());
  assert.deepEqual(
    document.units.map(({ name, outcome, state }) => [name, outcome, state]),
    [
      ['db', 'done', 'running'],
      ['web', 'done', 'running'],
    ],
  );
  assert.equal(document.ok, true);
});

test('reload: a dependant whose requirement does not come back has failed, and says why', async (t) => {
  const rig = createControlRig(t);
  rig.write('db', 'type: oneshot\ncommand: /bin/db\n');
  rig.write('web', `requires: [db]\n${WEB}`);
  await rig.boot();
  rig.exit('db', SUCCESS);
  await rig.rest();
  assert.equal(rig.look('web').state, 'running');
  rig.write('db', 'type: oneshot\ncommand: /bin/db --new\n');
  const reload = rig.reload();
  await reload.taken();
  rig.exit('db', FAILURE);
  const document = valueOf(await reload.answer());
  assert.equal(document.ok, false);
  assert.deepEqual(
    document.units.map(({ name, outcome }) => [name, outcome]),
    [
      ['db', 'failed'],
      ['web', 'failed'],
    ],
  );
  assert.match(document.units[1]?.reason ?? '', /"db".*exited with code 1/);
});

test('reload: a removed unit is done when it is gone', async (t) => {
  const { rig, removal } = await removalUnderWay(t);
  assert.equal(removal.isAnswered(), false);
  rig.clock.advance(10_000);
  assert.deepEqual(await removal.rows(), [
    { name: 'web', state: 'stopped', ready: false, outcome: 'done', reason: 'its file was removed' },
  ]);
});

test('signal: is done once it is sent; a refusal is the answer', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/web', { ignores: ['SIGUSR1'] });
  rig.write('web', WEB);
  await rig.boot();
  const [row] = await rig.ask('web', 'signal', { signal: 'USR1' }).rows();
  assert.deepEqual([row?.outcome, row?.state], ['done', 'running']);
  assert.equal(refusalOf(await rig.ask('web', 'signal', { signal: 'NOPE' }).answer()).status, 400);
});

test('operate: a unit that is not there, or only still leaving, is no such unit', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/web', { ignores: ['SIGTERM'] });
  rig.write('web', WEB);
  await rig.boot();
  assert.equal(refusalOf(await rig.ask('wbe', 'start').answer()).status, 404);
  rig.remove('web');
  const reload = rig.reload();
  await reload.taken();
  assert.equal(refusalOf(await rig.ask('web', 'start').answer()).status, 404);
  rig.clock.advance(10_000);
  await reload.rows();
});
