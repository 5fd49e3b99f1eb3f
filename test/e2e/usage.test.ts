// What a unit's whole process tree uses: measured, told, and kept with its peaks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readControl } from '../../src/os/cgroup.ts';
import type { UsageSource, UsageSources } from '../../src/model/process.ts';
import { child, openChannel } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

/** Quick samples, so that the tests wait for several of them. */
const OFTEN = { args: ['--usage-interval', '100ms'] };
const MIB = 1024 * 1024;

/** A cgroup counts processor time by itself, the rest with its controllers. */
function sourcesOf(fence: string | null): UsageSources {
  const passedOn = fence === null ? null : readControl(fence, 'cgroup.subtree_control');
  const by = (isCounted: boolean | undefined): UsageSource => (isCounted === true ? 'cgroup' : 'pidusage');
  return {
    cpu: by(fence !== null),
    memory: by(passedOn?.includes('memory')),
    tasks: by(passedOn?.includes('pids')),
  };
}

test('usage: the tasks, memory and CPU of all processes of the tree, in events, status and unit', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    {
      'idle.yaml': `command: ${child.announce} ${channel.path} idle`,
      // The main process sleeps; what is busy is its child and its grandchild in another session.
      'tree.yaml': `
        command: [/bin/sh, -c, '(setsid ${child.spin} ${channel.path} &); ${child.spin} ${channel.path} & wait']`,
    },
    OFTEN,
  );
  await channel.next('idle');
  await channel.next('spinning', 1);
  const source = sourcesOf(unitd.fenceDirectory);
  await unitd.until({ idle: 'running', tree: 'running' });
  const events = await unitd.follow();
  const busy = await events(
    (line) =>
      line.type === 'usage' && line.unit === 'tree' && line.usage.tasks === 3 && line.usage.cpuPercent > 5,
  );
  assert.ok(busy.type === 'usage');
  assert.deepEqual(busy.source, source);
  assert.ok(busy.usage.memoryBytes > 0.5 * MIB, `${busy.usage.memoryBytes} bytes`);
  const idle = await events((line) => line.type === 'usage' && line.unit === 'idle');
  assert.ok(idle.type === 'usage');
  assert.equal(idle.usage.tasks, 1);

  const status = await unitd.status();
  assert.deepEqual(status.daemon.usageSource, source);
  assert.deepEqual(
    status.units.map(({ name, usage }) => [name, usage?.tasks]),
    [
      ['idle', 1],
      ['tree', 3],
    ],
  );
  const { usage } = await unitd.unit('tree');
  assert.deepEqual(usage.source, source);
  // What was there before the oldest sample counts too, such as the shell that setsid was forked from.
  assert.ok(usage.peakTasks >= Math.max(...usage.samples.map(({ tasks }) => tasks)));
  assert.ok(usage.peakCpuPercent >= busy.usage.cpuPercent);
  assert.ok(usage.peakMemoryBytes >= busy.usage.memoryBytes);
  assert.ok(usage.samples.some(({ cpuPercent }) => cpuPercent === busy.usage.cpuPercent));
  const times = usage.samples.map(({ at }) => at);
  assert.deepEqual(times, [...times].sort(), 'newest last');
  process.kill((await channel.next('spinning')).pid, 'SIGKILL');
  process.kill((await channel.next('spinning', 1)).pid, 'SIGKILL');
});

test('usage: peaks stay when the memory is given back, and when the unit ends; usage is null then', async (t) => {
  const channel = openChannel(t);
  // tail keeps all of what it reads: 64 MiB without a newline.
  const unitd = await startUnitd(
    t,
    {
      'web.yaml': `
        command: [/bin/sh, -c, '(head -c 64M /dev/zero; ${child.announce} ${channel.path} full) | tail >/dev/null & wait']
        restart: { policy: no }`,
    },
    OFTEN,
  );
  const full = await channel.next('full');
  const events = await unitd.follow();
  await events((line) => line.type === 'usage' && line.usage.memoryBytes > 50 * MIB);
  process.kill(full.pid, 'SIGKILL');
  await unitd.until((look) => ['completed', 'failed'].includes(look('web')?.to ?? ''));
  const { unit, usage } = await unitd.unit('web');
  assert.equal(unit.usage, null);
  assert.ok(usage.peakMemoryBytes > 50 * MIB);
  assert.ok(usage.samples.length > 0);
});

test('usage: the history goes on over a restart of the unit', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    { 'web.yaml': `{ command: '${child.announce} ${channel.path}', restart: { delay: 0s } }` },
    OFTEN,
  );
  await channel.next('up');
  const before = await (await unitd.follow())((line) => line.type === 'usage');
  assert.equal((await unitd.cli('restart', 'web')).code, 0);
  const { pid } = await channel.next('up', 1);
  await unitd.until((look) => look('web')?.pid === pid);
  const after = await (await unitd.follow())((line) => line.type === 'usage');
  const { samples } = (await unitd.unit('web')).usage;
  assert.ok(before.type === 'usage' && after.type === 'usage');
  const memory = samples.map(({ memoryBytes }) => memoryBytes);
  assert.ok(memory.length >= 2);
  assert.ok(memory.includes(before.usage.memoryBytes) && memory.includes(after.usage.memoryBytes));
});
