// What a unit may have, on the kernel's own controllers: in force in its cgroup, changed and taken back in place. Where
// this machine does not give them to the tests, another-kernel.test.ts runs this file in a virtual machine.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { writeControl } from '../../src/os/cgroup.ts';
import { writableCgroup } from '../support/cgroups.ts';
import type { EventLine } from '../../src/wire/v1.ts';
import { child, openChannel, openGate } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { withoutControllers } from '../support/controllers.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';

const skip = withoutControllers();

/** The files, in the order of ALL. */
const FILES = ['memory.max', 'memory.high', 'cpu.max', 'cpu.weight', 'pids.max', 'io.weight'] as const;
const ALL =
  'resources: { memoryMax: 64MiB, memoryHigh: 48MiB, cpuMax: 150%, cpuWeight: 50, tasksMax: 20, ioWeight: 300 }';

/** An argv list for a unit file: a shell runs the script, and unitd leaves its dollars alone. */
function shell(script: string): string {
  return JSON.stringify(['/bin/sh', '-c', script.replaceAll('$', '$$$$')]);
}

async function cgroupOf(unitd: Unitd, unit: string): Promise<string> {
  const { cgroup } = await unitd.unit(unit);
  assert.ok(cgroup !== null, `${unit} has a cgroup`);
  return cgroup;
}

function control(cgroup: string, file: string): string {
  return readFileSync(join(cgroup, file), 'utf8').trim();
}

test('resources: what the file asks for is in the control files of the cgroup', { skip }, async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path} web\n${ALL}`,
    'free.yaml': `command: ${child.announce} ${channel.path} free`,
  });
  await Promise.all([channel.next('web'), channel.next('free')]);
  await unitd.until({ web: 'running', free: 'running' });
  const [web, free] = [await cgroupOf(unitd, 'web'), await cgroupOf(unitd, 'free')];
  assert.deepEqual(
    FILES.map((file) => control(web, file)),
    [String(64 * 2 ** 20), String(48 * 2 ** 20), '150000 100000', '50', '20', 'default 300'],
  );
  assert.deepEqual(
    FILES.map((file) => control(free, file)),
    ['max', 'max', 'max 100000', '100', 'max', 'default 100'],
  );
  assert.equal(control(web, 'memory.oom.group'), '0');
});

test('resources: a change, and a removal, is written into the running cgroup', { skip }, async (t) => {
  const channel = openChannel(t);
  const command = `command: ${child.announce} ${channel.path}\n`;
  const unitd = await startUnitd(t, { 'web.yaml': command });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  const cgroup = await cgroupOf(unitd, 'web');
  const reloadedWith = async (lines: string): Promise<readonly string[]> => {
    unitd.write('web.yaml', `${command}${lines}`);
    const { code, stderr } = await unitd.cli('reload');
    assert.equal(code, 0, stderr);
    assert.equal((await unitd.unit('web')).unit.pid, pid);
    return FILES.map((file) => control(cgroup, file));
  };
  const unlimited = ['max', 'max', 'max 100000', '100', 'max', 'default 100'];
  assert.deepEqual(await reloadedWith(ALL), [
    String(64 * 2 ** 20),
    String(48 * 2 ** 20),
    '150000 100000',
    '50',
    '20',
    'default 300',
  ]);
  assert.deepEqual(await reloadedWith('resources: { memoryMax: 1GiB, cpuMax: 5% }'), [
    String(2 ** 30),
    'max',
    '5000 100000',
    ...unlimited.slice(3),
  ]);
  // The next daemon does not know what was in force before.
  await unitd.kill('SIGKILL');
  unitd.write('web.yaml', command);
  await unitd.start();
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.unit('web')).unit.pid, pid);
  assert.deepEqual(
    FILES.map((file) => control(cgroup, file)),
    unlimited,
  );
});

test(
  'resources: what a unit lost while there was no daemon is in force again with the next',
  { skip },
  async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}\n${ALL}` });
    const { pid } = await channel.next('up');
    await unitd.until({ web: 'running' });
    const cgroup = await cgroupOf(unitd, 'web');
    await unitd.kill('SIGKILL');
    assert.equal(writeControl(cgroup, 'pids.max', 'max'), null);
    await unitd.start();
    assert.equal((await unitd.unit('web')).unit.pid, pid);
    assert.equal(control(cgroup, 'pids.max'), '20');
  },
);

test('tasksMax: fork fails beyond it', { skip }, async (t) => {
  const [channel, gate] = [openChannel(t), openGate(t)];
  const script = `echo "up $$" >${channel.path}; read -r _ <${gate.path}; sleep 1000 & sleep 1000 & sleep 1000 & wait`;
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${shell(script)}
      restart: { policy: "no" }
      resources: { tasksMax: 2 }`,
  });
  await channel.next('up');
  await unitd.until({ web: 'running' });
  gate.open();
  await unitd.untilLog('web', /can't fork|Cannot fork/);
});

test('cpuMax: a process that wants more is held back', { skip }, async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.spin} ${channel.path}\nresources: { cpuMax: 5% }`,
  });
  await channel.next('spinning');
  await unitd.until({ web: 'running' });
  const cgroup = await cgroupOf(unitd, 'web');
  while (/^nr_throttled 0$/m.test(control(cgroup, 'cpu.stat'))) await unitd.status();
  assert.match(control(cgroup, 'cpu.stat'), /^nr_throttled [1-9]/m);
});

test(
  'an OOM kill of the main process is the cause, and is restarted after like a signal',
  { skip },
  async (t) => {
    const channel = openChannel(t);
    // tail keeps all of what it reads: a line without an end.
    const hog = `echo "up $$" >${channel.path}; exec tail -n 1 /dev/zero`;
    const unitd = await startUnitd(t, {
      'web.yaml': `
      command: ${shell(hog)}
      restart: { policy: on-abort, limit: 1, delay: 0s }
      resources: { memoryMax: 32MiB }`,
    });
    await channel.next('up', 1);
    await unitd.until({ web: 'failed' });
    const { history, unit } = await unitd.unit('web');
    assert.deepEqual(
      history.map(({ cause, code, signal, text }) => ({ cause, code, signal, text })),
      [1, 2].map(() => ({
        cause: 'oom-kill',
        code: null,
        signal: 'SIGKILL',
        text: 'was killed by the OOM killer',
      })),
    );
    assert.match(unit.reason, /was killed by the OOM killer; gave up after 1 restart/);
  },
);

test('an OOM kill of another process is told of, and ends nothing else', { skip }, async (t) => {
  const channel = openChannel(t);
  const script = `tail -n 1 /dev/zero; echo "killed-$? $$" >${channel.path}; read -r _ </dev/null; exec sleep infinity`;
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${shell(script)}
      restart: { policy: "no" }
      resources: { memoryMax: 32MiB }`,
    'shell.yaml': `
      command: ${shell('tail -n 1 /dev/zero; exit $?')}
      restart: { policy: "no" }
      resources: { memoryMax: 32MiB }`,
  });
  const { pid } = await channel.next('killed-137');
  await unitd.until({ shell: 'failed' });
  assert.equal((await unitd.unit('web')).unit.pid, pid);
  const [last] = (await unitd.unit('shell')).history;
  assert.deepEqual([last?.cause, last?.code], ['oom-kill', 137]);
  process.kill(pid, 'SIGSEGV');
  await unitd.until({ web: 'failed' });
  const { unit, history } = await unitd.unit('web');
  assert.ok(['signal', 'core'].includes(unit.lastExit?.cause ?? ''), unit.lastExit?.cause);
  assert.match(history[0]?.text ?? '', /SIGSEGV.* after the OOM killer had ended a process of it$/);
});

test(
  'usage: every figure is counted by the cgroup, and the peak is one that no sample saw',
  { skip },
  async (t) => {
    const [channel, gate] = [openChannel(t), openGate(t)];
    // 48 MiB, held for no longer than it takes to read them; and not before the unit is in its cgroup, since what a
    // process has by then is counted where it was.
    const script = `read -r _ <${gate.path}; head -c 50331648 /dev/zero | tail -n 1 >/dev/null; echo "up $$" >${channel.path}; read -r _ <${gate.path}`;
    const unitd = await startUnitd(
      t,
      { 'web.yaml': `command: ${shell(script)}` },
      { args: ['--usage-interval', '1s'] },
    );
    await unitd.until({ web: 'running' });
    gate.open();
    await channel.next('up');
    // What comes first may be known from before, or was being read when the unit spoke; the third sample is younger.
    const samples = new Set<EventLine>();
    const sample = await (
      await unitd.follow()
    )((line) => line.type === 'usage' && line.unit === 'web' && samples.add(line).size > 2);
    const all = { cpu: 'cgroup', memory: 'cgroup', tasks: 'cgroup' };
    assert.ok(sample.type === 'usage');
    assert.deepEqual(sample.source, all);
    const { usage, unit } = await unitd.unit('web');
    assert.deepEqual(usage.source, all);
    assert.deepEqual((await unitd.status()).daemon.usageSource, all);
    assert.equal(unit.usage?.tasks, 1);
    assert.ok(usage.peakMemoryBytes > 48 * 2 ** 20, `${usage.peakMemoryBytes}`);
    assert.ok((unit.usage?.memoryBytes ?? 0) < 48 * 2 ** 20, `${unit.usage?.memoryBytes}`);
  },
);

test(
  'elsewhere than at the root controllers are passed on when a unit asks, and taken back by a clean stop',
  { skip },
  async (t) => {
    const here = writableCgroup() ?? '';
    const base = join(here, `unitd-test-${process.pid}`);
    mkdirSync(base);
    cleanUp(t, () => {
      writeControl(here, 'cgroup.procs', '0');
      rmdirSync(base);
    });
    assert.equal(writeControl(here, 'cgroup.subtree_control', '+pids'), null);
    // The daemon begins where its parent is.
    assert.equal(writeControl(base, 'cgroup.procs', '0'), null);
    const channel = openChannel(t);
    const command = `command: ${child.announce} ${channel.path}\n`;
    const unitd = await startUnitd(t, { 'web.yaml': command });
    await channel.next('up');
    await unitd.until({ web: 'running' });
    unitd.write('web.yaml', `${command}resources: { tasksMax: 20 }`);
    const refused = await unitd.cli('plan');
    assert.equal(refused.code, 78);
    assert.match(refused.stderr, /other processes than the daemon are in cgroup/);
    assert.equal(writeControl(here, 'cgroup.procs', '0'), null);
    assert.equal((await unitd.cli('plan')).code, 2);
    assert.equal(control(base, 'cgroup.subtree_control'), '', 'a plan changes nothing');
    const { code, stderr } = await unitd.cli('reload');
    assert.equal(code, 0, stderr);
    const web = await cgroupOf(unitd, 'web');
    assert.equal(control(web, 'pids.max'), '20');
    const replaced = await unitd.cli('reexec');
    assert.equal(replaced.code, 0, replaced.stderr);
    assert.equal(control(web, 'pids.max'), '20', 'after reexec');
    assert.equal(control(base, 'cgroup.subtree_control'), 'pids');
    assert.equal(writeControl(base, 'cgroup.procs', '0'), 'EBUSY');
    assert.deepEqual(await unitd.stop(), { code: 0, signal: null });
    assert.equal(control(base, 'cgroup.subtree_control'), '');
    assert.equal(writeControl(base, 'cgroup.procs', '0'), null, 'the next daemon can be started there');
  },
);

test(
  'in a container memory and pids are passed on from the start, and what its runtime runs there keeps nothing away',
  { skip },
  async (t) => {
    const here = writableCgroup() ?? '';
    const base = join(here, `unitd-test-${process.pid}`);
    mkdirSync(base);
    cleanUp(t, () => rmdirSync(base));
    assert.equal(writeControl(here, 'cgroup.subtree_control', '+pids +cpu'), null);
    // Not that of busybox, which knows no namespace of cgroups.
    const unshare = '/usr/bin/unshare';
    const own = `umount ${here}; mount -t cgroup2 none ${here}; exec "$@"`;
    const enter = `echo 0 >${base}/cgroup.procs; exec ${unshare} --cgroup --mount sh -c '${own}' sh "$@"`;
    const within = [unshare, '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', enter, 'sh'];
    const channel = openChannel(t);
    const command = `command: ${child.announce} ${channel.path}\n`;
    const unitd = await startUnitd(t, { 'web.yaml': command }, { within });
    await channel.next('up');
    await unitd.until({ web: 'running' });
    // As runc and crun do: into the cgroup of the container, and where that takes nobody into that of its first process.
    assert.equal(writeControl(base, 'cgroup.procs', '0'), 'EBUSY');
    // Its name is one in the container.
    const web = join(base, relative(here, await cgroupOf(unitd, 'web')));
    assert.equal(writeControl(join(web, '../daemon'), 'cgroup.procs', '0'), null);
    cleanUp(t, () => void writeControl(here, 'cgroup.procs', '0'));
    unitd.write('web.yaml', `${command}resources: { tasksMax: 20, cpuMax: 50% }`);
    const { code, stderr } = await unitd.cli('reload');
    assert.equal(code, 0, stderr);
    assert.equal((await unitd.status()).daemon.usageSource?.tasks, 'cgroup');
    assert.equal(control(web, 'pids.max'), '20');
  },
);
