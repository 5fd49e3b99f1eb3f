// oneshot and target: when they are up, what keeps them so, and what takes them down.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, openGate, temporaryDirectory } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

test('oneshot: is starting while its command runs, completed and ready when that has ended well', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'migrate.yaml': `
      type: oneshot
      command: ${child.gate} ${channel.path} ${gate.path}`,
    'web.yaml': `
      command: ${child.announce} ${channel.path} web
      requires: [migrate]`,
  });
  await channel.next('waiting');
  await unitd.until({ migrate: 'starting', web: 'waiting' });
  const during = (await unitd.unit('migrate')).unit;
  assert.deepEqual([during.ready, during.reason], [false, 'running its command']);
  gate.open();
  await channel.next('web');
  await unitd.until({ migrate: 'completed', web: 'running' });
  const after = (await unitd.unit('migrate')).unit;
  assert.deepEqual([after.ready, after.wanted, after.pid, after.lastExit?.code], [true, 'up', null, 0]);
});

test('oneshot: start waits for its end and answers with it; a start that is repeated runs nothing', async (t) => {
  const file = join(temporaryDirectory(t), 'runs');
  const unitd = await startUnitd(t, {
    'good.yaml': `
      type: oneshot
      enabled: false
      command: ${child.note} 0 ${file} good`,
    'bad.yaml': `
      type: oneshot
      enabled: false
      command: ${child.note} 4 ${file} bad`,
    'interrupted.yaml': `
      type: oneshot
      enabled: false
      command: ${child.dieBy} TERM`,
    'listed.yaml': `
      type: oneshot
      enabled: false
      command: ${child.note} 4 ${file} listed
      successExitStatus: [4]`,
    'patient.yaml': `
      type: oneshot
      enabled: false
      command: sleep infinity
      startTimeout: 50ms`,
  });
  assert.equal((await unitd.cli('start', 'good')).code, 0);
  assert.equal((await unitd.cli('start', 'good')).code, 0);
  const bad = await unitd.cli('start', 'bad');
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /exited with code 4/);
  assert.equal((await unitd.cli('start', 'interrupted')).code, 1);
  assert.equal((await unitd.cli('start', 'listed')).code, 0);
  assert.equal((await unitd.cli('start', 'patient')).code, 1);
  await unitd.until({
    good: 'completed',
    bad: 'failed',
    interrupted: 'failed',
    listed: 'completed',
    patient: 'failed',
  });
  assert.equal((await unitd.unit('patient')).unit.lastExit?.cause, 'start-timeout');
  assert.equal((await unitd.unit('listed')).unit.lastExit?.code, 4);
  assert.deepEqual(readFileSync(file, 'utf8').trimEnd().split('\n'), ['good', 'bad', 'listed']);
  assert.equal((await unitd.cli('restart', 'good')).code, 0);
  assert.deepEqual(readFileSync(file, 'utf8').trimEnd().split('\n'), ['good', 'bad', 'listed', 'good']);
});

test('oneshot: is restarted on-failure until it succeeds', async (t) => {
  const starts = join(temporaryDirectory(t), 'starts');
  const unitd = await startUnitd(t, {
    'migrate.yaml': `
      type: oneshot
      command: [/bin/sh, -c, 'echo run >>${starts}; test "$(wc -l <${starts})" -gt 2']
      restart: { policy: on-failure, delay: 1ms }`,
  });
  await unitd.until({ migrate: 'completed' });
  const { unit, history } = await unitd.unit('migrate');
  assert.deepEqual([unit.restarts, history.map(({ code }) => code)], [2, [1, 1, 0]]);
});

test('oneshot: a stop runs stop.command and stopPost, and ends what its command left running', async (t) => {
  const file = join(temporaryDirectory(t), 'order');
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'mount.yaml': `
      type: oneshot
      command: ${child.outlived} ${channel.path}
      stop: { command: ${child.note} 0 ${file} stop }
      stopPost: [${child.note} 0 ${file} stopPost]`,
  });
  const { pid } = await channel.next('grandchild');
  await unitd.until({ mount: 'completed' });
  assert.deepEqual(
    (await unitd.unitWith('mount', 1)).processes.map((node) => node.pid),
    [pid],
  );
  assert.equal(existsSync(file), false);
  assert.equal((await unitd.cli('stop', 'mount')).code, 0);
  assert.deepEqual(readFileSync(file, 'utf8'), 'stop\nstopPost\n');
  assert.deepEqual(unitd.processes(), []);
  const { unit } = await unitd.unit('mount');
  assert.deepEqual([unit.state, unit.ready], ['stopped', false]);
});

test('target: is up when all that it requires is up, and starts that', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'site.yaml': `
      type: target
      requires: [prepare, web]
      wants: [extra]`,
    'prepare.yaml': `
      type: oneshot
      enabled: false
      command: ${child.gate} ${channel.path} ${gate.path}`,
    'web.yaml': `
      enabled: false
      command: ${child.announce} ${channel.path} web`,
    'extra.yaml': `
      enabled: false
      command: ${child.exit} 1
      restart: { policy: no }`,
    'after.yaml': `
      command: ${child.announce} ${channel.path} after
      requires: [site]`,
  });
  await channel.next('waiting');
  await channel.next('web');
  await unitd.until({ site: 'waiting', prepare: 'starting', web: 'running', after: 'waiting' });
  gate.open();
  await channel.next('after');
  await unitd.until({ site: 'running', prepare: 'completed', extra: 'failed', after: 'running' });
  const { unit, processes } = await unitd.unit('site');
  assert.deepEqual([unit.ready, unit.pid, unit.reason, processes], [true, null, 'all it requires is up', []]);
});

test('target: goes down and comes back with what it requires; partOf passes its stop on', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'site.yaml': `
      type: target
      requires: [web]`,
    'web.yaml': `command: ${child.announce} ${channel.path} web`,
    'worker.yaml': `
      command: ${child.announce} ${channel.path} worker
      partOf: [site]`,
  });
  await channel.next('web');
  await channel.next('worker');
  await unitd.until({ site: 'running', web: 'running', worker: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  await unitd.until({ site: 'waiting', web: 'stopped' });
  assert.equal((await unitd.cli('start', 'web')).code, 0);
  await unitd.until({ site: 'running', web: 'running' });
  assert.equal((await unitd.cli('stop', 'site')).code, 0);
  await unitd.until((look) => look('site')?.to === 'stopped' && look('worker')?.pid === null);
  assert.equal((await unitd.unit('web')).unit.state, 'running');
});

test('failureAction exit: the daemon stops the other units and ends with the code of the unit', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'main.yaml': `
      command: ${child.gate} ${channel.path} ${gate.path} 42
      restart: { policy: no }
      failureAction: exit`,
    'side.yaml': `command: ${child.announce} ${channel.path} side`,
    'harmless.yaml': `
      command: ${child.exit} 0
      restart: { policy: no }
      failureAction: exit`,
  });
  await channel.next('side');
  await channel.next('waiting');
  await unitd.until({ main: 'running', side: 'running', harmless: 'completed' });
  gate.open();
  assert.deepEqual(await unitd.ended(), { code: 42, signal: null });
  assert.deepEqual(unitd.processes(), []);
});

test('failureAction exit: without a code of the unit, which could not be started or was killed, it is 1', async (t) => {
  for (const command of ['/nonexistent/program', `${child.dieBy} KILL`]) {
    const unitd = await startUnitd(t, {
      'main.yaml': `
        enabled: false
        command: ${command}
        restart: { policy: no }
        failureAction: exit`,
    });
    await unitd.cli('start', '--no-wait', 'main');
    assert.deepEqual(await unitd.ended(), { code: 1, signal: null }, command);
  }
});

test('successAction exit: the daemon ends with 0 when the unit has ended well', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'job.yaml': `
      type: oneshot
      command: ${child.gate} ${channel.path} ${gate.path}
      successAction: exit`,
    'side.yaml': `command: ${child.announce} ${channel.path} side`,
  });
  await channel.next('side');
  await channel.next('waiting');
  gate.open();
  assert.deepEqual(await unitd.ended(), { code: 0, signal: null });
  assert.deepEqual(unitd.processes(), []);
});
