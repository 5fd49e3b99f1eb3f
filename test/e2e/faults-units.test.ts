// What may happen to units.d, and to time, while units run: a directory that goes, is exchanged, is being written, or
// lies on a disk that does not answer; a machine that has slept. No unit notices anything that its file does not say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel } from '../support/child.ts';
import { NO_COMPILER, openFaults } from '../support/faults.ts';
import { isAlive } from '../support/processes.ts';
import { startUnitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: a units.d that is deleted, or is a file, stops nothing; one that is back is taken`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const files = { 'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 10ms }` };
      const unitd = await startUnitd(t, files, options);
      process.kill((await channel.next('up')).pid, 'SIGKILL');
      const { pid } = await channel.next('up', 1);
      await unitd.until((look) => look('web')?.pid === pid);
      const away = `${unitd.units}.away`;
      renameSync(unitd.units, away);
      for (const [expected, make] of [
        [/does not exist/, () => undefined],
        [/cannot be read \(ENOTDIR\)|belongs to uid/, () => writeFileSync(unitd.units, 'command: sleep 1')],
      ] as const) {
        make();
        const refused = await unitd.cli('reload');
        assert.equal(refused.code, 78);
        assert.match(refused.stderr, expected);
        assert.equal((await unitd.cli('plan')).code, 78);
        assert.equal((await unitd.unit('web')).unit.pid, pid);
      }
      // What it knows, it goes on with.
      process.kill(pid, 'SIGKILL');
      const again = await channel.next('up', 2);
      await unitd.until((look) => look('web')?.pid === again.pid);
      rmSync(unitd.units);
      renameSync(away, unitd.units);
      assert.equal((await unitd.cli('reload')).code, 0);
      assert.equal((await unitd.unit('web')).unit.pid, again.pid);
    },
  );

  test(
    `as ${as}: a units.d that is exchanged for another is what the next reload goes by`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'same.yaml': `command: ${child.announce} ${channel.path} same`,
          'gone.yaml': `command: ${child.announce} ${channel.path} gone`,
        },
        options,
      );
      const [same, gone] = await Promise.all([channel.next('same'), channel.next('gone')]);
      await unitd.until({ same: 'running', gone: 'running' });
      // As a deploy does that points a link to the next release.
      const release = join(unitd.root, 'release-2');
      mkdirSync(release);
      renameSync(join(unitd.units, 'same.yaml'), join(release, 'same.yaml'));
      unitd.write('new.yaml', `command: ${child.announce} ${channel.path} new`);
      renameSync(join(unitd.units, 'new.yaml'), join(release, 'new.yaml'));
      renameSync(unitd.units, `${unitd.units}.old`);
      symlinkSync(release, unitd.units);
      assert.equal((await unitd.cli('reload')).code, 0);
      await channel.next('new');
      assert.equal(isAlive(gone.pid), false);
      const { units } = await unitd.status();
      assert.deepEqual(
        units.map(({ name, state }) => [name, state]),
        [
          ['new', 'running'],
          ['same', 'running'],
        ],
      );
      assert.equal((await unitd.unit('same')).unit.pid, same.pid);
    },
  );

  test(`as ${as}: files that are half written move nothing until they are whole`, { skip }, async (t) => {
    const channel = openChannel(t);
    const text = `command: [${child.announce}, ${channel.path}, web]\nrestart:\n  delay: 10ms\n`;
    const unitd = await startUnitd(t, { 'web.yaml': text }, options);
    const { pid } = await channel.next('web');
    await unitd.until({ web: 'running' });
    // In place, as an editor or a copy does that takes its time; and beside it, under the name that it is to have later.
    for (const length of [0, 9, text.indexOf(',') + 1, text.indexOf('delay') + 3]) {
      writeFileSync(join(unitd.units, 'web.yaml'), text.slice(0, length));
      for (const leftover of ['.web.yaml.swp', 'web.yaml~', '#web.yaml#', 'web.yaml.dpkg-new']) {
        writeFileSync(join(unitd.units, leftover), text.slice(0, length));
      }
      const refused = await unitd.cli('reload');
      assert.equal(refused.code, 78, `${length} bytes: ${refused.stdout}${refused.stderr}`);
      assert.match(refused.stderr, /units\.d\/web\.yaml(:\d+:\d+)?: cannot load unit "web": /);
      assert.doesNotMatch(refused.stderr, /swp|~|#web|dpkg/);
      assert.equal((await unitd.unit('web')).unit.pid, pid);
    }
    writeFileSync(join(unitd.units, 'web.yaml'), text);
    assert.equal((await unitd.cli('reload')).code, 0);
    assert.equal((await unitd.unit('web')).unit.pid, pid);
  });

  test(
    `as ${as}: a units.d on a disk that does not answer holds up its reload, and nothing else`,
    { skip },
    async (t) => {
      const faults = openFaults(t);
      if (faults === null) return t.skip(NO_COMPILER);
      const channel = openChannel(t);
      const announce = (word: string): string => `command: ${child.announce} ${channel.path} ${word}`;
      const many = Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [`idle-${index}.yaml`, 'command: "true"\nenabled: false']),
      );
      const unitd = await startUnitd(
        t,
        {
          ...many,
          'web.yaml': `${announce('web')}\nrestart: { delay: 10ms }`,
          'says.yaml': `command: [sh, -c, 'echo "$$$$ says so"; exec ${child.announce} ${channel.path} says']\nrestart: { delay: 10ms }`,
          'spare.yaml': `${announce('spare')}\nenabled: false`,
        },
        // What the daemon itself waits with must not take the threads that its work needs, however few there are.
        { ...options, env: { ...faults.env, UV_THREADPOOL_SIZE: '1' } },
      );
      const [web, says] = await Promise.all([channel.next('web'), channel.next('says')]);
      await unitd.until({ web: 'running', says: 'running' });
      await unitd.kill('SIGKILL');
      await unitd.start();
      const rock = await unitd.unit('web');
      assert.equal(rock.unit.pid, web.pid);
      unitd.write('web.yaml', `${announce('changed')}\nrestart: { delay: 10ms }`);
      let { pid } = says;
      // One after the other: beside a reload, a plan may come before it or after it.
      for (const [index, [verb, code]] of (
        [
          ['plan', 2],
          ['reload', 0],
        ] as const
      ).entries()) {
        faults.fail({ call: 'read-open', below: unitd.units, error: 'hangs' });
        let isHeldUp = true;
        const asked = unitd.cli(verb).finally(() => (isHeldUp = false));
        // Restarts, logs, operators' words and what is written down of them, all go on.
        process.kill(pid, 'SIGKILL');
        ({ pid } = await channel.next('says', index + 1));
        await unitd.untilLog('says', `${pid} says so`);
        assert.equal((await unitd.cli('start', 'spare')).code, 0);
        assert.equal((await unitd.cli('stop', 'spare')).code, 0);
        assert.equal((await unitd.cli('logs', '-n', '1', 'says')).stdout, `${pid} says so\n`);
        assert.equal((await unitd.unit('web')).unit.pid, web.pid);
        assert.ok(isHeldUp, `unitd ${verb} waits for the disk`);
        faults.mend();
        assert.equal((await asked).code, code);
      }
      await channel.next('changed');
    },
  );
}

/** As on a machine that has slept for a day: its time since boot is so far ahead of its monotonic time. */
const AFTER_A_DAY = ['unshare', '--time', '--boottime', '86400', '--fork', '--kill-child'];
const cannotSleep =
  spawnSync('unshare', [...AFTER_A_DAY.slice(1), 'true']).status !== 0 && 'needs time namespaces, and root';

test(
  'on a machine that has slept for a day, the next daemon takes back who lives, and a stop finds all of them',
  { skip: cannotSleep },
  async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(
      t,
      { 'web.yaml': `command: ${child.doubleFork} ${channel.path}\nstop: { timeout: 1h }` },
      { within: AFTER_A_DAY, args: ['--fence', 'session'] },
    );
    const [main, grandchild] = await Promise.all([channel.next('main'), channel.next('grandchild')]);
    await unitd.until({ web: 'running' });
    await unitd.kill('SIGKILL');
    await unitd.start();
    const { unit, processes } = await unitd.unit('web');
    assert.equal(unit.pid, main.pid);
    assert.deepEqual(new Set(processes.map(({ pid }) => pid)), new Set([main.pid, grandchild.pid]));
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    assert.deepEqual([isAlive(main.pid), isAlive(grandchild.pid)], [false, false]);
  },
);
