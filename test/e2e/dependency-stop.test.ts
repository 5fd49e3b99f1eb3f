// What a unit's stop, restart and end do to others: requires, wants, requisite, bindsTo, partOf, upholds, conflicts,
// onFailure and onSuccess, on real processes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { State } from '../../src/model/state.ts';
import type { DependencyField } from '../../src/model/unit.ts';
import { child, openChannel, openGate } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

/** What becomes of a unit that names another in `field`, when the other is stopped, restarted or killed. */
const FATES: readonly {
  readonly field: DependencyField;
  readonly stopped: 'stops' | 'stays';
  readonly restarted: 'restarts' | 'stays';
  readonly killed: 'restarts' | 'stays';
}[] = [
  { field: 'requires', stopped: 'stops', restarted: 'restarts', killed: 'stays' },
  { field: 'requisite', stopped: 'stops', restarted: 'restarts', killed: 'stays' },
  { field: 'bindsTo', stopped: 'stops', restarted: 'restarts', killed: 'restarts' },
  { field: 'partOf', stopped: 'stops', restarted: 'restarts', killed: 'stays' },
  { field: 'wants', stopped: 'stays', restarted: 'stays', killed: 'stays' },
  { field: 'after', stopped: 'stays', restarted: 'stays', killed: 'stays' },
];

for (const { field, stopped, restarted, killed } of FATES) {
  test(`${field}: when the other unit is stopped, restarted, killed, this one ${stopped}, ${restarted}, ${killed}`, async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(t, {
      'db.yaml': `
        command: ${child.announce} ${channel.path} db
        restart: { delay: 0s }`,
      'web.yaml': `
        command: ${child.announce} ${channel.path} web
        ${field}: [db]
        restart: { delay: 0s }`,
    });
    let dbs = 0;
    let webs = 0;
    /** Waits until the next start of db, and of web if it has to start again, and says who web is then. */
    const settled = async (fate: 'restarts' | 'stays'): Promise<number> => {
      const db = await channel.next('db', dbs++);
      if (fate === 'restarts') webs += 1;
      const web = await channel.next('web', webs);
      await unitd.until(
        (look) =>
          look('db')?.pid === db.pid &&
          look('db')?.to === 'running' &&
          look('web')?.pid === web.pid &&
          look('web')?.to === 'running',
      );
      return web.pid;
    };
    const first = await settled('stays');

    assert.equal((await unitd.cli('restart', 'db')).code, 0);
    const second = await settled(restarted);
    assert.equal(second === first, restarted === 'stays');

    process.kill((await channel.next('db', dbs - 1)).pid, 'SIGKILL');
    const third = await settled(killed);
    assert.equal(third === second, killed === 'stays');

    assert.equal((await unitd.cli('stop', 'db')).code, 0);
    const fate: State = stopped === 'stops' ? 'waiting' : 'running';
    await unitd.until({ db: 'stopped', web: fate });
    const end = (await unitd.unit('web')).unit;
    assert.equal(end.pid, fate === 'running' ? third : null);
    assert.equal(
      channel.said.filter(({ word }) => word === 'web').length,
      webs + 1,
      'it has not been started more often than that',
    );
  });
}

test('a stop goes against the order of the starts: a unit is stopped when those that need it are down', async (t) => {
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
      after: [db]`,
  });
  // Which of them says so first is the kernel's choice: db counts as up from its exec on.
  await channel.next('up', 1);
  await unitd.until({ db: 'running', app: 'running', late: 'running' });
  const db = (await unitd.unit('db')).unit.pid;

  const stop = unitd.cli('stop', 'db');
  const stopping = await channel.next('stopping');
  assert.notEqual(stopping.pid, db);
  await unitd.until({ app: 'stopping' });
  assert.equal((await unitd.unit('db')).unit.state, 'running');
  appGate.open();
  assert.equal((await channel.next('stopping', 1)).pid, db);
  await unitd.until({ app: 'waiting', db: 'stopping', late: 'running' });
  dbGate.open();
  assert.equal((await stop).code, 0);
  await unitd.until({ app: 'waiting', db: 'stopped', late: 'running' });
});

test('conflicts: whoever is started last stays, and starts when the other one is down', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'blue.yaml': `
      command: ${child.stopSlowly} ${channel.path} ${gate.path}
      stop: { timeout: 1h }`,
    'green.yaml': `
      enabled: false
      command: ${child.announce} ${channel.path} green
      conflicts: [blue]`,
  });
  await channel.next('up');
  await unitd.until({ blue: 'running' });
  const start = unitd.cli('start', 'green');
  await channel.next('stopping');
  await unitd.until({ blue: 'stopping', green: 'waiting' });
  assert.equal(
    (await unitd.unit('green')).unit.reason,
    'waiting for "blue" to stop, which it conflicts with',
  );
  gate.open();
  assert.equal((await start).code, 0);
  await unitd.until((look) => look('green')?.to === 'running' && look('blue')?.pid === null);
  assert.equal(unitd.processes().length, 1);

  const back = unitd.cli('start', 'blue');
  await channel.next('up', 1);
  assert.equal((await back).code, 0);
  await unitd.until((look) => look('blue')?.to === 'running' && look('green')?.pid === null);
  gate.open();
});

test('upholds: a unit that ended or failed is brought back while the one that upholds it is up', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'agent.yaml': `
      enabled: false
      command: ${child.announce} ${channel.path} agent
      restart: { policy: no, delay: 0s }`,
    'web.yaml': `
      command: ${child.announce} ${channel.path} web
      upholds: [agent]`,
  });
  await channel.next('web');
  for (const [start, signal] of (['SIGTERM', 'SIGKILL', 'SIGTERM'] as const).entries()) {
    process.kill((await channel.next('agent', start)).pid, signal);
  }
  const { pid } = await channel.next('agent', 3);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  await unitd.until({ web: 'stopped', agent: 'running' });
  process.kill(pid, 'SIGKILL');
  await unitd.until({ agent: 'failed' });
});

test('onFailure and onSuccess start their units, after each failure and each success anew', async (t) => {
  const channel = openChannel(t);
  const handler = (name: string): string => `
      type: oneshot
      enabled: false
      command: [/bin/sh, -c, 'echo "${name} $$$$" >${channel.path}']`;
  const unitd = await startUnitd(t, {
    'bad.yaml': `
      enabled: false
      type: oneshot
      command: ${child.exit} 1
      onFailure: [alarm]
      onSuccess: [cheer]`,
    'good.yaml': `
      enabled: false
      type: oneshot
      command: ${child.exit} 0
      onFailure: [alarm]
      onSuccess: [cheer]`,
    'looping.yaml': `
      enabled: false
      startPre: [${child.exit} 1]
      command: sleep infinity
      restart: { delay: 1h, maxDelay: 1h }
      onFailure: [siren]`,
    'alarm.yaml': handler('alarm'),
    'cheer.yaml': handler('cheer'),
    'siren.yaml': handler('siren'),
  });
  assert.equal((await unitd.cli('start', 'bad')).code, 1);
  await channel.next('alarm');
  await unitd.until({ alarm: 'completed' });
  assert.equal((await unitd.unit('alarm')).unit.reason, 'exited with code 0');
  assert.equal((await unitd.cli('start', 'bad')).code, 1);
  await channel.next('alarm', 1);
  assert.equal((await unitd.cli('start', 'good')).code, 0);
  await channel.next('cheer');
  await unitd.until({ alarm: 'completed', cheer: 'completed' });
  assert.equal((await unitd.cli('restart', 'good')).code, 0);
  await channel.next('cheer', 1);
  // A unit that is to be restarted has not failed yet, as in systemd.
  assert.equal((await unitd.cli('start', 'looping')).code, 1);
  await unitd.until({ looping: 'backoff', siren: 'stopped' });
  assert.deepEqual(
    channel.said.map(({ word }) => word),
    ['alarm', 'alarm', 'cheer', 'cheer'],
  );
});

for (const [first, second] of [
  ['app', 'rescue'],
  ['zapp', 'rescue'],
] as const) {
  test(`onFailure of two units that conflict: ${second} takes over from ${first}, and back only after a pause`, async (t) => {
    const unit = (other: string): string => `
      type: oneshot
      enabled: false
      command: ${child.exit} 3
      restart: { delay: 1h, maxDelay: 1h }
      conflicts: [${other}]
      onFailure: [${other}]`;
    const unitd = await startUnitd(t, { [`${first}.yaml`]: unit(second), [`${second}.yaml`]: unit(first) });
    await unitd.cli('start', first, '--no-wait');
    await unitd.until({ [first]: 'backoff', [second]: 'failed' });
    for (const [name, restarts] of [
      [first, 1],
      [second, 0],
    ] as const) {
      const { history, unit: now } = await unitd.unit(name);
      assert.deepEqual([history.length, now.restarts], [1, restarts]);
    }
  });
}

test('units that bring each other up, and conflict, are not started again and again without a pause', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'job.yaml': `
      type: oneshot
      command: ${child.exit} 0
      restart: { delay: 1h, maxDelay: 1h }
      onSuccess: [serve]`,
    'serve.yaml': `
      enabled: false
      command: ${child.announce} ${channel.path}
      conflicts: [job]
      upholds: [warm]`,
    'warm.yaml': `
      type: oneshot
      enabled: false
      command: ${child.exit} 0
      wants: [job]`,
  });
  await unitd.until({ job: 'backoff', serve: 'waiting', warm: 'completed' });
  const { history, unit } = await unitd.unit('job');
  assert.deepEqual(
    [unit.reason, history.length, unit.restarts],
    ['was started too often in a row; attempt 2 is due', 5, 1],
  );
  // Whether it is on its way still when this is answered, or down for serve again, is the machine's choice.
  await unitd.cli('start', 'job', '--no-wait');
  await unitd.until({ job: 'waiting', serve: 'running' });
});
