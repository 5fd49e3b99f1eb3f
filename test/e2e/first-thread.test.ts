// A process whose first thread has ended by pthread_exit(3) while others go on: the kernel shows it as a zombie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAlive, processStat } from '../../src/os/procfs.ts';
import { cannotUseCgroups } from '../support/cgroups.ts';
import { openChannel } from '../support/child.ts';
import { NO_COMPILER } from '../support/faults.ts';
import { headlessProgram } from '../support/headless.ts';
import { processFact } from '../support/processes.ts';
import { startUnitd } from '../support/unitd.ts';

const fences = [
  { fence: 'cgroup', skip: cannotUseCgroups() },
  { fence: 'session', skip: false },
] as const;

for (const { fence, skip } of fences) {
  const title = `by ${fence}: a process whose first thread has ended lives: it is taken back, and ended by a stop`;
  test(title, { skip }, async (t) => {
    const program = headlessProgram(t);
    if (program === null) return t.skip(NO_COMPILER);
    const channel = openChannel(t);
    const unitd = await startUnitd(
      t,
      {
        'web.yaml': `command: ${program} ${channel.path}\nstop: { timeout: 100ms }`,
        'other.yaml': 'command: sleep 1h\nenabled: false',
      },
      { args: ['--fence', fence] },
    );
    const { pid } = await channel.next('threads');
    assert.equal(processFact(pid)?.state, 'Z');
    await unitd.until({ web: 'running' });
    // Whoever is started later has nothing to do with it.
    assert.equal((await unitd.cli('start', 'other')).code, 0);
    await unitd.kill('SIGKILL');
    await unitd.start();
    await unitd.until({ web: 'running', other: 'running' });
    const { unit } = await unitd.unit('web');
    assert.deepEqual([unit.pid, unit.restarts], [pid, 0]);
    assert.equal((await unitd.cli('restart', 'other')).code, 0);
    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    assert.equal((await unitd.unit('web')).unit.state, 'stopped');
    assert.equal(isAlive(processStat(pid)), false);
    assert.equal((await unitd.unit('other')).unit.state, 'running');
  });
}
