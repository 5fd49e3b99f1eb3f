// Files of the state directory that are damaged: each is set aside and said to be, nothing else is lost, and the daemon
// starts all the same.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel } from '../support/child.ts';
import { smallDisk } from '../support/small-disk.ts';
import { startUnitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

const cutOff = (text: string): string => text.slice(0, text.length >> 1);

const DAMAGES: Readonly<Record<string, (text: string) => string>> = {
  'intents.json': cutOff,
  'last-good.json': cutOff,
  history: (text) => `hello\n${text}`,
};

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: a daemon whose state files are all damaged sets them aside, says so, and runs what its unit files say`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 0s }`,
          'spare.yaml': 'command: sleep infinity',
        },
        options,
      );
      process.kill((await channel.next('up')).pid, 'SIGKILL');
      await channel.next('up', 1);
      assert.equal((await unitd.cli('stop', 'spare')).code, 0);
      await unitd.stop();
      const damaged = Object.entries(DAMAGES).map(([name, damage]) => {
        const path = join(unitd.state, name);
        const text = damage(readFileSync(path, 'utf8'));
        writeFileSync(path, text);
        return { path, text };
      });

      await unitd.start();
      for (const { path, text } of damaged) {
        await unitd.says(new RegExp(`${path}.*damaged, set aside as .*${path}\\.corrupt`));
        assert.equal(readFileSync(`${path}.corrupt`, 'utf8'), text);
      }
      // The operator's word is lost with its file, and what else the history holds is not.
      await unitd.until({ web: 'running', spare: 'running' });
      const { history } = await unitd.unit('web');
      assert.ok(history.some(({ text }) => text === 'was killed by SIGKILL'));
      assert.equal((await unitd.status()).daemon.degraded, false);

      assert.equal((await unitd.cli('stop', 'spare')).code, 0);
      await unitd.stop();
      for (const { path } of damaged) assert.ok(existsSync(path), path);
      await unitd.start();
      const { unit: spare } = await unitd.unit('spare');
      assert.deepEqual([spare.state, spare.held], ['stopped', true]);
      assert.doesNotMatch(unitd.said.join('\n'), /set aside/);
    },
  );
}

test('a stop that was taken back on a full state disk is not heard again: by none after a kill, and by none once there is room', async (t) => {
  const state = smallDisk(t, 32 * 1024);
  if (state === null) return t.skip('cannot mount a tmpfs');
  const files = { 'web.yaml': 'command: sleep infinity' };
  const unitd = await startUnitd(t, files, { args: ['--state-dir', state] });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  const ballast = join(state, 'ballast');
  assert.throws(() => writeFileSync(ballast, Buffer.alloc(64 * 1024)), /ENOSPC/);
  assert.equal((await unitd.cli('start', 'web')).code, 0);
  await unitd.says(/cannot write state file .*intents\.json.*ENOSPC/);
  const { pid } = (await unitd.unit('web')).unit;

  await unitd.kill('SIGKILL');
  await unitd.start();
  const after = (await unitd.unit('web')).unit;
  assert.deepEqual([after.state, after.pid, after.held], ['running', pid, false]);

  rmSync(ballast);
  await unitd.stop();
  await unitd.start();
  await unitd.until({ web: 'running' });
});
