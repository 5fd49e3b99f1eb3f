// Reaping and tree search under load and beside libuv: real processes only.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { test } from 'node:test';
import { processStat } from '../../src/os/procfs.ts';
import { child, openChannel } from '../support/child.ts';
import { createRealProcesses } from './real-processes.ts';
import { spawnRequest } from '../support/spawn-request.ts';

const { processes, reports, start, ended } = createRealProcesses();
const run = promisify(execFile);

test('500 exits in a burst are all reported, once each, with their codes', async (t) => {
  // The loop is not let in between: all have been spawned, and most have ended, before the first report.
  const begun = Array.from({ length: 500 }, (_, index) => {
    return start(t, spawnRequest({ argv: [child.exit, String(index % 100)] })).process;
  });
  assert.equal(reports.seen.length, 0);
  const statuses = await Promise.all(begun.map(ended));
  assert.deepEqual(
    statuses.map(({ code }) => code),
    begun.map((_, index) => index % 100),
  );
  assert.equal(reports.seen.length, 500);
});

test('node:child_process keeps its children’s exit statuses beside the reaper', async (t) => {
  const begun = Array.from({ length: 40 }, () => start(t, spawnRequest({ argv: [child.exit, '3'] })).process);
  const libuv = Array.from({ length: 20 }, () =>
    run(child.exit, ['7']).catch((error: { code: number }) => error.code),
  );
  assert.deepEqual(new Set(await Promise.all(libuv)), new Set([7]));
  const statuses = await Promise.all(begun.map(ended));
  assert.deepEqual(new Set(statuses.map(({ code }) => code)), new Set([3]));
  const failed = await run('/nonexistent/program').catch((error: NodeJS.ErrnoException) => error.code);
  assert.equal(failed, 'ENOENT');
  assert.equal((await run('echo', ['still here'])).stdout, 'still here\n');
});

test('members() does not count zombies', async (t) => {
  const channel = openChannel(t);
  // The shell becomes a sleep that never waits for the child it inherited.
  const script = 'sleep infinity & echo "zombie $!" >"$0"; kill -KILL $!; exec sleep infinity';
  const { process: leader, tree } = start(t, spawnRequest({ argv: ['sh', '-c', script, channel.path] }));
  const { pid } = await channel.next('zombie');
  while (processStat(pid)?.state !== 'Z') await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    processes.members(tree).map((member) => member.pid),
    [leader.pid],
  );
});

test('members() finds an orphan that cleared its environment by its session', async (t) => {
  const channel = openChannel(t);
  const script = '(env -i /bin/sh "$0" "$1" orphan &) ; exit 0';
  const request = spawnRequest({ argv: ['sh', '-c', script, child.announce, channel.path] });
  const { process: leader, tree } = start(t, request);
  const { pid } = await channel.next('orphan');
  await ended(leader);
  assert.deepEqual(
    processes.members(tree).map((member) => member.pid),
    [pid],
  );
});

test('members() of a tree older than this daemon searches all processes', async (t) => {
  const channel = openChannel(t);
  const request = spawnRequest({ argv: [child.outlived, channel.path] });
  const { process: leader, tree } = start(t, request);
  const { pid } = await channel.next('grandchild');
  await ended(leader);
  const adopted = { ...tree, leaders: [{ pid: leader.pid, startTicks: 1 }] };
  assert.deepEqual(
    processes.members(adopted).map((member) => member.pid),
    [pid],
  );
  assert.deepEqual(processes.members({ ...adopted, invocationId: randomUUID() }), []);
});

test('signalTree() with a terminating signal wakes what is stopped', async (t) => {
  const channel = openChannel(t);
  const { process: leader, tree } = start(t, spawnRequest({ argv: [child.announce, channel.path] }));
  await channel.next('up');
  processes.signalTree(tree, 'SIGSTOP');
  while (processStat(leader.pid)?.state !== 'T') await new Promise((resolve) => setImmediate(resolve));
  processes.signalTree(tree, 'SIGTERM');
  assert.equal((await ended(leader)).signal, 'SIGTERM');
});

test('signalTree() outruns a process that forks as it is killed', async (t) => {
  const channel = openChannel(t);
  const script = 'echo "up $$" >"$0"; while :; do (setsid sleep infinity &); done';
  const { process: leader, tree } = start(t, spawnRequest({ argv: ['sh', '-c', script, channel.path] }));
  await channel.next('up');
  processes.signalTree(tree, 'SIGKILL');
  await ended(leader);
  for (let from = reports.seen.length; processes.members(tree).length > 0; from = reports.seen.length) {
    processes.signalTree(tree, 'SIGKILL');
    await reports.first(() => true, 'the next end', from);
  }
  assert.deepEqual(processes.members(tree), []);
});
