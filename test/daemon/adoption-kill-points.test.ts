// The real daemon over processes that live in a table, killed at each record of its journal: in the middle of it, which
// is as if it had not been written, and after it, before what follows. Each time another daemon goes on from there, is
// killed itself while it takes over, and a third one has to bring everything home.
//
// What must hold of every one of these lives: no unit ever runs twice, a oneshot that must not be repeated is not,
// what nobody touched keeps its process, and in the end every process belongs to a unit and every unit is where its
// file and the operator want it.
import assert from 'node:assert/strict';
import fs, { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { mock, test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { atOnce } from '../../src/core/steps.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import type { ExitStatus, ProcessId } from '../../src/model/process.ts';
import type { Processes, Readiness } from '../../src/os/ports.ts';
import { temporaryDirectory } from '../support/child.ts';
import { dedent } from '../support/dedent.ts';
import { createFakeClock, type FakeClock } from '../support/fakes/clock.ts';
import { createFakeProcesses, type FakeProcesses } from '../support/fakes/processes.ts';

const FILES: Readonly<Record<string, string>> = {
  rock: 'command: /bin/rock',
  web: 'command: /bin/web\nrestart: { delay: 1s, jitter: 0 }',
  db: 'command: /bin/db',
  api: 'command: /bin/tree\nrequires: [db]',
  deaf: 'command: /bin/deaf\nstop: { timeout: 2s }',
  job: 'type: oneshot\ncommand: /bin/job',
  helped: `
    command: /bin/helped
    startPre: [/bin/helper]
    startPost: [/bin/helper]
    stopPost: [/bin/helper]`,
};

const FAILED: ExitStatus = { code: 1, signal: null, coreDumped: false };
const DONE: ExitStatus = { code: 0, signal: null, coreDumped: false };

/** Nobody writes. */
const SILENT: Readiness = {
  watch: () => ({ arm: () => undefined, close: () => undefined }),
  close: () => undefined,
};

class Killed extends Error {}

interface World {
  readonly clock: FakeClock;
  readonly kernel: FakeProcesses;
  readonly home: string;
  /** Two runs of a unit at one time, as they were seen at a spawn. */
  readonly doubles: string[];
}

function createWorld(t: TestContext): World {
  const kernel = createFakeProcesses();
  kernel.define('/bin/job', { exits: DONE });
  kernel.define('/bin/helper', { exits: DONE });
  kernel.define('/bin/deaf', { ignores: ['SIGTERM'] });
  kernel.define('/bin/tree', { children: 1 });
  const home = temporaryDirectory(t);
  for (const name of ['units', 'runtime/fifo', 'state', 'logs'])
    mkdirSync(join(home, name), { recursive: true });
  return { clock: createFakeClock(), kernel, home, doubles: [] };
}

function write(world: World, name: string, yaml: string): void {
  writeFileSync(join(world.home, 'units', `${name}.yaml`), dedent(yaml));
}

/** Where a daemon dies: at the n-th record that it writes, with this share of it written. */
interface KillPoint {
  readonly record: number;
  readonly written: 'half' | 'all';
}

/** One daemon's life. After its end nothing that it does reaches the world. */
class Life {
  readonly daemon: Daemon;
  readonly #world: World;
  readonly #killPoint: KillPoint | null;
  #records = 0;
  #isDead = false;

  constructor(world: World, killPoint: KillPoint | null) {
    this.#world = world;
    this.#killPoint = killPoint;
    const { clock, home } = world;
    this.daemon = new Daemon({
      holdsRuntime: () => true,
      hasState: true,
      paths: {
        units: join(home, 'units'),
        runtime: join(home, 'runtime'),
        state: join(home, 'state'),
        logs: join(home, 'logs'),
      },
      origin: { version: '0', startedWall: clock.wallMs(), replacedWall: null, replaceFailure: null },
      bootId: 'this boot',
      clock,
      processes: this.#gated(),
      readiness: SILENT,
      meter: {
        sources: { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' },
        sample: async () => await Promise.resolve(new Map()),
        forget: () => undefined,
      },
      random: () => 0.5,
      inherited: { PATH: '/bin' },
      log: { write: () => undefined, close: () => undefined },
      insecurePermissions: true,
      usageIntervalMs: null,
      onExitAction: () => undefined,
      handOver: null,
      tidy: () => undefined,
      reexec: () => Promise.reject(new Error('nobody asks for it')),
    });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get records(): number {
    return this.#records;
  }

  /** For node:fs: the journal is the only file that is written so. */
  writeSync(real: typeof fs.writeSync, fd: number, bytes: Buffer, from: number): number {
    if (this.#isDead) throw new Killed();
    this.#records += 1;
    if (this.#records !== this.#killPoint?.record) return real(fd, bytes, from);
    const share = { half: 0.5, all: 1 }[this.#killPoint.written];
    const end = from + Math.floor((bytes.length - from) * share);
    if (end > from) real(fd, bytes.subarray(from, end));
    this.#isDead = true;
    throw new Killed();
  }

  /** The world comes to rest, and time passes: long enough for every deadline. */
  async passTime(seconds: number): Promise<void> {
    for (let second = 0; second < seconds && !this.#isDead; second++) {
      for (let turn = 0; turn < 8; turn++) await nextTurn();
      this.#world.clock.advance(1000);
    }
    for (let turn = 0; turn < 8; turn++) await nextTurn();
  }

  async boot(): Promise<void> {
    // A daemon that dies in its start cannot say so.
    await this.daemon.boot().catch((error: unknown) => {
      if (!this.#isDead) throw error;
    });
  }

  async reload(): Promise<void> {
    if (this.#isDead) return;
    await this.daemon.control.reload({ wait: false }, () => undefined, new AbortController().signal);
  }

  async operate(unit: string, verb: 'start' | 'stop' | 'restart'): Promise<void> {
    if (this.#isDead) return;
    const hangup = new AbortController().signal;
    await this.daemon.control.operate(unit, verb, { wait: false }, () => undefined, hangup);
  }

  async end(): Promise<void> {
    this.#isDead = true;
    this.#world.kernel.close();
    await this.daemon.close();
  }

  #gated(): Processes {
    const { kernel, clock } = this.#world;
    const gate = (): void => {
      if (this.#isDead) throw new Killed();
    };
    return {
      ...kernel,
      spawn: (request) => {
        gate();
        this.#world.doubles.push(...doublesOf(kernel, request.environment, request.argv[0]));
        // Longer than a slice of work: the next effect waits for another turn.
        clock.advance(10);
        return kernel.spawn(request);
      },
      signal: (process, signal) => {
        gate();
        return kernel.signal(process, signal);
      },
      signalTree: (tree, signal, reached, onDenied) => {
        gate();
        return kernel.signalTree(tree, signal, reached, onDenied);
      },
    };
  }
}

function living(kernel: FakeProcesses, process: ProcessId): boolean {
  return kernel.members({ invocationId: 'nobody', leaders: [process] }).length > 0;
}

/** Who of the unit lives that must not, when this is about to be spawned. */
function doublesOf(
  kernel: FakeProcesses,
  environment: Readonly<Record<string, string>>,
  program: string,
): string[] {
  const { UNITD_UNIT: unit, INVOCATION_ID: invocationId } = environment;
  return kernel.spawned.flatMap(({ request, process }) => {
    if (request.environment['UNITD_UNIT'] !== unit) return [];
    const earlier = request.environment['INVOCATION_ID'] ?? '';
    const isDouble =
      earlier === invocationId
        ? request.argv[0] === program && living(kernel, process)
        : kernel.members({ invocationId: earlier, leaders: [process] }).length > 0;
    return isDouble ? [`${unit}: ${program} while ${request.argv[0]} lives`] : [];
  });
}

/** All that happens to the first daemon, as far as it lives to see it. */
async function history(world: World, life: Life): Promise<void> {
  const { kernel } = world;
  const exit = (program: string): void => {
    const found = kernel.spawned.find(
      ({ request, process }) => request.argv[0] === program && living(kernel, process),
    );
    if (found !== undefined && !life.isDead) kernel.exit(found.process, FAILED);
  };
  await life.boot();
  await life.passTime(1);
  exit('/bin/web');
  await life.passTime(3);
  exit('/bin/tree');
  await life.passTime(3);
  await life.operate('db', 'restart');
  await life.passTime(2);
  write(world, 'deaf', `${FILES['deaf']}\nenvironment: { A: b }`);
  await life.reload();
  await life.passTime(4);
  await life.operate('web', 'stop');
  await life.passTime(2);
  await life.operate('web', 'start');
  await life.passTime(2);
  rmSync(join(world.home, 'units', 'helped.yaml'));
  await life.reload();
  await life.passTime(2);
}

async function live(
  world: World,
  killPoint: KillPoint | null,
  script: (life: Life) => Promise<void>,
): Promise<Life> {
  const life = new Life(world, killPoint);
  const real = fs.writeSync.bind(fs);
  const truncate = fs.ftruncateSync.bind(fs);
  const writing = mock.method(fs, 'writeSync', (fd: number, bytes: Buffer, from: number) =>
    life.writeSync(real, fd, bytes, from),
  );
  const truncating = mock.method(fs, 'ftruncateSync', (fd: number, length: number) => {
    if (!life.isDead) truncate(fd, length);
  });
  syncBuiltinESMExports();
  try {
    await script(life);
  } finally {
    await life.end();
    writing.mock.restore();
    truncating.mock.restore();
    syncBuiltinESMExports();
  }
  return life;
}

function stateOfAll(world: World, life: Life): void {
  const { units } = atOnce(life.daemon.control.status());
  for (const { name, state, wanted, reason } of units) {
    const rests = name === 'job' ? ['completed', 'failed'] : [wanted === 'up' ? 'running' : 'stopped'];
    assert.ok(rests.includes(state), `${name} is ${state}, wanted ${wanted}: ${reason}`);
  }
  const mains = units.flatMap(({ pid }) => pid ?? []);
  const { kernel } = world;
  const spawned = kernel.spawned
    .filter(({ process }) => living(kernel, process))
    .map(({ process }) => process.pid);
  assert.deepEqual(new Set(spawned), new Set(mains), 'who lives, and who is some unit’s main process');
  // The tree has a child beside its main process.
  assert.equal(kernel.livingCount, mains.length + 1);
}

async function lives(t: TestContext, killPoint: KillPoint): Promise<void> {
  const world = createWorld(t);
  for (const [name, yaml] of Object.entries(FILES)) write(world, name, yaml);
  const first = await live(world, killPoint, async (life) => await history(world, life));
  assert.equal(first.isDead, true);
  const rock = world.kernel.spawned.find(({ request }) => request.argv[0] === '/bin/rock')?.process;
  const next: KillPoint = { record: 1 + (killPoint.record % 7), written: killPoint.written };
  await live(world, next, async (life) => {
    await life.boot();
    await life.passTime(1);
  });
  await live(world, null, async (life) => {
    await life.boot();
    await life.passTime(12);
    stateOfAll(world, life);
    // After a whole record that announces a spawn, nobody knows whether it was carried out. Else somebody does.
    const { restarts } = atOnce(life.daemon.control.status()).units.find(({ name }) => name === 'rock') ?? {};
    if (killPoint.written === 'half') assert.equal(restarts, 0, 'restarts of what never ended');
  });
  assert.deepEqual(world.doubles, []);
  const jobs = world.kernel.spawned.filter(({ request }) => request.argv[0] === '/bin/job');
  assert.ok(jobs.length <= 1, 'the oneshot ran more than once');
  if (rock !== undefined) assert.ok(living(world.kernel, rock), 'what nobody touched is another process now');
}

test('Daemon, killed at each record of its journal: no unit runs twice, nothing that lives is lost, all is as wanted', async (t) => {
  const whole = createWorld(t);
  for (const [name, yaml] of Object.entries(FILES)) write(whole, name, yaml);
  const { records } = await live(whole, null, async (life) => await history(whole, life));
  assert.ok(records > 40, `${records} records: the history is shorter than it looks`);
  for (let record = 1; record <= records; record++) {
    for (const written of ['half', 'all'] as const) {
      await lives(t, { record, written }).catch((error: unknown) => {
        throw new Error(
          `killed at record ${record} of ${records}, ${written === 'half' ? 'in its middle' : 'after it'}`,
          {
            cause: error,
          },
        );
      });
    }
  }
});
