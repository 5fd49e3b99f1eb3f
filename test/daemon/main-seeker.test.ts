// MainSeeker on processes of the kernel's and a clock of the test's: whom it takes for the main process, what it waits
// for, when it gives up.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { newUnit } from '../../src/core/fleet.ts';
import type { Unit } from '../../src/core/fleet.ts';
import type { MachineEvent } from '../../src/core/machine-state.ts';
import { MainSeeker } from '../../src/daemon/main-seeker.ts';
import type { ExitStatus, ProcessId } from '../../src/model/process.ts';
import { processStat } from '../../src/os/procfs.ts';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { createFakeClock } from '../support/fakes/clock.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';
import { FAILURE, SUCCESS } from './rig.ts';

interface Bench {
  readonly events: MachineEvent[];
  readonly found: ProcessId[];
  /** Runs whose end nobody else knows of. */
  readonly waiting: number[];
  readonly seeker: MainSeeker;
  members: readonly ProcessId[];
  isUnsure: boolean;
  unit: Unit | undefined;
  /** Lets the next look happen. */
  look(): void;
}

function createBench(pidFile: string | null): Bench {
  const clock = createFakeClock();
  const spec = unitSpec('web', { type: 'forking', pidFile });
  const bench: Bench = {
    events: [],
    found: [],
    waiting: [],
    members: [],
    isUnsure: false,
    unit: undefined,
    look: () => clock.advance((clock.nextDueMs ?? clock.monotonicMs()) - clock.monotonicMs()),
    seeker: new MainSeeker({
      clock,
      unitOf: () => bench.unit,
      members: () => bench.members,
      isUnsure: () => bench.isUnsure,
      send: (_unit, event) => bench.events.push(event),
      onWaiting: (_unit, { run }) => bench.waiting.push(run),
      onFound: (_unit, _run, process) => bench.found.push(process),
    }),
  };
  bench.seeker.seek(spec, 7);
  return bench;
}

function idOf(pid: number): ProcessId {
  return { pid, startTicks: processStat(pid)?.startTicks ?? assert.fail(`no process ${pid}`) };
}

/** A shell and its child: the child has its parent among the two. */
async function family(t: TestContext): Promise<{ readonly parent: ProcessId; readonly worker: ProcessId }> {
  const channel = openChannel(t);
  const script = '"$1" "$0" worker & echo "parent $$" >"$0"; wait';
  const shell = spawn('sh', ['-c', script, channel.path, child.announce], { stdio: 'ignore' });
  const [parent, worker] = await Promise.all([channel.next('parent'), channel.next('worker')]);
  cleanUp(t, () => {
    shell.kill('SIGKILL');
    process.kill(worker.pid, 'SIGKILL');
  });
  return { parent: idOf(parent.pid), worker: idOf(worker.pid) };
}

test('MainSeeker without a pidFile: the only one whose parent is none of the unit', async (t) => {
  const { parent, worker } = await family(t);
  const bench = createBench(null);
  bench.members = [worker, parent];
  bench.look();
  bench.look();
  assert.deepEqual(bench.events, [{ type: 'main-found', run: 7, process: parent }]);
  assert.deepEqual(bench.found, [parent]);
  bench.look();
  assert.equal(bench.events.length, 1);
});

test('MainSeeker without a pidFile: of two it waits until one is left, and says so once', async (t) => {
  const [one, other] = [await family(t), await family(t)];
  const bench = createBench(null);
  bench.members = [one.parent, other.parent, other.worker];
  bench.look();
  bench.look();
  const text = '2 of its processes could be the main one, expected one, or a pidFile';
  assert.deepEqual(bench.events, [{ type: 'main-unknown', run: 7, text }]);
  bench.members = [other.parent, other.worker];
  bench.look();
  bench.look();
  assert.deepEqual(bench.events.at(-1), { type: 'main-found', run: 7, process: other.parent });
});

test('MainSeeker without a pidFile: not the one from which a daemon forks the second time', async (t) => {
  const [middle, daemon] = [await family(t), await family(t)];
  const bench = createBench(null);
  bench.members = [middle.parent];
  bench.look();
  bench.members = [daemon.parent, daemon.worker];
  bench.look();
  assert.deepEqual(bench.events, []);
  bench.look();
  assert.deepEqual(bench.events, [{ type: 'main-found', run: 7, process: daemon.parent }]);
});

test('MainSeeker with a pidFile: waits for the file, for a pid in it, and for one of the unit', async (t) => {
  const { parent, worker } = await family(t);
  const path = join(temporaryDirectory(t), 'pid');
  const bench = createBench(path);
  bench.members = [parent, worker];
  bench.look();
  writeFileSync(path, '');
  bench.look();
  writeFileSync(path, `${process.pid}\n`);
  bench.look();
  writeFileSync(path, ` ${worker.pid}\n`);
  bench.look();
  assert.deepEqual(
    bench.events.map((event) => ('text' in event ? event.text : event)),
    [
      `its pidFile "${path}" is not there yet`,
      `its pidFile "${path}" has no pid in it`,
      `its pidFile "${path}" names pid ${process.pid}, which is none of its processes`,
      { type: 'main-found', run: 7, process: worker },
    ],
  );
});

test('MainSeeker: no process is left', () => {
  const bench = createBench('/nonexistent/pid');
  bench.look();
  assert.deepEqual(bench.events, [{ type: 'main-lost', run: 7 }]);
});

test('MainSeeker giveUp() ends the search', () => {
  const bench = createBench('/nonexistent/pid');
  bench.members = [idOf(process.pid)];
  bench.look();
  bench.seeker.giveUp('web');
  bench.members = [];
  bench.look();
  assert.deepEqual(
    bench.events.map(({ type }) => type),
    ['main-unknown'],
  );
});

test('MainSeeker: nobody is lost while some process cannot be told to be anybody’s', () => {
  const bench = createBench(null);
  bench.isUnsure = true;
  bench.look();
  bench.look();
  assert.deepEqual(bench.events, []);
  const main = idOf(process.pid);
  bench.members = [main];
  bench.look();
  bench.look();
  assert.deepEqual(bench.events, [{ type: 'main-found', run: 7, process: main }]);
});

/** A unit that is up, whose main process of run 7 has ended so; `told`: who is main in its place, as soon as it is told. */
function endedMain(bench: Bench, pidFile: string | null, status: ExitStatus): (ProcessId | null)[] {
  bench.seeker.giveUp('web');
  const main = { id: 7, process: ENDED };
  const phase = { at: 'running', main, readyAt: 0, deadline: null } as const;
  const unit = newUnit(unitSpec('web', { type: 'forking', pidFile }));
  bench.unit = { ...unit, state: { ...unit.state, phase } };
  return ended(bench, 7, status);
}

const ENDED: ProcessId = { pid: 1, startTicks: 1 };

function ended(bench: Bench, run: number, status: ExitStatus): (ProcessId | null)[] {
  const told: (ProcessId | null)[] = [];
  bench.seeker.succeed('web', { run, process: ENDED, status }, (successor) => told.push(successor));
  return told;
}

test('MainSeeker succeed(): whom the pidFile comes to name, where main has ended well and left somebody', (t) => {
  const path = join(temporaryDirectory(t), 'pid');
  const bench = createBench(path);
  const next = idOf(process.pid);
  bench.members = [next];
  const told = endedMain(bench, path, SUCCESS);
  bench.look();
  writeFileSync(path, '1\n');
  bench.look();
  assert.deepEqual(told, []);
  writeFileSync(path, `${next.pid}\n`);
  bench.look();
  assert.deepEqual(told, [next]);
  assert.deepEqual(bench.waiting, [7], 'is written down, once');
});

test('MainSeeker succeed(): of a helper, while it is waited for who takes the place of main', () => {
  const bench = createBench('/nonexistent/pid');
  bench.members = [idOf(process.pid)];
  const told = endedMain(bench, '/nonexistent/pid', SUCCESS);
  assert.deepEqual(ended(bench, 8, SUCCESS), [null]);
  assert.deepEqual(told, []);
  bench.unit = undefined;
  bench.look();
  assert.deepEqual(told, [null]);
  assert.deepEqual(bench.waiting, [7]);
});

test('MainSeeker succeed(): of a run that was given up, while the next main is sought', () => {
  const bench = createBench('/nonexistent/pid');
  bench.members = [idOf(process.pid)];
  bench.look();
  assert.deepEqual(ended(bench, 6, SUCCESS), [null]);
  bench.members = [];
  bench.look();
  assert.deepEqual(bench.events.at(-1), { type: 'main-lost', run: 7 });
});

test('MainSeeker succeed(): nobody is left out who cannot be told to be anybody’s', (t) => {
  const path = join(temporaryDirectory(t), 'pid');
  const bench = createBench(path);
  bench.isUnsure = true;
  const told = endedMain(bench, path, SUCCESS);
  assert.deepEqual(told, []);
  bench.members = [idOf(process.pid)];
  writeFileSync(path, `${process.pid}\n`);
  bench.look();
  assert.deepEqual(told, bench.members);
});

for (const [how, status, change] of [
  ['main has failed', FAILURE, () => undefined],
  ['nobody is left', SUCCESS, (bench: Bench) => (bench.members = [])],
  ['the unit is being stopped', SUCCESS, (bench: Bench) => (bench.unit = undefined)],
] as const) {
  test(`MainSeeker succeed(): nobody, as soon as ${how}`, () => {
    const bench = createBench('/nonexistent/pid');
    bench.members = [idOf(process.pid)];
    const told = endedMain(bench, '/nonexistent/pid', status);
    change(bench);
    bench.look();
    assert.deepEqual(told, [null]);
  });
}

test('MainSeeker succeed(): nobody after two seconds, and at once where there is no pidFile', () => {
  const bench = createBench('/nonexistent/pid');
  bench.members = [idOf(process.pid)];
  const told = endedMain(bench, '/nonexistent/pid', SUCCESS);
  for (let look = 0; look < 99; look += 1) bench.look();
  assert.deepEqual(told, []);
  bench.look();
  assert.deepEqual(told, [null]);
  assert.deepEqual(endedMain(bench, null, SUCCESS), [null]);
});
