// Units that ask for what this machine, or this daemon, does not give: said where they ask for it, before anything is
// changed; and what becomes of those that run.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

const BY_SESSION = { args: ['--fence', 'session'] };
const WHY =
  'resources.tasksMax cannot be in force, since units are held by session, expected the controller "pids" of cgroup v2';

test('reload refuses resources without their controller, with file, line and column', async (t) => {
  const channel = openChannel(t);
  const command = `command: ${child.announce} ${channel.path}\n`;
  const unitd = await startUnitd(t, { 'web.yaml': command }, BY_SESSION);
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  unitd.write('web.yaml', `${command}nice: 5\nresources:\n  tasksMax: 5\n`);
  for (const verb of ['plan', 'reload']) {
    const { code, stderr } = await unitd.cli(verb);
    assert.equal(code, 78, stderr);
    const place = `${join(unitd.units, 'web.yaml')}:4:13: `;
    assert.ok(stderr.includes(`${place}cannot load unit "web": ${WHY}`), stderr);
  }
  assert.equal((await unitd.unit('web')).unit.pid, pid);
  const partial = await unitd.cli('reload', '--partial');
  assert.equal((await unitd.unit('web')).unit.pid, pid, partial.stderr);
  const { daemon } = await unitd.status();
  assert.deepEqual([daemon.degraded, daemon.problems[0]?.code], [true, 'no-controller']);
});

test('a daemon that starts without the controller is degraded, and the unit says why it does not run', async (t) => {
  const unitd = await startUnitd(
    t,
    { 'web.yaml': 'command: sleep infinity\nrestart: { policy: "no" }\nresources: { tasksMax: 5 }' },
    BY_SESSION,
  );
  await unitd.until({ web: 'failed' });
  const { unit } = await unitd.unit('web');
  assert.equal(unit.lastExit?.cause, 'spawn');
  assert.match(unit.reason, /its resources cannot be in force, since units are held by session/);
  const { daemon } = await unitd.status();
  assert.deepEqual(
    [daemon.degraded, daemon.problems.map(({ line, column, code }) => ({ line, column, code }))],
    [true, [{ line: 3, column: 24, code: 'no-controller' }]],
  );
});
