// The Processes port: what holds of processes that an earlier daemon spawned, of the fake and of the kernel's alike.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ExitStatus, ProcessId, ProcessTree } from '../../src/model/process.ts';
import type { Processes } from '../../src/os/ports.ts';
import { child, openChannel, openGate } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { createFakeProcesses } from '../support/fakes/processes.ts';
import { TELLS_EXITS } from '../support/kernel.ts';
import { Arrivals, lineSplitter } from '../support/lines.ts';
import { createRealProcesses, type Report } from './real-processes.ts';
import { spawnRequest } from '../support/spawn-request.ts';

const RUN = 7;

interface Earlier {
  readonly main: ProcessId;
  readonly tree: ProcessTree;
}

interface Subject {
  readonly processes: Processes;
  readonly reports: Arrivals<Report>;
  /** Linux 6.15 tells how a process ended that is not ours. Before, it depends on who is quicker. */
  readonly tellsExits: boolean;
  /** A main process of run 7 whose daemon has been killed since; `exits` lets it exit with code 3. */
  plain(): Earlier & { readonly exits: () => void };
  /** One that has nothing in its environment. */
  wiped(): Earlier;
  /** Of run 7 too, with a grandchild in a session of its own. */
  forked(): Earlier & { readonly grandchild: number };
}

const PLAIN = 6;
const FORKED = 3;

interface Told {
  readonly pid: number;
  readonly spawned: readonly { readonly main: ProcessId; readonly invocationId: string }[];
}

/** The adapter is made after the earlier daemon's death, as the next daemon's is. */
async function realSubject(t: TestContext): Promise<Subject> {
  const [channel, gates] = [openChannel(t), Array.from({ length: PLAIN }, () => openGate(t))];
  const commands = [
    ...gates.map((gate) => [child.gate, channel.path, gate.path, '3']),
    ...Array.from({ length: FORKED }, () => [child.doubleFork, channel.path]),
    ['/usr/bin/env', '-i', child.announce, channel.path],
  ];
  const program = join(import.meta.dirname, 'earlier-daemon.js');
  const words = commands.map((command) => JSON.stringify(command));
  const keeper = spawn(process.execPath, [program, 'keeper', String(RUN), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanUp(t, () => void keeper.kill('SIGKILL'));
  const lines = new Arrivals<string>('the earlier daemon');
  keeper.stdout.on(
    'data',
    lineSplitter((line) => lines.add(line)),
  );
  const told: Told = JSON.parse(await lines.first((line) => line.startsWith('{')));
  const earlier = told.spawned.map(({ main, invocationId }) => ({
    main,
    tree: { invocationId, leaders: [main] },
  }));
  cleanUp(t, () => {
    for (const { tree } of earlier) processes.signalTree(tree, 'SIGKILL');
  });
  await channel.next('waiting', PLAIN - 1);
  await channel.next('main', FORKED - 1);
  await channel.next('grandchild', FORKED - 1);
  await channel.next('up');
  process.kill(told.pid, 'SIGKILL');
  await lines.first((line) => line === 'gone');

  const { processes, reports } = createRealProcesses();
  const [plains, forks] = [earlier.slice(0, PLAIN), earlier.slice(PLAIN, PLAIN + FORKED)];
  const wiped = earlier.slice(PLAIN + FORKED);
  const taken = <T>(pool: T[]): T => pool.shift() ?? assert.fail('the earlier daemon left no more of these');
  return {
    processes,
    reports,
    tellsExits: TELLS_EXITS,
    plain: () => {
      const [left, gate] = [taken(plains), taken(gates)];
      return { ...left, exits: () => gate.open() };
    },
    wiped: () => taken(wiped),
    forked: () => {
      const left = taken(forks);
      const grandchild = processes.members(left.tree).find(({ pid }) => pid !== left.main.pid);
      return { ...left, grandchild: grandchild?.pid ?? 0 };
    },
  };
}

async function fakeSubject(): Promise<Subject> {
  const processes = createFakeProcesses();
  const reports = new Arrivals<Report>('the fake');
  const listen = (): void => processes.onReaped((process, status) => reports.add({ process, status }));
  listen();
  processes.define('forked', { children: 1 });
  let invocations = 0;
  const leftBy = (program: string): Earlier => {
    const invocationId = `invocation ${++invocations}`;
    const environment = { INVOCATION_ID: invocationId, UNITD_RUN: String(RUN) };
    const result = processes.spawn(spawnRequest({ argv: [program], environment }));
    assert.ok(result.ok);
    processes.close();
    listen();
    return { main: result.process, tree: { invocationId, leaders: [result.process] } };
  };
  return await Promise.resolve({
    processes,
    reports,
    tellsExits: true,
    plain: () => {
      const left = leftBy('plain');
      const status = { code: 3, signal: null, coreDumped: false };
      return { ...left, exits: () => processes.exit(left.main, status) };
    },
    wiped: () => leftBy('plain'),
    forked: () => {
      const left = leftBy('forked');
      const grandchild = processes.members(left.tree).find(({ pid }) => pid !== left.main.pid)?.pid ?? 0;
      return { ...left, grandchild };
    },
  });
}

const subjects: Readonly<Record<string, (t: TestContext) => Promise<Subject>>> = {
  'fake processes': fakeSubject,
  'real processes': realSubject,
};

for (const [name, create] of Object.entries(subjects)) {
  test(`${name} of an earlier daemon`, async (t) => {
    const { processes, reports, tellsExits, plain, wiped, forked } = await create(t);

    const reportsOf = (pid: number): readonly Report[] =>
      reports.seen.filter((report) => report.process?.pid === pid);
    const statusOf = async (pid: number): Promise<ExitStatus> =>
      (await reports.first((report) => report.process?.pid === pid, `the end of ${pid}`)).status;
    const isStatus = (actual: ExitStatus, expected: Partial<ExitStatus>): void => {
      if (!tellsExits && actual.code === null && actual.signal === null) return;
      assert.deepEqual(actual, { code: null, signal: null, coreDumped: false, ...expected });
    };

    await t.test('adopt() has the exit code reported', async () => {
      const { main, exits } = plain();
      assert.equal(processes.adopt(main), true);
      assert.deepEqual(reportsOf(main.pid), []);
      exits();
      isStatus(await statusOf(main.pid), { code: 3 });
    });

    await t.test('adopt() has the signal reported, once however often it was called', async () => {
      const { main } = plain();
      assert.deepEqual([processes.adopt(main), processes.adopt(main)], [true, true]);
      assert.equal(processes.signal(main, 'SIGTERM'), 'sent');
      isStatus(await statusOf(main.pid), { signal: 'SIGTERM' });
      const other = plain();
      processes.adopt(other.main);
      other.exits();
      await statusOf(other.main.pid);
      assert.equal(reportsOf(main.pid).length, 1);
    });

    await t.test('adopt() refuses what has ended', async () => {
      const { main, exits } = plain();
      assert.equal(processes.adopt(main), true);
      exits();
      await statusOf(main.pid);
      assert.equal(processes.adopt(main), false);
    });

    await t.test('adopt() refuses a process that has the pid but not the start time', async () => {
      const { main } = plain();
      assert.equal(processes.adopt({ pid: main.pid, startTicks: main.startTicks - 1 }), false);
    });

    await t.test('adopt() of what nobody spawned has its end reported by name', async () => {
      const { tree, grandchild } = forked();
      const orphan = processes.members(tree).find(({ pid }) => pid === grandchild);
      assert.ok(orphan !== undefined);
      assert.equal(processes.adopt(orphan), true);
      processes.signal(orphan, 'SIGKILL');
      isStatus(await statusOf(grandchild), { signal: 'SIGKILL' });
    });

    await t.test('findLeader() finds what was spawned for the run, not what that forked', async () => {
      const { main, tree } = forked();
      assert.deepEqual(processes.findLeader(tree.invocationId, RUN), main);
    });

    await t.test('findLeader() finds what has wiped its environment', async () => {
      const { main, tree } = wiped();
      assert.deepEqual(processes.findLeader(tree.invocationId, RUN), main);
      assert.equal(processes.findLeader(tree.invocationId, RUN + 1), null);
    });

    await t.test(
      'findLeader() finds nobody for another run, another invocation, or one that has ended',
      async () => {
        const { main, tree, exits } = plain();
        assert.equal(processes.findLeader(tree.invocationId, RUN + 1), null);
        assert.equal(processes.findLeader('of nobody', RUN), null);
        processes.adopt(main);
        exits();
        await statusOf(main.pid);
        assert.equal(processes.findLeader(tree.invocationId, RUN), null);
      },
    );

    await t.test('members() and signalTree() have the grandchild too', async () => {
      const { main, tree, grandchild } = forked();
      const members = processes.members(tree);
      assert.deepEqual(new Set(members.map(({ pid }) => pid)), new Set([main.pid, grandchild]));
      for (const member of members) processes.adopt(member);
      assert.equal(processes.signalTree(tree, 'SIGTERM'), 2);
      await Promise.all([statusOf(main.pid), statusOf(grandchild)]);
      assert.deepEqual(processes.members(tree), []);
    });
  });
}
