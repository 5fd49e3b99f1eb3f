import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createPidMeter } from '../../../src/os/meter.ts';
import type { Member } from '../../../src/os/ports.ts';
import { processStat } from '../../../src/os/procfs.ts';
import { temporaryDirectory } from '../../support/child.ts';

/** This process, as it is now. */
function self(): ReadonlyMap<string, readonly Member[]> {
  const stat = processStat(process.pid);
  assert.ok(stat !== null);
  return new Map([['self', [stat]]]);
}

const DEAD: Member = {
  pid: 2 ** 22 + 1,
  startTicks: 1,
  parentPid: 1,
  cpuTicks: 1,
  reapedTicks: 0,
  residentPages: 1,
  threads: 1,
};

/** Where a descriptor of this process leads; null for what is closed by now. */
function linkOf(fd: string): string | null {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return null;
  }
}

/** Uses processor time until the kernel has counted so many ms of it. */
function burn(ms: number): void {
  const start = process.cpuUsage();
  let used = 0;
  while (used < ms * 1000) {
    const { user, system } = process.cpuUsage(start);
    used = user + system;
  }
}

test('PidMeter.sample() sums memory and threads, and measures processor time from the last sample', async () => {
  let nowMs = 0;
  const meter = createPidMeter(() => nowMs);
  // Node starts threads when it needs them: what is counted lies between a look before and one after.
  const threads = (): number => processStat(process.pid)?.threads ?? 0;
  const before = threads();
  const first = (await meter.sample(self(), null)).get('self');
  assert.equal(first?.cpuPercent, 0);
  assert.ok(first.memoryBytes > 10e6 && first.memoryBytes < 2e9);
  assert.ok(first.tasks >= before && first.tasks <= threads(), `${first.tasks} of ${before} to ${threads()}`);
  burn(100);
  nowMs = 1000;
  const second = (await meter.sample(self(), null)).get('self');
  assert.ok(
    second !== undefined && second.cpuPercent >= 8 && second.cpuPercent < 100,
    String(second?.cpuPercent),
  );
});

test('PidMeter.sample() is all zero for the dead and for nobody', async () => {
  const meter = createPidMeter(() => 0);
  const nothing = { cpuPercent: 0, memoryBytes: 0, tasks: 0 };
  const usages = await meter.sample(
    new Map([
      ['dead', [DEAD]],
      ['empty', []],
    ]),
    null,
  );
  assert.deepEqual(Object.fromEntries(usages), { dead: nothing, empty: nothing });
  assert.equal((await meter.sample(new Map(), null)).size, 0);
});

test('PidMeter.sample() measures the living beside one that has ended since it was found', async () => {
  const usages = await createPidMeter(() => 0).sample(new Map([...self(), ['dead', [DEAD]]]), null);
  assert.ok((usages.get('self')?.memoryBytes ?? 0) > 10e6);
  assert.equal(usages.get('dead')?.tasks, 0);
});

test('Meter.forget() makes the next sample a first one', async () => {
  let nowMs = 0;
  const meter = createPidMeter(() => nowMs);
  await meter.sample(self(), null);
  burn(30);
  meter.forget('self');
  nowMs = 1000;
  assert.equal((await meter.sample(self(), null)).get('self')?.cpuPercent, 0);
});

test('PidMeter.sample() measures what is new from the moment at which it was not there yet', async () => {
  const used = (processStat(process.pid)?.cpuTicks ?? 0) * 10;
  const { cpuPercent } = (await createPidMeter(() => 3000).sample(self(), 1000)).get('self') ?? {};
  assert.ok(cpuPercent !== undefined && cpuPercent >= used / 20, `${cpuPercent} of ${used} ms`);
});

test('PidMeter.sample() counts the time of children that have ended and were waited for', async (t) => {
  const busy = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done';
  // Each line that it reads has it wait for a busy child, and say so.
  const loop = spawn('sh', ['-c', `while read line; do sh -c '${busy}'; echo done; done`], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => loop.kill('SIGKILL'));
  const round = async (): Promise<Member> => {
    loop.stdin.write('\n');
    await once(loop.stdout, 'data');
    const stat = processStat(loop.pid ?? 0);
    assert.ok(stat !== null);
    return stat;
  };
  let nowMs = 0;
  const meter = createPidMeter(() => nowMs);
  const percent = async (member: Member): Promise<number> => {
    nowMs += 100;
    return (await meter.sample(new Map([['loop', [member]]]), null)).get('loop')?.cpuPercent ?? -1;
  };
  const first = await round();
  assert.equal(await percent(first), 0);
  const second = await round();
  const usedMs = (second.reapedTicks - first.reapedTicks) * 10;
  assert.ok(usedMs > 0);
  const spent = Math.round(await percent(second));
  assert.ok(spent >= usedMs && spent <= usedMs + 50, `${spent} of ${usedMs}`);
});

test('PidMeter.sample() counts what a zombie had used once, also when it is waited for at last', async (t) => {
  const busy = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done';
  // The child has used its time and waits; its parent waits for it when it is told to.
  const script = `(${busy}; echo of $(exec sh -c 'echo $PPID'); exec sleep 60) & read line; wait; echo waited; read line`;
  const shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => shell.kill('SIGKILL'));
  let said = '';
  shell.stdout.on('data', (part: Buffer) => (said += part.toString()));
  const heard = async (pattern: RegExp): Promise<string> => {
    while (!pattern.test(said)) await once(shell.stdout, 'data');
    return pattern.exec(said)?.[1] ?? '';
  };
  const pid = Number(await heard(/of (\d+)\n/));
  const looked = (): Member => {
    const stat = processStat(shell.pid ?? 0);
    assert.ok(stat !== null);
    return stat;
  };
  const child = processStat(pid);
  assert.ok(child !== null && child.cpuTicks > 2, `${child?.cpuTicks} ticks`);
  let nowMs = 0;
  const meter = createPidMeter(() => nowMs);
  const percent = async (...members: readonly Member[]): Promise<number> => {
    nowMs += 100;
    return (await meter.sample(new Map([['shell', members]]), null)).get('shell')?.cpuPercent ?? -1;
  };
  assert.equal(await percent(looked(), child), 0);
  process.kill(pid, 'SIGKILL');
  while (processStat(pid)?.state !== 'Z') await nextTurn();
  assert.ok((await percent(looked())) < child.cpuTicks * 10);
  assert.ok((await percent(looked())) < child.cpuTicks * 10);
  shell.stdin.write('\n');
  await heard(/(waited)/);
  const parent = looked();
  assert.ok(parent.reapedTicks >= child.cpuTicks);
  assert.ok((await percent(parent)) < child.cpuTicks * 10);
});

test('PidMeter.sample() keeps the figures of a process that has not moved since', async (t) => {
  const cat = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => cat.kill('SIGKILL'));
  cat.stdin.write('x');
  await once(cat.stdout, 'data');
  // It waits in read(2) now, or is on the way there: until two looks agree.
  const looked = (): string => JSON.stringify(processStat(cat.pid ?? 0));
  for (let before = ''; before !== looked();) before = looked();
  const stat = processStat(cat.pid ?? 0);
  assert.ok(stat !== null);
  let nowMs = 0;
  const meter = createPidMeter(() => nowMs);
  const trees = new Map([['cat', [stat]]]);
  const first = (await meter.sample(trees, null)).get('cat');
  nowMs = 1000;
  const second = (await meter.sample(trees, null)).get('cat');
  assert.ok(first !== undefined && first.memoryBytes > 0);
  assert.deepEqual(second, { ...first, cpuPercent: 0, tasks: 1 });
});

test('PidMeter.sample() knows the size of a page and writes nothing, whatever getconf says', (t) => {
  const directory = temporaryDirectory(t);
  const meter = new URL('../../../src/os/meter.js', import.meta.url).href;
  const procfs = new URL('../../../src/os/procfs.js', import.meta.url).href;
  const program = `
    import { createPidMeter } from ${JSON.stringify(meter)};
    import { processStat } from ${JSON.stringify(procfs)};
    const stat = processStat(process.pid);
    const usages = await createPidMeter(() => 0).sample(new Map([['self', [stat]]]), null);
    console.log(usages.get('self').memoryBytes / stat.residentPages);`;
  const pageBytes = execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' });
  for (const answer of ['echo 1000', 'exit 1']) {
    fs.writeFileSync(join(directory, 'getconf'), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { PATH: directory },
    });
    assert.deepEqual([ran.stdout, ran.stderr], [pageBytes, ''], answer);
  }
});

/** Descriptors of this process that lead to the stat of `pid`. */
function openStats(pid: number): number {
  return fs.readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === `/proc/${pid}/stat`).length;
}

test('PidMeter.sample() leaves no descriptor open of a process that ends while pidusage looks at it', async (t) => {
  const cat = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const pid = cat.pid ?? 0;
  const stat = processStat(pid);
  assert.ok(stat !== null);
  const open = fs.open;
  let opened = 0;
  // pidusage takes this function from the same object, when it opens.
  t.mock.method(
    fs,
    'open',
    (path: string, flags: string, done: (error: Error | null, fd: number) => void): void =>
      open(path, flags, (error, fd) => {
        opened += openStats(pid);
        cat.once('exit', () => done(error, fd));
        cat.kill('SIGKILL');
      }),
  );
  await createPidMeter(() => 0).sample(new Map([['cat', [stat]]]), null);
  assert.equal(opened, 1);
  assert.equal(openStats(pid), 0);
});

test('PidMeter.sample() leaves to pidusage the descriptor of a process that ends between its two reads', async (t) => {
  const cat = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const pid = cat.pid ?? 0;
  const stat = processStat(pid);
  assert.ok(stat !== null);
  const { read } = fs;
  let reads = 0;
  t.mock.method(fs, 'read', (...args: Parameters<typeof read>): void => {
    const again = (): void => read(...args);
    reads += 1;
    if (reads < 2) return again();
    cat.once('exit', again);
    cat.kill('SIGKILL');
    return undefined;
  });
  await createPidMeter(() => 0).sample(new Map([['cat', [stat]]]), null);
  assert.equal(reads, 2);
  assert.equal(openStats(pid), 1);
});

test('PidMeter.sample() leaves to pidusage the descriptor of a process that it has answered for', async () => {
  const cat = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const pid = cat.pid ?? 0;
  const stat = processStat(pid);
  assert.ok(stat !== null);
  const meter = createPidMeter(() => 0);
  await meter.sample(new Map([['cat', [stat]]]), null);
  assert.equal(openStats(pid), 1);
  cat.kill('SIGKILL');
  await once(cat, 'exit');
  await meter.sample(new Map([['cat', [{ ...stat, cpuTicks: stat.cpuTicks + 1 }]]]), null);
  assert.equal(openStats(pid), 1);
});
