// The daemon's own end, and what signals ask of it: TERM and INT stop all units in order, a second one hurries, HUP
// reloads.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { StatusDocument } from '../../src/wire/v1.ts';
import { child, openChannel, openGate } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { PROGRAM } from '../support/launch.ts';
import { startUnitd, Unitd } from '../support/unitd.ts';

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} to the daemon stops the units in reverse order, while the socket answers, and exits 0`, async (t) => {
    const channel = openChannel(t);
    const [appGate, dbGate] = [openGate(t), openGate(t)];
    const unitd = await startUnitd(t, {
      'db.yaml': `
        command: ${child.stopSlowly} ${channel.path} ${dbGate.path}
        stop: { timeout: 1h }`,
      'app.yaml': `
        command: ${child.stopSlowly} ${channel.path} ${appGate.path}
        requires: [db]
        stop: { timeout: 1h }`,
      'late.yaml': `
        command: ${child.announce} ${channel.path} late
        after: [app]`,
    });
    // Which of them says so first is the kernel's choice: db counts as up from its exec on.
    await channel.next('up', 1);
    await channel.next('late');
    await unitd.until({ db: 'running', app: 'running', late: 'running' });
    const [app, db, late] = (await unitd.status()).units.map(({ pid }) => pid);

    unitd.signal(signal);
    assert.equal((await channel.next('stopping')).pid, app);
    const states = (await unitd.status()).units.map(({ name, state, pid }) => [name, state, pid]);
    assert.deepEqual(states, [
      ['app', 'stopping', app],
      ['db', 'running', db],
      ['late', 'stopped', null],
    ]);
    assert.equal(
      unitd.processes().some(({ pid }) => pid === late),
      false,
    );
    appGate.open();
    assert.equal((await channel.next('stopping', 1)).pid, db);
    dbGate.open();
    assert.deepEqual(await unitd.ended(), { code: 0, signal: null });
    assert.deepEqual(unitd.processes(), []);
  });
}

/** Signals closer together than a quarter of a second count as one: says it until it is heard as the second. */
async function insist(unitd: Unitd, signal: NodeJS.Signals): Promise<void> {
  const { pid } = unitd;
  const repeat = setInterval(() => {
    try {
      process.kill(pid, signal);
    } catch {
      clearInterval(repeat); // It has heard, and is gone.
    }
  }, 20);
  await unitd.says('again: hurrying');
  clearInterval(repeat);
}

test('reload and plan are refused while the daemon is stopping, and say so', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.stopSlowly} ${channel.path} ${gate.path}\nstop: { timeout: 1h }`,
  });
  await channel.next('up');
  unitd.signal('SIGTERM');
  await channel.next('stopping');
  for (const [words, verb] of [
    [['reload'], 'reload'],
    [['plan'], 'plan a reload'],
    [['reload', '--dry-run'], 'plan a reload'],
  ] as const) {
    assert.deepEqual(await unitd.cli(...words), {
      code: 1,
      stdout: '',
      stderr: `unitd: cannot ${verb}: the daemon is stopping, expected one that goes on running\n`,
    });
  }
  gate.open();
  assert.deepEqual(await unitd.ended(), { code: 0, signal: null });
});

test('a second signal hurries: units that would take for ever are killed, and the daemon exits 0', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'set-up.yaml': `
      type: oneshot
      command: "true"
      stop: { timeout: infinity, command: sleep infinity }`,
    'db.yaml': `
      command: ${child.ignoreTerm} ${channel.path}
      requires: [set-up]
      stop: { timeout: infinity }`,
    'tidy.yaml': `
      command: sleep infinity
      stop: { timeout: infinity }
      stopPost: [${child.ignoreTerm} ${channel.path} tidying]`,
    'app.yaml': `
      command: ${child.ignoreTerm} ${channel.path}
      requires: [db]
      stop: { timeout: infinity, command: sleep infinity }
      stopPost: [${child.note} 0 ./posted app]`,
    'slow.yaml': `
      startPre: [${child.ignoreTerm} ${channel.path} pre]
      command: sleep infinity
      startTimeout: infinity
      stop: { timeout: infinity }`,
  });
  await channel.next('up', 1);
  await channel.next('pre');
  await unitd.until({ db: 'running', tidy: 'running', app: 'running', slow: 'starting' });
  unitd.signal('SIGTERM');
  await unitd.says('SIGTERM: stopping');
  await unitd.until({ 'set-up': 'completed', app: 'stopping', slow: 'stopping', db: 'running' });
  await channel.next('tidying');
  await insist(unitd, 'SIGINT');
  assert.deepEqual(await unitd.ended(), { code: 0, signal: null });
  assert.deepEqual(unitd.processes(), []);
});

test('the daemon ends with units in every state, and brings none of them back meanwhile', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'running.yaml': `
      command: ${child.stopSlowly} ${channel.path} ${gate.path}
      restart: { delay: 0s }
      stop: { timeout: 1h }`,
    'backoff.yaml': `
      startPre: [${child.exit} 1]
      command: sleep infinity
      restart: { delay: 1h, maxDelay: 1h }`,
    'failed.yaml': `
      command: ${child.exit} 1
      restart: { policy: no }`,
    'completed.yaml': `
      type: oneshot
      command: ${child.exit} 0`,
    'waiting.yaml': `
      command: ${child.announce} ${channel.path} never
      requires: [backoff]`,
    'starting.yaml': `
      type: oneshot
      command: ${child.announce} ${channel.path} oneshot`,
    'target.yaml': `
      type: target
      requires: [running]`,
    'looping.yaml': `
      command: ${child.exit} 0
      after: [starting]
      restart: { delay: 1ms, maxDelay: 1ms }`,
  });
  await channel.next('oneshot');
  const { pid } = await channel.next('up');
  await unitd.until({
    running: 'running',
    backoff: 'backoff',
    failed: 'failed',
    completed: 'completed',
    waiting: 'waiting',
    starting: 'starting',
    target: 'running',
  });
  unitd.signal('SIGTERM');
  await channel.next('stopping');
  gate.open();
  assert.deepEqual(await unitd.ended(), { code: 0, signal: null });
  assert.deepEqual(
    channel.said.filter(({ word }) => word === 'up'),
    [{ word: 'up', pid }],
  );
  assert.equal(
    channel.said.some(({ word }) => word === 'never'),
    false,
  );
});

test('SIGHUP reloads: new files start, changed ones restart, the others keep their processes', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'kept.yaml': `command: ${child.announce} ${channel.path} kept`,
    'changed.yaml': `command: ${child.announce} ${channel.path} before`,
    'removed.yaml': `command: ${child.announce} ${channel.path} removed`,
  });
  const kept = await channel.next('kept');
  await unitd.until({ kept: 'running', changed: 'running', removed: 'running' });
  unitd.write('changed.yaml', `command: ${child.announce} ${channel.path} after`);
  unitd.write('fresh.yaml', `command: ${child.announce} ${channel.path} fresh`);
  unitd.remove('removed.yaml');
  unitd.signal('SIGHUP');
  await channel.next('after');
  await channel.next('fresh');
  await unitd.until((look) => look('fresh')?.to === 'running' && look('removed') === undefined);
  assert.equal((await unitd.unit('kept')).unit.pid, kept.pid);
});

test('SIGHUP with a broken file changes nothing, and the daemon says which', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path} web` });
  const { pid } = await channel.next('web');
  await unitd.until({ web: 'running' });
  unitd.write('web.yaml', 'comand: sleep infinity');
  unitd.write('fresh.yaml', 'command: sleep infinity');
  unitd.signal('SIGHUP');
  await unitd.says(/web\.yaml:1:1: .*comand/);
  const { units } = await unitd.status();
  assert.deepEqual(
    units.map((unit) => [unit.name, unit.pid]),
    [['web', pid]],
  );
});

test('a daemon whose log nobody reads goes on, answers, and ends', async (t) => {
  const unitd = new Unitd(t, {});
  unitd.write('web.yaml', `command: ${child.exit} 1\nrestart: { delay: 0s }`);
  const log = openGate(t).path;
  // Held open, never read: it takes 64 KiB.
  const fd = openSync(log, constants.O_RDWR);
  const daemon = spawn(process.execPath, [PROGRAM, 'daemon'], {
    env: unitd.env,
    stdio: ['ignore', 'ignore', fd],
  });
  const ended = new Promise((resolve) => daemon.once('exit', (...end) => resolve(end)));
  cleanUp(t, () => closeSync(fd));
  const restarts = async (): Promise<number> => {
    const { code, stdout } = await unitd.cli('status', 'web', '--json');
    if (code === 69) return 0;
    const document: StatusDocument = JSON.parse(stdout);
    return document.units[0]?.restarts ?? 0;
  };
  while ((await restarts()) < 600);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  daemon.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

/** A daemon that gets this signal before anything but its first lines is loaded: node is by then, its code is not. */
async function signalledEarly(
  t: TestContext,
  signal: NodeJS.Signals,
  files: Readonly<Record<string, string>>,
): Promise<Unitd> {
  const unitd = new Unitd(t, {});
  const preload = join(unitd.root, 'early.cjs');
  unitd.env['NODE_OPTIONS'] = `--require=${preload}`;
  // The first that the daemon does is to ask libuv for its threads, by a stat of the root.
  writeFileSync(
    preload,
    `const fs = require('node:fs');
     const { stat } = fs;
     fs.stat = (path, ...rest) => {
       if (path === '/' && process.argv[2] === 'daemon') process.kill(process.pid, '${signal}');
       return stat(path, ...rest);
     };`,
  );
  for (const [name, text] of Object.entries(files)) unitd.write(name, text);
  await unitd.start();
  return unitd;
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} before the daemon has loaded its code ends it with 0, and nothing is started`, async (t) => {
    const channel = openChannel(t);
    const unitd = await signalledEarly(t, signal, {
      'web.yaml': `command: ${child.announce} ${channel.path} web`,
    });
    await unitd.says(`${signal}: stopping`);
    assert.deepEqual(await unitd.ended(), { code: 0, signal: null });
    assert.deepEqual(channel.said, []);
  });
}

test('SIGHUP before the daemon has loaded its code has it reload once it is up', async (t) => {
  const channel = openChannel(t);
  const unitd = await signalledEarly(t, 'SIGHUP', {
    'web.yaml': `command: ${child.announce} ${channel.path} web`,
  });
  await channel.next('web');
  await unitd.says(/applied plan .*: 0 moved, 1 unchanged/);
});

test('SIGUSR2 before the daemon has loaded its code does not end it', async (t) => {
  const channel = openChannel(t);
  await signalledEarly(t, 'SIGUSR2', { 'web.yaml': `command: ${child.announce} ${channel.path} web` });
  await channel.next('web');
});
