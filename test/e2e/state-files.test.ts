// Files of the state directory that are damaged, or another kind of file: each is set aside or replaced and said to be,
// nothing else is lost, and the daemon starts all the same. And the same of its live state, where it does not.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel } from '../support/child.ts';
import { smallDisk } from '../support/small-disk.ts';
import { startUnitd, Unitd } from '../support/unitd.ts';
import { cannotRunAs, idsOf } from '../support/launch.ts';
import { ORDINARY, USERS } from '../support/users.ts';

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

test('FIFOs in the place of state files keep no daemon waiting: it says what it goes on without, and replaces them', async (t) => {
  const unitd = new Unitd(t, {});
  unitd.write('web.yaml', 'type: oneshot\ncommand: "true"');
  mkdirSync(unitd.state, { mode: 0o700 });
  const path = (name: string): string => join(unitd.state, name);
  const told = ['intents.json', 'last-good.json', 'history'].map(path);
  execFileSync('mkfifo', told);
  await unitd.start();
  for (const file of told) await unitd.says(`${file}\\": it is no regular file, going on without it`);
  await unitd.until({ web: 'completed' });
  // An operator's word, which is kept.
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  await unitd.stop();
  for (const file of told) assert.ok(lstatSync(file).isFile(), file);
});

test('a FIFO in the place of the pid’s file is replaced; one in that of the journal keeps a daemon from starting, and it says so', async (t) => {
  const unitd = new Unitd(t, {});
  mkdirSync(unitd.runtime, { mode: 0o700 });
  const journal = join(unitd.runtime, 'journal');
  execFileSync('mkfifo', [journal, join(unitd.runtime, 'unitd.pid')]);
  const ran = await unitd.cli('daemon');
  assert.equal(ran.code, 1);
  assert.ok(ran.stderr.includes(`cannot read journal \\"${journal}\\": it is no regular file`), ran.stderr);
  rmSync(journal);
  await unitd.start();
});

test('links in the place of what the daemon writes are replaced, and nothing is written through them', async (t) => {
  const unitd = new Unitd(t, {});
  const target = join(unitd.root, 'precious');
  writeFileSync(target, 'precious');
  mkdirSync(unitd.runtime, { mode: 0o700 });
  symlinkSync(target, join(unitd.runtime, 'journal.new'));
  await unitd.start();
  assert.ok(lstatSync(join(unitd.runtime, 'journal')).isFile());
  assert.equal(readFileSync(target, 'utf8'), 'precious');
});

test(
  'a runtime directory that the daemon’s user may not write to keeps it from starting, and it says so',
  { skip: cannotRunAs(ORDINARY) },
  async (t) => {
    const unitd = new Unitd(t, { asUser: ORDINARY });
    mkdirSync(unitd.runtime);
    chownSync(unitd.runtime, ...idsOf(ORDINARY));
    for (const [mode, what] of [
      [0o500, `cannot make directory \\"${unitd.runtime}/fifo\\": EACCES at \\"${unitd.runtime}\\"`],
      [0o000, `cannot use directory \\"${unitd.runtime}/fifo\\": EACCES`],
    ] as const) {
      chmodSync(unitd.runtime, mode);
      const ran = await unitd.cli('daemon');
      assert.equal(ran.code, 1);
      assert.ok(ran.stderr.includes(`${what}, expected one to write to`), ran.stderr);
    }
  },
);

test(
  'of a state directory like /tmp nothing is believed that another user has written',
  { skip: process.geteuid?.() !== 0 && 'needs root' },
  async (t) => {
    const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
    await unitd.stop();
    const planted = join(unitd.state, 'last-good.json');
    writeFileSync(planted, readFileSync(planted, 'utf8').replaceAll('infinity', '1000'));
    chownSync(planted, 65_534, 65_534);
    chmodSync(unitd.state, 0o1777);
    unitd.write('web.yaml', 'comand: sleep infinity');
    await unitd.start();
    await unitd.says(/last-good\.json.*it belongs to uid 65534, expected uid 0 or root, going on without it/);
    const { daemon, units } = await unitd.status();
    assert.deepEqual([daemon.degraded, units], [true, []]);
  },
);
