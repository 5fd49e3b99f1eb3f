// The daemon starts over unit files that are not valid: from the last good form of each, and it says so until it is
// mended.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: a daemon that starts over a broken file runs its last good form, degraded, and heals at the next good reload`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `command: ${child.announce} ${channel.path} web`,
          'db.yaml': `command: ${child.announce} ${channel.path} db`,
        },
        options,
      );
      await channel.next('web');
      await channel.next('db');
      await unitd.stop();
      unitd.write('web.yaml', 'command: sleep infinity\nrestart: { delai: 1s }\n');
      unitd.write('db.yaml', `command: ${child.announce} ${channel.path} db2`);
      await unitd.start();
      const web = await channel.next('web', 1);
      await channel.next('db2');
      await unitd.says(`${join(unitd.units, 'web.yaml')}:2:`);
      const { daemon } = await unitd.status();
      assert.equal(daemon.degraded, true);
      assert.deepEqual(
        daemon.problems.map(({ unit, line, field, severity }) => ({ unit, line, field, severity })),
        [{ unit: 'web', line: 2, field: 'restart.delai', severity: 'error' }],
      );
      const told = await unitd.cli('status');
      assert.match(told.stdout + told.stderr, /degraded/i);
      assert.match(told.stdout + told.stderr, /web\.yaml:2:/);

      assert.equal((await unitd.cli('reload')).code, 78, 'a reload is still all or nothing');
      assert.equal((await unitd.unit('web')).unit.pid, web.pid);
      assert.equal((await unitd.status()).daemon.degraded, true);

      unitd.write('web.yaml', `command: ${child.announce} ${channel.path} web\nrestart: { delay: 1s }`);
      assert.equal((await unitd.cli('reload')).code, 0);
      const { daemon: healed } = await unitd.status();
      assert.deepEqual([healed.degraded, healed.problems], [false, []]);
      assert.equal((await unitd.unit('web')).unit.pid, web.pid, 'the same command, so the same process');
    },
  );
}

test('without a last good set the good files run, degraded, and what requires a bad one does not', async (t) => {
  const unitd = await startUnitd(t, {
    'good.yaml': 'command: sleep infinity',
    'bad.yaml': 'command: [unclosed',
    'needy.yaml': 'command: sleep infinity\nrequires: [bad]',
  });
  await unitd.until({ good: 'running' });
  const { daemon, units } = await unitd.status();
  assert.deepEqual(
    units.map(({ name, state }) => `${name} ${state}`),
    ['good running'],
  );
  assert.equal(daemon.degraded, true);
  assert(daemon.problems.some(({ unit, file }) => unit === 'bad' && file === join(unitd.units, 'bad.yaml')));
  unitd.write('bad.yaml', 'command: sleep infinity');
  assert.equal((await unitd.cli('reload')).code, 0);
  await unitd.until({ good: 'running', bad: 'running', needy: 'running' });
  assert.equal((await unitd.status()).daemon.degraded, false);
});

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: a units.d that is gone at the start: the last good set runs; once back, a reload takes it`,
    { skip },
    async (t) => {
      const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' }, options);
      await unitd.until({ web: 'running' });
      await unitd.stop();
      renameSync(unitd.units, `${unitd.units}.away`);
      await unitd.start();
      await unitd.until({ web: 'running' });
      assert.equal((await unitd.status()).daemon.degraded, true);
      assert.equal((await unitd.cli('reload')).code, 78);
      assert.equal((await unitd.unit('web')).unit.state, 'running', 'a directory that is gone stops nothing');
      renameSync(`${unitd.units}.away`, unitd.units);
      assert.equal((await unitd.cli('reload')).code, 0);
      assert.equal((await unitd.status()).daemon.degraded, false);
    },
  );
}

test('the last good set is that of the last reload without an error, not of a partial one', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity\ndescription: first' });
  unitd.write('web.yaml', 'command: sleep infinity\ndescription: second');
  assert.equal((await unitd.cli('reload')).code, 0);
  unitd.write('web.yaml', 'command: oops: oops');
  unitd.write('other.yaml', 'command: sleep infinity');
  assert.equal((await unitd.cli('reload', '--partial')).code, 0);
  await unitd.stop();
  unitd.write('other.yaml', 'command: [');
  await unitd.start();
  const { units, daemon } = await unitd.status();
  assert.equal(daemon.degraded, true);
  assert.deepEqual(
    units.map(({ name, description }) => `${name} ${description}`),
    ['web second'],
  );
});

test('a partial reload and the next daemon leave what runs to run, whose error came with another file', async (t) => {
  const unitd = await startUnitd(t, {
    'a.yaml': 'command: sleep infinity\nrequires: [b]',
    'b.yaml': 'command: sleep infinity',
    'held.yaml': 'command: sleep infinity\nrequires: [b]',
    'c.yaml': 'command: sleep infinity\nconflicts: [d]',
    'd.yaml': 'command: sleep infinity\nenabled: false',
  });
  await unitd.until({ a: 'running', b: 'running', c: 'running', held: 'running' });
  assert.equal((await unitd.cli('stop', 'held')).code, 0);
  const pids = async (): Promise<readonly unknown[]> =>
    (await unitd.status()).units.map(({ name, pid, state }) => `${name} ${state} ${pid}`);
  const before = await pids();
  unitd.remove('b.yaml');
  unitd.write('d.yaml', 'command: sleep infinity\nenabled: true');
  assert.equal((await unitd.cli('reload')).code, 78);
  const partial = await unitd.cli('reload', '--partial');
  assert.equal(partial.code, 0, partial.stderr);
  assert.deepEqual(await pids(), before);
  await unitd.kill('SIGKILL');
  await unitd.start();
  assert.equal((await unitd.status()).daemon.degraded, true);
  assert.deepEqual(await pids(), before);
  unitd.write('b.yaml', 'command: sleep infinity');
  unitd.write('d.yaml', 'command: sleep infinity\nenabled: false');
  assert.equal((await unitd.cli('reload')).code, 0);
  assert.deepEqual(await pids(), before, 'the operator has said nothing else of what is held');
});

test('a daemon after one that was killed goes by what ran, and not by the last set without errors', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  unitd.write('bad.yaml', 'command: [');
  unitd.write('new.yaml', 'command: sleep infinity');
  assert.equal((await unitd.cli('reload', '--partial')).code, 0);
  const looks = await unitd.until({ web: 'running', new: 'running' });
  const killed = async (): Promise<void> => {
    await unitd.kill('SIGKILL');
    await unitd.start();
    for (const [name, { pid }] of Object.entries(looks)) {
      const { unit } = await unitd.unit(name);
      assert.deepEqual([unit.state, unit.pid], ['running', pid], name);
    }
  };
  unitd.write('new.yaml', 'command: [');
  await killed();
  // Nor need there be one, nor a directory of unit files.
  rmSync(join(unitd.state, 'last-good.json'));
  renameSync(unitd.units, `${unitd.units}.away`);
  await killed();
});

test('a daemon after one that was killed as it started has the last good form of what that one had not written down', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  const journal = join(unitd.runtime, 'journal');
  const [boot] = readFileSync(journal, 'utf8').split('\n');
  await unitd.stop();
  unitd.write('web.yaml', 'command: [');
  writeFileSync(journal, `${boot}\n`);
  await unitd.start();
  await unitd.until({ web: 'running' });
});
