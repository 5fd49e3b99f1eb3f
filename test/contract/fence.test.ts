// The fence of cgroups, on the kernel's own: who is put where, what is left behind, what goes when.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import {
  killCgroup,
  processesBelow,
  processesIn,
  readControl,
  removeCgroup,
  writeControl,
} from '../../src/os/cgroup.ts';
import type { ProcessId } from '../../src/model/process.ts';
import { type Fence, openFence } from '../../src/os/fence.ts';
import { becomeSubreaper } from '../../src/os/libc/wait.ts';
import { processStat } from '../../src/os/procfs.ts';
import { cannotUseCgroups, removeFence, writableCgroup } from '../support/cgroups.ts';
import { child, openChannel } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { NO_COMPILER } from '../support/faults.ts';
import { killLeft } from '../support/processes.ts';
import { headlessProgram } from '../support/headless.ts';

const skip = cannotUseCgroups();
/** Of this process alone: another one's end of a test would kill what is in a fence of the same key. */
const ONE_KEY = randomUUID();
const ANOTHER_KEY = randomUUID();
const nobody = (): boolean => false;

/** No descendant of this process: it was left behind before this one took over what is. */
const outsider = Number(
  spawnSync('/bin/sh', ['-c', 'sleep infinity >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' }).stdout,
);
after(() => void process.kill(outsider, 'SIGKILL'));
assert.equal(becomeSubreaper(), 0);

/** This process is in it, as the daemon would be, until the test ends. */
function openedFence(t: TestContext, key: string = randomUUID()): Fence {
  const opened = openFence(key);
  assert.ok(opened.ok, opened.ok ? '' : opened.reason);
  cleanUp(t, async () => {
    opened.fence.close();
    if (existsSync(opened.fence.directory)) await removeFence(opened.fence.directory);
  });
  return opened.fence;
}

interface Forked {
  readonly main: number;
  readonly grandchild: number;
}

/** A child of libuv's with a grandchild in a session of its own: both begin in this process's cgroup. */
async function forkedHere(t: TestContext): Promise<Forked> {
  const channel = openChannel(t);
  const forked = spawn(child.doubleFork, [channel.path], { stdio: 'ignore' });
  cleanUp(t, () => void forked.kill('SIGKILL'));
  const [main, grandchild] = await Promise.all([channel.next('main'), channel.next('grandchild')]);
  // An init reaps it at once.
  cleanUp(t, () => killLeft(grandchild.pid));
  return { main: main.pid, grandchild: grandchild.pid };
}

function idOf(pid: number): ProcessId {
  const stat = processStat(pid);
  assert.ok(stat !== null);
  return stat;
}

const sorted = (pids: readonly number[]): readonly number[] => pids.toSorted((a, b) => a - b);

test('openFence() puts the daemon alone into a cgroup, and close() takes it back', { skip }, (t) => {
  const fence = openedFence(t);
  assert.match(basename(fence.directory), /^unitd-[0-9a-f]{12}$/);
  assert.deepEqual(processesIn(join(fence.directory, 'daemon')), [process.pid]);
  fence.close();
  assert.equal(existsSync(fence.directory), false);
});

test('leave() leaves all as it is, for a daemon that goes on in this process', { skip }, (t) => {
  const key = randomUUID();
  const fence = openedFence(t, key);
  fence.leave();
  assert.deepEqual(processesIn(join(fence.directory, 'daemon')), [process.pid]);
  const next = openedFence(t, key);
  assert.equal(next.directory, fence.directory);
  assert.equal(existsSync(next.add('web')), true);
});

test('openFence() in a cgroup called unitd.daemon leaves that to daemons to be started in', { skip }, (t) => {
  const above = join(writableCgroup() ?? '', `unitd-test-${process.pid}`);
  const started = join(above, 'unitd.daemon');
  mkdirSync(started, { recursive: true });
  cleanUp(t, () => {
    writeControl(dirname(above), 'cgroup.procs', '0');
    removeCgroup(above);
  });
  assert.equal(writeControl(started, 'cgroup.procs', '0'), null);
  const fence = openedFence(t);
  assert.equal(dirname(fence.directory), above);
  assert.deepEqual(processesIn(started), []);
  // As a daemon that was replaced by exec does.
  const next = openedFence(t);
  assert.equal(dirname(next.directory), above);
  next.close();
  assert.deepEqual(processesIn(started), [process.pid]);
});

test('openFence() of two keys gives two fences, of one key the same', { skip }, (t) => {
  const one = openedFence(t, ONE_KEY);
  // It is in a daemon's cgroup already, as a daemon that was replaced by exec is.
  const other = openedFence(t, ANOTHER_KEY);
  assert.notEqual(one.directory, other.directory);
  assert.equal(dirname(one.directory), dirname(other.directory));
  assert.equal(openedFence(t, ONE_KEY).directory, one.directory);
});

test('openFence() in a cgroup of a unit of the daemon before gives the same fence', { skip }, (t) => {
  const before = openedFence(t, ONE_KEY);
  const unit = before.add('sshd');
  assert.equal(writeControl(unit, 'cgroup.procs', '0'), null);
  const other = openedFence(t, ANOTHER_KEY);
  assert.equal(dirname(other.directory), unit);
  assert.equal(writeControl(unit, 'cgroup.procs', '0'), null);
  const next = openedFence(t, ONE_KEY);
  assert.equal(next.directory, before.directory);
  assert.deepEqual(processesIn(unit), []);
});

test(
  'openFence() in a cgroup of a unit of a daemon that lives gives a fence in there',
  { skip },
  async (t) => {
    const host = openedFence(t, ONE_KEY);
    await forkedHere(t);
    const unit = host.add('container');
    assert.equal(writeControl(unit, 'cgroup.procs', '0'), null);
    assert.equal(dirname(openedFence(t, ONE_KEY).directory), unit);
  },
);

test('enter() moves a child with all that it has forked since it was spawned', { skip }, async (t) => {
  const fence = openedFence(t);
  const { main, grandchild } = await forkedHere(t);
  const cgroup = fence.add('web');
  assert.equal(fence.enter(cgroup, idOf(main), nobody), null);
  assert.deepEqual(sorted(processesIn(cgroup)), sorted([main, grandchild]));
  assert.deepEqual(processesIn(join(fence.directory, 'daemon')), [process.pid]);
});

test("enter() leaves the daemon's other children where they are", { skip }, async (t) => {
  const fence = openedFence(t);
  const foreign = await forkedHere(t);
  const { main, grandchild } = await forkedHere(t);
  const cgroup = fence.add('web');
  const isForeign = (pid: number): boolean => pid === foreign.main || pid === foreign.grandchild;
  assert.equal(fence.enter(cgroup, idOf(main), isForeign), null);
  assert.deepEqual(sorted(processesIn(cgroup)), sorted([main, grandchild]));
  assert.equal(fence.enter(null, idOf(foreign.main), nobody), null);
  assert.deepEqual(processesIn(join(fence.directory, 'daemon')), [process.pid]);
});

test(
  'enter() leaves what was there before the child, as another daemon of the same key',
  { skip },
  async (t) => {
    const fence = openedFence(t);
    const before = [await forkedHere(t)];
    let spawned = await forkedHere(t);
    // Times of start are told in ticks.
    const isOld = (other: Forked): boolean =>
      idOf(other.grandchild).startTicks < idOf(spawned.main).startTicks;
    while (!before.every(isOld)) {
      before.push(spawned);
      spawned = await forkedHere(t);
    }
    const cgroup = fence.add('web');
    assert.equal(fence.enter(cgroup, idOf(spawned.main), nobody), null);
    assert.deepEqual(sorted(processesIn(cgroup)), sorted([spawned.main, spawned.grandchild]));
    const left = before.flatMap(({ main, grandchild }) => [main, grandchild]);
    assert.deepEqual(sorted(processesIn(join(fence.directory, 'daemon'))), sorted([process.pid, ...left]));
  },
);

test(
  'enter() leaves who does not descend from the daemon, as what the runtime of a container puts there',
  { skip },
  async (t) => {
    const fence = openedFence(t);
    const { main, grandchild } = await forkedHere(t);
    const daemon = join(fence.directory, 'daemon');
    assert.equal(writeControl(daemon, 'cgroup.procs', String(outsider)), null);
    cleanUp(t, () => void writeControl(dirname(fence.directory), 'cgroup.procs', String(outsider)));
    const cgroup = fence.add('web');
    // Of a child that is no younger than whoever it meets.
    const spawned = { ...idOf(main), startTicks: 0 };
    assert.equal(fence.enter(cgroup, spawned, nobody), null);
    assert.deepEqual(sorted(processesIn(cgroup)), sorted([main, grandchild]));
    assert.deepEqual(sorted(processesIn(daemon)), sorted([process.pid, outsider]));
  },
);

test('enter() moves what is left of a process whose first thread has ended, once', { skip }, async (t) => {
  const program = headlessProgram(t);
  if (program === null) return t.skip(NO_COMPILER);
  const key = randomUUID();
  const fence = openedFence(t, key);
  const channel = openChannel(t);
  const headless = spawn(program, [channel.path], { stdio: 'ignore' });
  cleanUp(t, () => void headless.kill('SIGKILL'));
  const { pid } = await channel.next('threads');
  const threadsIn = (cgroup: string): string | null => readControl(cgroup, 'cgroup.threads');
  const web = fence.add('web');
  assert.equal(fence.enter(web, idOf(pid), nobody), null);
  const moved = threadsIn(web);
  assert.match(moved ?? '', /^\d+\n$/);
  // Whoever comes later, also of a next daemon's, does not take it along.
  const next = openFence(key);
  assert.ok(next.ok);
  for (const later of [fence, next.fence]) {
    const { main, grandchild } = await forkedHere(t);
    const db = later.add('db');
    assert.equal(later.enter(db, idOf(main), nobody), null);
    assert.deepEqual(sorted(processesIn(db)), sorted([main, grandchild]));
    assert.equal(threadsIn(web), moved);
  }
});

test('enter() names the errno when the kernel refuses', { skip }, async (t) => {
  const fence = openedFence(t);
  const { main } = await forkedHere(t);
  assert.equal(fence.enter(join(fence.directory, 'no such cgroup'), idOf(main), nobody), 'ENOENT');
});

test(
  'enterLeft() moves what an earlier daemon had spawned and not moved, enter() does not',
  { skip },
  async (t) => {
    const key = randomUUID();
    const earlier = openedFence(t, key);
    const left = await forkedHere(t);
    earlier.close();
    const fence = openedFence(t, key);
    const { main, grandchild } = await forkedHere(t);
    const [web, db] = [fence.add('web'), fence.add('db')];
    assert.equal(fence.enter(web, idOf(main), nobody), null);
    assert.deepEqual(sorted(processesIn(web)), sorted([main, grandchild]));
    fence.enterLeft(db, left.main);
    assert.deepEqual(sorted(processesIn(db)), sorted([left.main, left.grandchild]));
  },
);

test('add() never gives a cgroup in which something lives, and an empty one again', { skip }, async (t) => {
  const fence = openedFence(t);
  const { main } = await forkedHere(t);
  const first = fence.add('web');
  assert.equal(basename(first), 'web.unit');
  fence.enter(first, idOf(main), nobody);
  assert.equal(basename(fence.add('web')), 'web.unit.2');
  await emptied(fence, first);
  assert.equal(fence.add('web'), first);
});

test('add() makes cgroups for every name that a unit may have', { skip }, (t) => {
  const fence = openedFence(t);
  for (const name of ['daemon', 'session', 'cgroup.procs', 'memory.max', 'a.unit', 'x'.repeat(128)]) {
    assert.equal(basename(fence.add(name)), `${name}.unit`);
  }
  assert.deepEqual(fence.sweep(new Set()), []);
});

test(
  'whenEmpty() tells when the last process of a cgroup and of those below has ended',
  { skip },
  async (t) => {
    const fence = openedFence(t);
    const { main } = await forkedHere(t);
    const cgroup = fence.add('web');
    fence.enter(cgroup, idOf(main), nobody);
    const inner = join(cgroup, 'inner');
    mkdirSync(inner);
    writeControl(inner, 'cgroup.procs', String(main));
    assert.equal(processesBelow(cgroup).length, 2);
    const isEmpty = emptied(fence, cgroup);
    await isEmpty;
    assert.deepEqual(processesBelow(cgroup), []);
    assert.equal(fence.remove(cgroup), true);
    assert.equal(existsSync(cgroup), false);
    // What is gone is empty.
    await new Promise<void>((resolve) => fence.whenEmpty(cgroup, resolve));
  },
);

test('expectMoves() moves nobody, and ends with its close', { skip }, async (t) => {
  const fence = openedFence(t);
  const { main } = await forkedHere(t);
  const daemon = join(fence.directory, 'daemon');
  const here = processesIn(daemon);
  const expected = fence.expectMoves();
  await expected.ready;
  assert.deepEqual(processesIn(daemon), here);
  const web = fence.add('web');
  assert.equal(fence.enter(web, idOf(main), nobody), null);
  assert.equal(processesIn(web).includes(main), true);
  expected.close();
  await expected.over;
  fence.close();
  assert.equal(processesIn(daemon).includes(process.pid), false);
});

test('close() leaves the daemon where it was started, also while moves are expected', { skip }, async (t) => {
  const fence = openedFence(t);
  const expected = fence.expectMoves();
  fence.close();
  await expected.over;
  assert.equal(existsSync(fence.directory), false);
});

test('sweep() removes what is empty and not kept, and gives what is not', { skip }, async (t) => {
  const fence = openedFence(t);
  const { main } = await forkedHere(t);
  const [web, db, cache] = [fence.add('web'), fence.add('db'), fence.add('cache')];
  fence.enter(web, idOf(main), nobody);
  assert.deepEqual(fence.sweep(new Set([db])), [web]);
  assert.deepEqual([existsSync(db), existsSync(cache)], [true, false]);
});

async function emptied(fence: Fence, cgroup: string): Promise<void> {
  await new Promise<void>((resolve) => {
    assert.equal(fence.whenEmpty(cgroup, resolve), true);
    killCgroup(cgroup);
  });
}
