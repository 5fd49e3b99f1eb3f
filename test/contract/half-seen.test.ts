// The Processes port where the machine has no memory or no open file left for a look at /proc: what cannot be seen is
// never taken for gone.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ExitStatus, ProcessId } from '../../src/model/process.ts';
import { processStat } from '../../src/os/procfs.ts';
import { createReadiness } from '../../src/os/readiness.ts';
import { createProcessWatch } from '../../src/os/watch.ts';
import { cleanUp } from '../support/cleanup.ts';
import { Arrivals } from '../support/lines.ts';
import { refuseOpens } from '../support/refused-opens.ts';
import { createRealProcesses } from './real-processes.ts';
import { spawnRequest } from '../support/spawn-request.ts';

const { processes, reports, start } = createRealProcesses();

function identify(pid: number | undefined): ProcessId {
  assert.ok(pid !== undefined);
  const stat = processStat(pid);
  assert.ok(stat !== null);
  return { pid, startTicks: stat.startTicks };
}

for (const code of ['ENFILE', 'ENOMEM', 'EACCES']) {
  test(`adopt() takes a process back whose /proc cannot be read (${code}), and reports its end`, async (t) => {
    const child = spawn('sleep', ['infinity']);
    cleanUp(t, () => void child.kill('SIGKILL'));
    const adopted = identify(child.pid);
    const { mend } = refuseOpens(t, /^\/proc\/\d+\/stat$/, code);
    assert.equal(processes.adopt(adopted), true);
    mend();
    child.kill('SIGKILL');
    await reports.first(
      ({ process }) => process?.pid === adopted.pid && process.startTicks === adopted.startTicks,
    );
  });
}

test('adopt(): the end of a process whose pid a child has by now is reported, and not as that child’s', async (t) => {
  const { process: child } = start(t, spawnRequest({ argv: ['sleep', 'infinity'] }));
  const earlier = { pid: child.pid, startTicks: child.startTicks - 1 };
  const endOf = async ({ pid, startTicks }: ProcessId): Promise<ExitStatus> =>
    (await reports.first(({ process }) => process?.pid === pid && process.startTicks === startTicks)).status;
  const { mend } = refuseOpens(t, /^\/proc\/\d+\/stat$/, 'ENFILE');
  assert.equal(processes.adopt(earlier), true);
  mend();
  assert.equal(processes.signal(child, 'SIGKILL'), 'sent');
  assert.equal((await endOf(child)).signal, 'SIGKILL');
  assert.equal((await endOf(earlier)).signal, null);
});

test('createProcessWatch: one that could not be seen at first is reported once, when it ends', async (t) => {
  const child = spawn('sleep', ['infinity']);
  cleanUp(t, () => void child.kill('SIGKILL'));
  const watched = identify(child.pid);
  const ends = new Arrivals<number>('the watch');
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const watch = createProcessWatch(readiness, ({ pid }) => ends.add(pid));
  cleanUp(t, () => watch.close());
  const { mend } = refuseOpens(t, /^\/proc\/\d+\/stat$/, 'ENFILE');
  assert.equal(watch.add(watched), true);
  assert.equal(watch.add(watched), true, 'a second time');
  mend();
  child.kill('SIGKILL');
  await ends.first((pid) => pid === watched.pid);
  assert.equal(watch.add(watched), false);
});

for (const [what, form] of [
  ['process', /^\/proc\/\d+\/stat$/],
  ['list of children', /^\/proc\/\d+\/task\/\d+\/children$/],
] as const) {
  test(`members() that cannot read a ${what} is unsure, until it can`, async (t) => {
    const { tree } = start(t, spawnRequest({ argv: ['sleep', 'infinity'] }));
    const { mend } = refuseOpens(t, form, 'ENFILE');
    processes.members(tree);
    assert.equal(processes.isUnsure(), true);
    mend();
    await nextTurn();
    assert.equal(processes.members(tree).length, 1);
    assert.equal(processes.isUnsure(), false);
  });
}

test('members() that cannot list the processes is unsure of a tree that an earlier daemon began', async (t) => {
  const tree = { invocationId: 'a1', leaders: [{ pid: process.pid, startTicks: 1 }] };
  refuseOpens(t, /^\/proc$/, 'ENFILE');
  assert.deepEqual(processes.members(tree), []);
  assert.equal(processes.isUnsure(), true);
});

test('signal() of what cannot be told is unknown, and sends nothing', (t) => {
  const child = spawn('sleep', ['infinity']);
  cleanUp(t, () => void child.kill('SIGKILL'));
  const stranger = identify(child.pid);
  const { mend } = refuseOpens(t, /^\/proc\/\d+\/stat$/, 'ENFILE');
  assert.equal(processes.signal(stranger, 'SIGTERM'), 'unknown');
  mend();
  assert.equal(processes.signal(stranger, 'SIGTERM'), 'sent');
});
