// A version on disk that cannot take over: refused with its reason, and the old one goes on as it was. And one that
// fails after all: no unit is lost.
import assert from 'node:assert/strict';
import {
  chmodSync,
  constants,
  copyFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { withFaults } from '../support/faults.ts';
import { processFact } from '../support/processes.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';
import { ASKED, TAKING_OVER, versionsOf, type Installed } from '../support/versions.ts';

const WEB = 'command: sleep infinity';

/** What is refused must leave no trace. */
async function facts(unitd: Unitd): Promise<unknown> {
  const { daemon, units } = await unitd.status();
  return { daemon, units: units.map((unit) => ({ ...unit, usage: null })) };
}

async function refusal(unitd: Unitd): Promise<string> {
  const before = await facts(unitd);
  const ran = await unitd.cli('reexec');
  assert.equal(ran.code, 1, ran.stdout);
  assert.equal(ran.stdout, '');
  assert.deepEqual(await facts(unitd), before);
  const told = /^unitd: cannot replace daemon by the version on disk: (.*); version 7\.0\.0 goes on\n$/.exec(
    ran.stderr,
  );
  return told?.[1] ?? ran.stderr;
}

const program = (installed: Installed): string => join(installed.root, 'dist/bin/unitd.cjs');

const BROKEN: readonly (readonly [string, (installed: Installed) => void, RegExp])[] = [
  ['is deleted', ({ root }) => rmSync(root, { recursive: true }), /ended with code 1: .*Cannot find module/],
  [
    'lacks one of its files',
    ({ root }) => rmSync(join(root, 'dist/bin/daemon.js')),
    /ended with code 1: .*Cannot find module .*daemon\.js/,
  ],
  [
    'has a syntax error',
    (installed) => writeFileSync(program(installed), 'if (\n'),
    /ended with code 1: SyntaxError: Unexpected end of input/,
  ],
  [
    'has a syntax error in the daemon alone',
    ({ root }) => writeFileSync(join(root, 'dist/bin/daemon.js'), 'const = 1;\n'),
    /ended with code 1: SyntaxError: /,
  ],
  [
    'throws',
    (installed) => writeFileSync(program(installed), 'throw new Error("not today");\n'),
    /ended with code 1: Error: not today/,
  ],
  ['says nothing', (installed) => writeFileSync(program(installed), ''), /it did not say whether it can/],
  [
    'kills itself',
    (installed) => writeFileSync(program(installed), 'process.kill(process.pid, "SIGKILL");\n'),
    /it ended with SIGKILL/,
  ],
  [
    'takes over in another format',
    ({ root }) => edit(join(root, 'dist/bin/daemon.js'), /HANDOVER_FORMAT = \d+/, 'HANDOVER_FORMAT = 99'),
    /it takes over in format 99, the daemon leaves itself in format 1/,
  ],
  [
    'writes its journal otherwise',
    // The first one after the name of its file.
    ({ root }) =>
      edit(
        join(root, 'dist/bin/daemon.js'),
        /(?<=\/\/ src\/daemon\/journal\.ts\n[^]*?\bVERSION\d* = )\d+/,
        '99',
      ),
    /journal ".*" is of version 1, expected 99/,
  ],
  [
    'does not know a field that a unit has',
    ({ root }) => {
      for (const path of ['schemas/unit.schema.json', 'dist/config/unit-schema.cjs']) {
        edit(join(root, path), /"nice": ?\{/g, '"nasty": {');
      }
    },
    /unit "web" is not valid for it: .*nice is not a known field/,
  ],
];

function edit(path: string, what: RegExp, by: string): void {
  const before = readFileSync(path, 'utf8');
  assert.match(before, what, path);
  writeFileSync(path, before.replace(what, by));
}

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: a version that cannot take over is refused with its reason, and the old one goes on`,
    { skip },
    async (t) => {
      const versions = versionsOf(t);
      const good = versions.install('7.0.0');
      good.use();
      const files = { 'web.yaml': `${WEB}\nnice: 19` };
      const unitd = await startUnitd(t, files, { program: versions.program, ...options });
      assert.equal((await unitd.cli('wait', 'web')).code, 0);
      for (const [index, [what, breakIt, reason]] of BROKEN.entries()) {
        const bad = versions.install(`8.0.${index}`);
        breakIt(bad);
        bad.use();
        assert.match(await refusal(unitd), reason, what);
      }
      if (options.asUser !== undefined) {
        const bad = versions.install('9.0.0');
        chmodSync(join(bad.root, 'dist'), 0);
        bad.use();
        assert.match(
          await refusal(unitd),
          /ended with code 1: .*(Cannot find module|EACCES|permission denied)/,
        );
      }
      good.use();
      chmodSync(unitd.state, 0o777);
      assert.match(await refusal(unitd), /^cannot use directory ".*": everybody may write in it, expected/);
      chmodSync(unitd.state, 0o700);
      assert.equal((await unitd.cli('reexec')).code, 0);
    },
  );
}

test('a daemon whose files are gone from the disk reads, checks and runs its first unit', async (t) => {
  const versions = versionsOf(t);
  const gone = versions.install('7.0.0');
  gone.use();
  const unitd = await startUnitd(t, {}, { program: versions.program });
  rmSync(gone.root, { recursive: true });
  unitd.write('web.yaml', `${WEB}\nnicer: 1`);
  const refused = await unitd.cli('reload');
  assert.match(refused.stdout + refused.stderr, /nicer is not a known field, did you mean nice\?/);
  unitd.write('web.yaml', WEB);
  const ran = await unitd.cli('reload');
  assert.equal(ran.code, 0, ran.stderr);
  await unitd.until({ web: 'running' });
});

test('a node that is gone is refused; one that goes between trial and exec leaves the old version going on', async (t) => {
  const versions = versionsOf(t);
  versions.install('7.0.0').use();
  const node = join(temporaryDirectory(t), 'node');
  copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
  const channel = openChannel(t);
  const files = { 'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 10ms }` };
  const unitd = await startUnitd(t, files, { program: versions.program, node });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  versions.install('8.0.0', `if (${ASKED}) require('node:fs').rmSync(process.execPath);`).use();
  const { startedAt } = (await unitd.status()).daemon;
  const descriptors = (): number => readdirSync(`/proc/${unitd.pid}/fd`).length;
  const before = descriptors();
  const ran = await unitd.cli('reexec');
  assert.equal(ran.code, 1);
  assert.match(
    ran.stderr,
    /cannot replace daemon: exec of ".*\/node" failed with ENOENT; version 7\.0\.0 goes on/,
  );
  assert.match(
    await unitd.says('exec of'),
    /cannot replace daemon: exec of \\".*\/node\\" failed with ENOENT; version 7\.0\.0 goes on/,
  );
  const { daemon, units } = await unitd.status();
  assert.deepEqual(
    [daemon.startedAt, daemon.replacedAt, daemon.version, units[0]?.pid, units[0]?.restarts],
    [startedAt, null, '7.0.0', pid, 0],
  );
  // The harness's own connection was cut.
  assert.ok(descriptors() <= before + 1, `${descriptors()} descriptors after ${before}`);
  process.kill(pid, 'SIGKILL');
  await unitd.followAnew();
  const again = await channel.next('up', 1);
  await unitd.until((look) => look('web')?.pid === again.pid);
  assert.equal((await unitd.unit('web')).unit.lastExit?.signal, 'SIGKILL');
  assert.match(await refusal(unitd), /^cannot run ".*\/node": spawn .* ENOENT$/);
});

for (const user of USERS) {
  withFaults(
    user,
    'a system that lets the old version tell the new one nothing leaves the old one going on',
    async (t, faults, options) => {
      const unitd = await startUnitd(t, { 'web.yaml': WEB }, options);
      await unitd.until({ web: 'running' });
      const { pid } = (await unitd.unit('web')).unit;
      faults.fail({ call: 'write', below: '/memfd:', error: 'ENOMEM' });
      const ran = await unitd.cli('reexec');
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(
        ran.stderr,
        /cannot replace daemon: cannot write to the next program: ENOMEM: .*; version .* goes on/,
      );
      assert.equal((await unitd.unit('web')).unit.pid, pid);
      faults.mend();
      await unitd.followAnew();
      assert.equal((await unitd.cli('reexec')).code, 0);
      assert.equal((await unitd.unit('web')).unit.pid, pid);
    },
  );
}

test('a version that fails after its trial leaves the units to the next daemon', async (t) => {
  const versions = versionsOf(t);
  const good = versions.install('7.0.0');
  good.use();
  const channel = openChannel(t);
  const files = { 'web.yaml': `command: ${child.announce} ${channel.path}` };
  const unitd = await startUnitd(t, files, { program: versions.program });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  versions.install('8.0.0', `if (${TAKING_OVER}) throw new Error('changed its mind');`).use();
  const ended = unitd.ended();
  const ran = await unitd.cli('reexec');
  assert.equal(ran.code, 69);
  assert.match(ran.stderr, /cannot reach the daemon[^]*the units run on/);
  assert.deepEqual(await ended, { code: 1, signal: null });
  assert.notEqual(processFact(pid), null);
  good.use();
  await unitd.start();
  assert.equal((await unitd.unit('web')).unit.pid, pid);
});
