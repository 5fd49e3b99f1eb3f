// An operator's word: what holds it, what ends it, and what each says.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { child, openChannel } from '../support/child.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

async function facts(unitd: Unitd, name: string): Promise<string> {
  const { unit } = await unitd.unit(name);
  return `${unit.state}, wanted ${unit.wanted}${unit.held ? ', held' : ''}`;
}

for (const { as, skip, options } of USERS) {
  test(`as ${as}: stop holds across reloads and daemon restarts, until start`, { skip }, async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` }, options);
    await channel.next('up');
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    assert.equal(await facts(unitd, 'web'), 'stopped, wanted down, held');
    assert.match((await unitd.cli('status')).stdout, /web\s+stopped \(held\).*stopped by the operator/);

    unitd.write('web.yaml', `command: ${child.announce} ${channel.path} changed`);
    assert.equal((await unitd.cli('reload')).code, 0);
    assert.equal(await facts(unitd, 'web'), 'stopped, wanted down, held');

    await unitd.stop();
    await unitd.start();
    assert.equal(await facts(unitd, 'web'), 'stopped, wanted down, held');

    await unitd.kill('SIGKILL');
    await unitd.start();
    assert.equal(await facts(unitd, 'web'), 'stopped, wanted down, held');

    assert.equal((await unitd.cli('start', 'web')).code, 0);
    assert.equal(await facts(unitd, 'web'), 'running, wanted up');
    await channel.next('changed');
    assert.deepEqual(
      channel.said.map(({ word }) => word),
      ['up', 'changed'],
    );
  });
}

test('of several units one is not judged by a hold that the same command ends, in whatever order they are named', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'db.yaml': 'command: sleep infinity',
    'api.yaml': 'type: target\nrequires: [db]',
    'app.yaml': `command: ${child.announce} ${channel.path}\nrequires: [api]`,
  });
  await channel.next('up');
  let again = 0;
  for (const verb of ['start', 'restart', 'release']) {
    for (const options of [[], ['--no-wait']]) {
      again += 1;
      assert.equal((await unitd.cli('stop', 'app', 'db')).code, 0);
      const { code, stderr } = await unitd.cli(verb, 'app', 'db', ...options);
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /failed/);
      await channel.next('up', again);
      await unitd.until({ app: 'running' });
    }
  }
  assert.equal(channel.said.length, 1 + again);
});

test('start and reload of what waits for a held unit fail and name the way out, by whatever the wait is long', async (t) => {
  const unitd = await startUnitd(t, {
    'db.yaml': 'command: sleep infinity',
    'app.yaml': 'command: sleep infinity\nrequires: [db]',
    'site.yaml': 'type: target\nrequires: [app]',
    'other.yaml': 'command: sleep infinity',
  });
  await unitd.until({ site: 'running', other: 'running' });
  assert.equal((await unitd.cli('stop', 'db')).code, 0);
  const wayOut = /^ {2}to let db run: unitd start db, or unitd release db$/m;
  for (const words of [['app'], ['site'], ['site', '--no-wait'], ['other', 'app']]) {
    const { code, stdout, stderr } = await unitd.cli('start', ...words);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^✗ \S+ +start failed, waiting: requires /m);
    assert.match(stderr, wayOut);
    assert.equal(stderr.split('to let').length, 2, stderr);
  }
  unitd.write('new.yaml', 'command: sleep infinity\nbindsTo: [db]');
  const reloaded = await unitd.cli('reload');
  assert.equal(reloaded.code, 1);
  assert.match(reloaded.stderr, wayOut);
  assert.equal((await unitd.cli('start', 'db', 'app', 'site')).code, 0);
});

test('what waits for a unit that is not enabled and was stopped is told the way out too', async (t) => {
  const unitd = await startUnitd(t, {
    'db.yaml': 'command: sleep infinity\nenabled: false',
    'app.yaml': 'command: sleep infinity\nrequires: [db]',
  });
  await unitd.until({ app: 'running' });
  assert.equal((await unitd.cli('stop', 'db')).code, 0);
  assert.equal(await facts(unitd, 'db'), 'stopped, wanted down, held');
  const { code, stderr } = await unitd.cli('start', 'app');
  assert.equal(code, 1);
  assert.match(stderr, /^ {2}to let db run: unitd start db, or unitd release db$/m);
  assert.equal((await unitd.cli('release', 'db')).code, 0);
  assert.equal(await facts(unitd, 'app'), 'running, wanted up');
});

test('stop of known and unknown units stops the known, names the unknown and exits 4', async (t) => {
  const unitd = await startUnitd(t, {
    'a.yaml': 'command: sleep infinity',
    'b.yaml': 'command: sleep infinity',
  });
  await unitd.until({ a: 'running', b: 'running' });
  const { code, stderr } = await unitd.cli('stop', 'a', 'nobody', 'b');
  assert.equal(code, 4);
  assert.match(stderr, /^○ a stopped: .*\n○ b stopped: .*\nunitd: cannot find unit "nobody": /);
  await unitd.until({ a: 'stopped', b: 'stopped' });
});

test('release gives the word back to the file: a stopped unit starts, one started by hand stops', async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': 'command: sleep infinity',
    'spare.yaml': 'command: sleep infinity\nenabled: false',
  });
  await unitd.until({ web: 'running', spare: 'stopped' });
  assert.equal(await facts(unitd, 'spare'), 'stopped, wanted down');
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal((await unitd.cli('start', 'spare')).code, 0);
  assert.equal(await facts(unitd, 'spare'), 'running, wanted up, held');
  await unitd.stop();
  await unitd.start();
  await unitd.until({ web: 'stopped', spare: 'running' });
  assert.equal(await facts(unitd, 'spare'), 'running, wanted up, held');
  assert.equal((await unitd.cli('release', 'web', 'spare')).code, 0);
  await unitd.until({ web: 'running', spare: 'stopped' });
  assert.equal(await facts(unitd, 'web'), 'running, wanted up');
  assert.equal(await facts(unitd, 'spare'), 'stopped, wanted down');
});

test('a word that was taken back is not heard again by the next daemon, whatever was written down of it', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity\nenabled: false' });
  assert.equal((await unitd.cli('start', 'web')).code, 0);
  assert.equal(await facts(unitd, 'web'), 'running, wanted up, held');
  assert.equal((await unitd.cli('release', 'web')).code, 0);
  await unitd.until({ web: 'stopped' });
  await unitd.kill('SIGKILL');
  await unitd.start();
  assert.equal(await facts(unitd, 'web'), 'stopped, wanted down');
});

test('a unit that was stopped and whose file goes and comes back, starts again', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  unitd.remove('web.yaml');
  assert.equal((await unitd.cli('reload')).code, 0);
  assert.deepEqual((await unitd.status()).units, []);
  unitd.write('web.yaml', 'command: sleep infinity');
  assert.equal((await unitd.cli('reload')).code, 0);
  assert.equal(await facts(unitd, 'web'), 'running, wanted up');
});

test('verbs are safe to repeat, and take several units; dependants of a stopped unit wait and say for what', async (t) => {
  const unitd = await startUnitd(t, {
    'db.yaml': 'command: sleep infinity',
    'api.yaml': 'command: sleep infinity\nrequires: [db]',
    'web.yaml': 'command: sleep infinity',
  });
  await unitd.until({ db: 'running', api: 'running', web: 'running' });
  for (const _ of [1, 2]) {
    assert.equal((await unitd.cli('stop', 'db', 'web')).code, 0);
    assert.equal(await facts(unitd, 'db'), 'stopped, wanted down, held');
    assert.equal(await facts(unitd, 'web'), 'stopped, wanted down, held');
    assert.equal(await facts(unitd, 'api'), 'waiting, wanted up');
    assert.match((await unitd.unit('api')).unit.reason, /"db".*stopped by the operator/);
  }
  for (const _ of [1, 2]) {
    assert.equal((await unitd.cli('start', 'db', 'web')).code, 0);
    assert.equal(await facts(unitd, 'db'), 'running, wanted up');
  }
  await unitd.until({ api: 'running' });
  const pid = (await unitd.unit('web')).unit.pid;
  assert.equal((await unitd.cli('start', 'web')).code, 0);
  assert.equal((await unitd.unit('web')).unit.pid, pid, 'a start of what is up is nothing');
});

test('restart gives a new process to the unit and to those that require it, and comes back when they are up', async (t) => {
  const unitd = await startUnitd(t, {
    'db.yaml': 'command: sleep infinity',
    'api.yaml': 'command: sleep infinity\nrequires: [db]',
    'web.yaml': 'command: sleep infinity\nwants: [db]',
  });
  await unitd.until({ db: 'running', api: 'running', web: 'running' });
  const pids = async (): Promise<(number | null)[]> => (await unitd.status()).units.map(({ pid }) => pid);
  const [api, db, web] = await pids();
  const ran = await unitd.cli('restart', 'db');
  assert.equal(ran.code, 0, ran.stderr);
  await unitd.until((look) => look('api')?.to === 'running' && look('api')?.pid !== api);
  const [api2, db2, web2] = await pids();
  assert.deepEqual([api2 === api, db2 === db, web2 === web], [false, false, true]);
});

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: the ends of a unit are remembered across a clean stop and a boot, until its file is gone`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 0s }`,
        },
        options,
      );
      process.kill((await channel.next('up')).pid, 'SIGKILL');
      await channel.next('up', 1);
      const causes = async (): Promise<readonly string[]> =>
        (await unitd.unit('web')).history.map(
          ({ text, requested }) => `${text}${requested ? ', asked for' : ''}`,
        );
      await unitd.stop();
      // What is in the runtime directory goes with the boot.
      rmSync(unitd.runtime, { recursive: true });
      await unitd.start();
      await channel.next('up', 2);
      const ends = ['was killed by SIGKILL', 'was killed by SIGTERM, asked for'];
      assert.deepEqual(await causes(), ends);
      const { unit } = await unitd.unit('web');
      assert.deepEqual([unit.lastExit?.signal, unit.restarts, unit.reason], ['SIGTERM', 0, 'up']);

      unitd.remove('web.yaml');
      assert.equal((await unitd.cli('reload')).code, 0);
      unitd.write('web.yaml', `command: ${child.announce} ${channel.path}`);
      assert.equal((await unitd.cli('reload')).code, 0);
      assert.deepEqual(await causes(), []);
    },
  );
}
