// createProcessWatch: ends of processes that are not our children, in any number, and nothing left of the watching.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { ProcessId } from '../../src/model/process.ts';
import type { Readiness } from '../../src/os/ports.ts';
import { processStat } from '../../src/os/procfs.ts';
import { createReadiness } from '../../src/os/readiness.ts';
import { createProcessWatch } from '../../src/os/watch.ts';
import { cleanUp } from '../support/cleanup.ts';
import { Arrivals, lineSplitter } from '../support/lines.ts';

const openFds = (): number => readdirSync('/proc/self/fd').length;

function identify(pid: number): ProcessId {
  const stat = processStat(pid);
  assert.ok(stat !== null);
  return { pid, startTicks: stat.startTicks };
}

test('createProcessWatch: 500 processes that end at once are all reported, once, and no descriptor stays', async (t) => {
  const count = 500;
  const script = `i=0; while [ $i -lt ${count} ]; do sleep infinity & echo $!; i=$((i+1)); done; wait; exec sleep infinity`;
  const parent = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const group = -(parent.pid ?? 0);
  cleanUp(t, () => void process.kill(group, 'SIGKILL'));
  const pids = new Arrivals<number>('the parent');
  parent.stdout.on(
    'data',
    lineSplitter((line) => pids.add(Number(line))),
  );
  await pids.first(() => pids.seen.length === count);

  // To look at processes takes a descriptor that is kept.
  const processes = pids.seen.map(identify);
  const before = openFds();
  const ends = new Arrivals<number>('the watch');
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const watch = createProcessWatch(readiness, ({ pid }) => ends.add(pid));
  for (const watched of processes) assert.equal(watch.add(watched), true);
  for (const watched of processes) assert.equal(watch.add(watched), true, 'a second time');
  for (const { pid } of processes) process.kill(pid, 'SIGKILL');
  await ends.first(() => ends.seen.length === count);
  assert.deepEqual(new Set(ends.seen), new Set(pids.seen));
  watch.close();
  readiness.close();
  // The thread’s descriptors go when it has been told.
  while (openFds() > before) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(openFds(), before);
});

test('createProcessWatch: begins again after the last watched process has ended', async (t) => {
  const ends = new Arrivals<number>('the watch');
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const watch = createProcessWatch(readiness, ({ pid }) => ends.add(pid));
  cleanUp(t, () => watch.close());
  for (const round of [1, 2, 3]) {
    const child = spawn('sleep', ['infinity']);
    assert.ok(child.pid !== undefined);
    assert.equal(watch.add(identify(child.pid)), true);
    child.kill('SIGKILL');
    await ends.first((pid) => pid === child.pid, `end ${round}`);
  }
});

test('createProcessWatch: holds processes by descriptors above the low ones, which are for what comes and goes', (t) => {
  const child = spawn('sleep', ['infinity'], { stdio: 'ignore' });
  cleanUp(t, () => void child.kill('SIGKILL'));
  const watched = identify(child.pid ?? 0);
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const fds: number[] = [];
  const watch: Readiness['watch'] = (fd, onReadable) => {
    fds.push(fd);
    return readiness.watch(fd, onReadable);
  };
  const processWatch = createProcessWatch({ watch, close: () => undefined }, () => undefined);
  cleanUp(t, () => processWatch.close());
  assert.equal(processWatch.add(watched), true);
  assert.ok(fds.length === 1 && fds.every((fd) => fd >= 1024), fds.join());
});

test('createProcessWatch: a process that there is no descriptor to wait for with is reported all the same', async (t) => {
  const watch = (): never => {
    throw new Error('cannot watch output pipes: EMFILE');
  };
  const ends = new Arrivals<number>('the watch');
  const processWatch = createProcessWatch({ watch, close: () => undefined }, ({ pid }) => ends.add(pid));
  cleanUp(t, () => processWatch.close());
  const child = spawn('sleep', ['infinity'], { stdio: 'ignore' });
  cleanUp(t, () => void child.kill('SIGKILL'));
  assert.ok(child.pid !== undefined);
  const watched = identify(child.pid);
  const before = openFds();
  assert.equal(processWatch.add(watched), true);
  assert.equal(openFds(), before);
  child.kill('SIGKILL');
  await ends.first((pid) => pid === child.pid);
});

test('createProcessWatch: what a listener throws keeps no other end from being reported', async (t) => {
  const thrown = new Arrivals<string>('uncaughtException');
  const listener = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.add(error.message));
  cleanUp(t, () => {
    process.removeAllListeners('uncaughtException');
    for (const restored of listener) process.on('uncaughtException', restored);
  });
  const ends = new Arrivals<number>('the watch');
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const watch = createProcessWatch(readiness, ({ pid }) => {
    ends.add(pid);
    throw new Error(`bug with ${pid}`);
  });
  cleanUp(t, () => watch.close());
  const children = [spawn('sleep', ['infinity']), spawn('sleep', ['infinity'])];
  for (const { pid } of children) watch.add(identify(pid ?? 0));
  for (const child of children) child.kill('SIGKILL');
  await ends.first(() => ends.seen.length === 2);
  await thrown.first(() => thrown.seen.length === 2);
});

test('createProcessWatch: closed while it waits, and the readiness with it, it lets the program end', () => {
  const module = new URL('../../src/os/watch.js', import.meta.url).href;
  const readiness = new URL('../../src/os/readiness.js', import.meta.url).href;
  const stat = new URL('../../src/os/procfs.js', import.meta.url).href;
  const program = `
    import { createProcessWatch } from ${JSON.stringify(module)};
    import { createReadiness } from ${JSON.stringify(readiness)};
    import { processStat } from ${JSON.stringify(stat)};
    const readiness = createReadiness();
    const watch = createProcessWatch(readiness, () => undefined);
    const { pid, startTicks } = processStat(process.ppid);
    console.log(watch.add({ pid, startTicks }));
    setImmediate(() => {
      watch.close();
      readiness.close();
    });`;
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.deepEqual([ran.stdout, ran.status, ran.signal], ['true\n', 0, null], ran.stderr);
});
