// A machine that refuses at the two ends of a daemon's life: when it starts, and when it is told to end. Either it does
// what it is there for, or it says in one line what it lacks, and leaves every process to the next one.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { child, openChannel } from '../support/child.ts';
import { refusalsOf, REFUSALS, withFaults } from '../support/faults.ts';
import { isAlive } from '../support/processes.ts';
import { startUnitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

test('a daemon whose directories have been removed starts its units anew, and ends when it is told to', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 0s }`,
  });
  const first = await channel.next('up');
  await unitd.until({ web: 'running' });
  for (const directory of [unitd.units, unitd.runtime, unitd.state, unitd.logs]) {
    rmSync(directory, { recursive: true });
  }
  process.kill(first.pid, 'SIGKILL');
  const second = await channel.next('up');
  unitd.signal('SIGTERM');
  assert.deepEqual(await unitd.ended(), { code: 0, signal: null });
  assert.ok(!isAlive(second.pid));
});

for (const user of USERS) {
  for (const how of REFUSALS) {
    withFaults(
      user,
      `a daemon on a ${how} runtime directory says why it does not start, and the next one has the units`,
      async (t, faults, options) => {
        const channel = openChannel(t);
        const unitd = await startUnitd(
          t,
          { 'web.yaml': `command: ${child.announce} ${channel.path}` },
          options,
        );
        const { pid } = await channel.next('up');
        await unitd.until({ web: 'running' });
        await unitd.kill('SIGKILL');
        faults.fail(...refusalsOf(unitd.runtime, how));
        const refused = await unitd.cli('daemon');
        assert.equal(refused.code, 1, refused.stderr);
        const said = refused.stderr.trimEnd().split('\n');
        assert.match(
          said.at(-1) ?? '',
          /"level":"error","event":"start","message":"cannot .*(ENOSPC|EIO|EROFS)/,
        );
        assert.doesNotMatch(refused.stderr, /"event":"bug"| at /, 'no stack');
        assert.ok(isAlive(pid));

        faults.mend();
        await unitd.start();
        assert.equal((await unitd.unit('web')).unit.pid, pid);
      },
    );

    withFaults(
      user,
      `a daemon whose ${how} directories for state and logs are there starts, and takes its units back`,
      async (t, faults, options) => {
        const channel = openChannel(t);
        const unitd = await startUnitd(
          t,
          {
            'web.yaml': `command: ${child.announce} ${channel.path} web`,
            'new.yaml': `command: ${child.announce} ${channel.path} new\nenabled: false`,
          },
          options,
        );
        const { pid } = await channel.next('web');
        await unitd.until({ web: 'running' });
        await unitd.kill('SIGKILL');
        faults.fail(...refusalsOf(unitd.state, how), ...refusalsOf(unitd.logs, how));
        await unitd.start();
        assert.equal((await unitd.unit('web')).unit.pid, pid);
        assert.equal((await unitd.cli('start', 'new')).code, 0);
        await channel.next('new');
      },
    );

    withFaults(
      user,
      `a daemon that is told to end while all of its disk is ${how} stops its units and ends well`,
      async (t, faults, options) => {
        const channel = openChannel(t);
        const unitd = await startUnitd(
          t,
          {
            'web.yaml': `command: ${child.announce} ${channel.path}`,
            'chatty.yaml': 'command: [sh, -c, "seq 100; exec sleep infinity"]',
          },
          options,
        );
        await channel.next('up');
        await unitd.until({ web: 'running', chatty: 'running' });
        await unitd.cli('stop', 'web');
        faults.fail(...refusalsOf(unitd.root, how));
        unitd.signal('SIGTERM');
        await unitd.says('all units are down');
        faults.mend();
        assert.deepEqual(await unitd.ended(), { code: 0, signal: null });
        assert.deepEqual(unitd.processes(), []);
        assert.doesNotMatch(unitd.said.join('\n'), /"event":"bug"/);

        // What could not be removed is no hindrance, and goes with the next one.
        await unitd.start();
        await unitd.until({ web: 'stopped', chatty: 'running' });
        assert.deepEqual(await unitd.stop(), { code: 0, signal: null });
      },
    );
  }
}
