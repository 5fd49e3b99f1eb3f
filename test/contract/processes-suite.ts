// The Processes port: what holds of the fake and of the kernel's processes alike, by session and by cgroup. A test file
// runs it for one fence, since there can be one reaper a process.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { ExitStatus, FenceKind, ProcessId, ProcessTree, SpawnRequest } from '../../src/model/process.ts';
import { NO_RESOURCES } from '../../src/model/unit.ts';
import type { Processes, SpawnResult } from '../../src/os/ports.ts';
import { child, openChannel } from '../support/child.ts';
import { createFakeProcesses } from '../support/fakes/processes.ts';
import { Arrivals } from '../support/lines.ts';
import { createRealProcesses, type Enclosed, enclosed, type Report } from './real-processes.ts';
import { spawnRequest } from '../support/spawn-request.ts';

type Role =
  'exits 3' | 'waits' | 'deaf to TERM' | 'waits with a grandchild' | 'leaves a grandchild' | 'missing';

interface Start {
  readonly process: ProcessId;
  readonly tree: ProcessTree;
  /** Everything alive of it that has said it is ready. */
  readonly ready: readonly number[];
}

interface Subject {
  readonly processes: Processes;
  readonly reports: Arrivals<Report>;
  spawn(t: TestContext, role: Role): SpawnResult;
  /** Resolves when all of it runs. */
  start(t: TestContext, role: Exclude<Role, 'exits 3' | 'missing'>): Promise<Start>;
}

function realSubject(fence: FenceKind): Subject {
  const { processes, reports, start } = createRealProcesses(fence);
  return {
    processes,
    reports,
    spawn: (t, role) => {
      const argv: SpawnRequest['argv'] = role === 'missing' ? ['/nonexistent/program'] : [child.exit, '3'];
      if (role === 'missing') return processes.spawn(spawnRequest({ argv }));
      return { ok: true, process: start(t, spawnRequest({ argv })).process };
    },
    start: async (t, role) => {
      const channel = openChannel(t);
      const begin = (argv: SpawnRequest['argv']): Omit<Start, 'ready'> => start(t, spawnRequest({ argv }));
      const pidsOf = async (...words: string[]): Promise<number[]> =>
        (await Promise.all(words.map((word) => channel.next(word)))).map(({ pid }) => pid);
      switch (role) {
        case 'waits':
          return { ...begin([child.announce, channel.path]), ready: await pidsOf('up') };
        case 'deaf to TERM':
          return { ...begin([child.ignoreTerm, channel.path]), ready: await pidsOf('up') };
        case 'waits with a grandchild':
          return { ...begin([child.doubleFork, channel.path]), ready: await pidsOf('main', 'grandchild') };
        case 'leaves a grandchild': {
          const begun = begin([child.outlived, channel.path]);
          const ready = await pidsOf('grandchild');
          await reports.first(
            ({ process }) => process?.pid === begun.process.pid,
            'the end of the main process',
          );
          return { ...begun, ready };
        }
      }
    },
  };
}

function fakeSubject(fence: FenceKind): Subject {
  const processes = createFakeProcesses({ fence });
  const reports = new Arrivals<Report>('the fake');
  processes.onReaped((process, status) => reports.add({ process, status }));
  const exited = (code: number): ExitStatus => ({ code, signal: null, coreDumped: false });
  processes.define('exits 3', { exits: exited(3) });
  processes.define('deaf to TERM', { ignores: ['SIGTERM'] });
  processes.define('waits with a grandchild', { children: 1 });
  processes.define('leaves a grandchild', { children: 1, exits: exited(0) });
  processes.define('missing', {
    failure: { stage: 'command', errno: 'ENOENT', reason: '"missing" does not exist' },
  });
  let runs = 0;
  const spawn = (role: Role, invocationId: string, within: Enclosed): SpawnResult =>
    processes.spawn(spawnRequest({ argv: [role], environment: { INVOCATION_ID: invocationId }, ...within }));
  return {
    processes,
    reports,
    spawn: (_t, role) => spawn(role, `run ${++runs}`, enclosed(processes)),
    start: async (_t, role) => {
      const invocationId = `run ${++runs}`;
      const within = enclosed(processes);
      const result = spawn(role, invocationId, within);
      assert.ok(result.ok);
      const tree = { invocationId, leaders: [result.process], ...within };
      return { process: result.process, tree, ready: processes.members(tree).map(({ pid }) => pid) };
    },
  };
}

const subjects: Readonly<Record<string, (fence: FenceKind) => Subject>> = {
  'fake processes': fakeSubject,
  'real processes': realSubject,
};

export function holdsOfProcesses(fence: FenceKind): void {
  for (const [name, create] of Object.entries(subjects)) {
    describe(`${name} held by ${fence}`, () => suite(fence, create(fence)));
  }
}

function suite(fence: FenceKind, { processes, reports, spawn, start }: Subject): void {
  const reportsOf = ({ pid }: ProcessId): readonly Report[] =>
    reports.seen.filter((report) => report.process?.pid === pid);
  const statusOf = async (process: ProcessId): Promise<ExitStatus> =>
    (await reports.first((report) => report.process?.pid === process.pid, `the end of ${process.pid}`))
      .status;
  const pids = (members: readonly ProcessId[]): readonly number[] => members.map(({ pid }) => pid);
  /** Resolves when the tree has nobody left; members only ever leave it by being reaped, which is reported. */
  const emptied = async (tree: ProcessTree): Promise<void> => {
    for (let from = reports.seen.length; processes.members(tree).length > 0; from = reports.seen.length) {
      await reports.first(() => true, 'the next end', from);
    }
  };

  test('enclose() gives each activation a place of its own, where the fence has any', () => {
    assert.equal(processes.fence, fence);
    const [one, other] = [processes.enclose('one', NO_RESOURCES), processes.enclose('other', NO_RESOURCES)];
    assert.deepEqual([one === null, other === null], [fence === 'session', fence === 'session']);
    for (const cgroup of [one, other]) {
      const within = cgroup === null ? {} : { cgroup };
      assert.equal(processes.release({ invocationId: 'none', leaders: [], ...within }), true);
    }
    assert.ok(one === null || one !== other);
  });

  test('expectSpawns() gets ready, and a spawn before its close is as every other', async (t) => {
    const expected = processes.expectSpawns();
    await expected.ready;
    const { process, tree } = await start(t, 'waits');
    assert.deepEqual(pids(processes.members(tree)), [process.pid]);
    expected.close();
    processes.signalTree(tree, 'SIGKILL');
    await statusOf(process);
    assert.equal(processes.release(tree), true);
  });

  test('release() leaves what holds somebody, and takes it when all have ended', async (t) => {
    const { process, tree } = await start(t, 'waits');
    assert.equal(processes.release(tree), fence === 'session');
    processes.signalTree(tree, 'SIGKILL');
    await statusOf(process);
    assert.equal(processes.release(tree), true);
    assert.deepEqual(processes.members(tree), []);
  });

  test('sweep() spares what is kept, and tells what holds somebody', async (t) => {
    const [kept, left] = [await start(t, 'waits'), await start(t, 'waits')];
    const empty = processes.enclose('empty', NO_RESOURCES);
    assert.deepEqual(
      processes.sweep([kept.tree]).filter((cgroup) => cgroup === left.tree.cgroup || cgroup === empty),
      left.tree.cgroup === undefined ? [] : [left.tree.cgroup],
    );
    assert.equal(processes.members(kept.tree).length, 1);
  });

  test('onReaped() reports an exit code once, and not from inside spawn()', async (t) => {
    const result = spawn(t, 'exits 3');
    assert.ok(result.ok);
    assert.deepEqual(reportsOf(result.process), []);
    const next = spawn(t, 'exits 3');
    assert.ok(next.ok);
    assert.deepEqual(await statusOf(result.process), { code: 3, signal: null, coreDumped: false });
    await statusOf(next.process);
    assert.equal(reportsOf(result.process).length, 1);
  });

  test('onReaped() has one listener', () => {
    assert.throws(() => processes.onReaped(() => undefined), /somebody does already/);
  });

  test('spawn() returns a missing command as a value', (t) => {
    const result = spawn(t, 'missing');
    assert.equal(result.ok, false);
    assert.equal(!result.ok && result.failure.stage, 'command');
    assert.equal(!result.ok && result.failure.errno, 'ENOENT');
  });

  test('signal() ends a process, whose report names the signal', async (t) => {
    const { process } = await start(t, 'waits');
    assert.equal(processes.signal(process, 'SIGTERM'), 'sent');
    assert.deepEqual(reportsOf(process), []);
    assert.deepEqual(await statusOf(process), { code: null, signal: 'SIGTERM', coreDumped: false });
  });

  test('signal() finds a reaped process gone', async (t) => {
    const { process } = await start(t, 'waits');
    processes.signal(process, 'SIGKILL');
    await statusOf(process);
    assert.equal(processes.signal(process, 'SIGKILL'), 'gone');
  });

  test('signal() spares a process that has the pid but not the start time', async (t) => {
    const { process, tree } = await start(t, 'waits');
    const stranger = { pid: process.pid, startTicks: process.startTicks - 1 };
    assert.equal(processes.signal(stranger, 'SIGKILL'), 'gone');
    assert.deepEqual(processes.members({ invocationId: 'of nobody', leaders: [stranger] }), []);
    assert.deepEqual(pids(processes.members(tree)), [process.pid]);
  });

  test('members() has the leader, and a grandchild in a session of its own', async (t) => {
    const { process, tree, ready } = await start(t, 'waits with a grandchild');
    const members = pids(processes.members(tree));
    assert.ok(members.includes(process.pid));
    for (const pid of ready) assert.ok(members.includes(pid), `${pid} is missing from ${members.join()}`);
  });

  test('members() has the grandchild whose leader has been reaped', async (t) => {
    const { tree, ready } = await start(t, 'leaves a grandchild');
    assert.deepEqual(
      pids(processes.members(tree)),
      ready.filter((pid) => pid !== tree.leaders[0]?.pid),
    );
  });

  test('members() of one tree has nobody of another', async (t) => {
    const [one, other] = [await start(t, 'leaves a grandchild'), await start(t, 'waits')];
    const members = pids(processes.members(other.tree));
    assert.deepEqual(members, [other.process.pid]);
    assert.ok(!pids(processes.members(one.tree)).includes(other.process.pid));
  });

  test('members() of a tree without leaders is empty', () => {
    assert.deepEqual(processes.members({ invocationId: 'none', leaders: [] }), []);
  });

  test('signalTree() ends leader and grandchild, and the orphan is reported as nobody known', async (t) => {
    const { process, tree, ready } = await start(t, 'waits with a grandchild');
    const before = reports.seen.length;
    assert.ok(processes.signalTree(tree, 'SIGTERM') >= ready.length);
    assert.equal((await statusOf(process)).signal, 'SIGTERM');
    await emptied(tree);
    await reports.first((report) => report.process === null, 'the end of an orphan', before);
    assert.equal(processes.signalTree(tree, 'SIGKILL'), 0);
  });

  test('signalTree() leaves out whom it reached before, and remembers whom it reaches', async (t) => {
    const { process, tree } = await start(t, 'deaf to TERM');
    const reached = new Set<string>();
    assert.equal(processes.signalTree(tree, 'SIGTERM', reached), 1);
    assert.equal(processes.signalTree(tree, 'SIGTERM', reached), 0);
    assert.equal(processes.signalTree(tree, 'SIGKILL', reached), 0);
    assert.equal(processes.signalTree(tree, 'SIGKILL', new Set()), 1);
    assert.equal((await statusOf(process)).signal, 'SIGKILL');
  });

  test('signalTree() leaves what ignores TERM to KILL', async (t) => {
    const { process, tree } = await start(t, 'deaf to TERM');
    assert.equal(processes.signalTree(tree, 'SIGTERM'), 1);
    assert.deepEqual(pids(processes.members(tree)), [process.pid]);
    assert.equal(processes.signalTree(tree, 'SIGKILL'), 1);
    assert.equal((await statusOf(process)).signal, 'SIGKILL');
  });

  test('signalTree() does not reach the tree that comes in the place of one that it ended', async (t) => {
    const ended = await start(t, 'waits');
    processes.signalTree(ended.tree, 'SIGTERM');
    // Not a turn of the event loop lies between the end and the next start.
    while (processes.members(ended.tree).length > 0);
    const { process } = await start(t, 'waits');
    await statusOf(ended.process);
    processes.signal(process, 'SIGKILL');
    assert.equal((await statusOf(process)).signal, 'SIGKILL');
  });
}
