// The whole daemon in one process: real files and pipes, but a clock and processes in the test's hand.
import assert from 'node:assert/strict';
import fs, {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { atOnce } from '../../src/core/steps.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import type { EventLine } from '../../src/wire/v1.ts';
import type { UsageSources } from '../../src/model/process.ts';
import type { Usage } from '../../src/os/ports.ts';
import { createReadiness } from '../../src/os/readiness.ts';
import { cleanUp } from '../support/cleanup.ts';
import { createFakeClock } from '../support/fakes/clock.ts';
import type { FakeClock } from '../support/fakes/clock.ts';
import { createFakeProcesses } from '../support/fakes/processes.ts';
import type { FakeProcesses } from '../support/fakes/processes.ts';

interface Scene {
  readonly daemon: Daemon;
  readonly paths: Readonly<Record<'units' | 'runtime' | 'state' | 'logs', string>>;
  readonly clock: FakeClock;
  readonly processes: FakeProcesses;
  readonly logged: string[];
  readonly exitActions: number[];
  /** When memory was given back. */
  readonly tidied: number[];
  readonly fifos: () => readonly string[];
  /** Of the daemon, once. */
  close(): Promise<void>;
  /** Lets what is due in the event loop happen. */
  turn(): Promise<void>;
  stateOf(name: string): string | undefined;
}

const BY_PROCESS: UsageSources = { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' };
const SOME_USAGE: Usage = {
  cpuPercent: 1,
  memoryBytes: 1000,
  tasks: 1,
  memoryPeakBytes: null,
  sources: BY_PROCESS,
};

function createScene(t: TestContext, units: Readonly<Record<string, string>>): Scene {
  const top = mkdtempSync(join(tmpdir(), 'unitd-whole-'));
  cleanUp(t, () => rmSync(top, { recursive: true, force: true }));
  const paths = {
    units: join(top, 'units'),
    runtime: join(top, 'run'),
    state: join(top, 'state'),
    logs: join(top, 'log'),
  };
  for (const path of [...Object.values(paths), join(paths.runtime, 'fifo')]) mkdirSync(path);
  for (const [name, yaml] of Object.entries(units)) writeFileSync(join(paths.units, `${name}.yaml`), yaml);
  const clock = createFakeClock();
  const processes = createFakeProcesses();
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const logged: string[] = [];
  const exitActions: number[] = [];
  const tidied: number[] = [];
  const daemon = new Daemon({
    holdsRuntime: () => true,
    hasState: true,
    paths,
    origin: { version: '0.0.0', startedWall: clock.wallMs(), replacedWall: null, replaceFailure: null },
    bootId: 'this-boot',
    clock,
    processes,
    readiness,
    meter: {
      sources: BY_PROCESS,
      sample: async (trees) =>
        await Promise.resolve(new Map([...trees.keys()].map((unit) => [unit, SOME_USAGE]))),
      forget: () => undefined,
    },
    random: () => 0.5,
    inherited: {},
    log: {
      write: (level, event, message) => logged.push(`${level} ${event}: ${message}`),
      close: () => undefined,
    },
    insecurePermissions: true,
    usageIntervalMs: 5_000,
    onExitAction: (_unit, code) => exitActions.push(code),
    handOver: null,
    tidy: () => tidied.push(clock.monotonicMs()),
    reexec: () => Promise.reject(new Error('nobody asks for it')),
  });
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    closing ??= daemon.close();
    await closing;
  };
  cleanUp(t, close);
  return {
    daemon,
    paths,
    close,
    clock,
    processes,
    logged,
    exitActions,
    tidied,
    fifos: () => readdirSync(join(paths.runtime, 'fifo')),
    turn: async () => {
      for (let count = 0; count < 5; count += 1) await nextTurn();
    },
    stateOf: (name) => atOnce(daemon.control.status()).units.find((unit) => unit.name === name)?.state,
  };
}

test('Daemon: gives memory back ten seconds after its start, and after the last reload that moved something', async (t) => {
  const { daemon, paths, clock, tidied, turn } = createScene(t, { web: 'command: /bin/web\n' });
  const { control } = daemon;
  await daemon.boot();
  const sinceMs = clock.monotonicMs();
  const reload = async (): Promise<void> => {
    assert.ok((await control.reload({ wait: false }, () => undefined, new AbortController().signal)).ok);
    await turn();
  };
  clock.advance(9_000);
  writeFileSync(join(paths.units, 'other.yaml'), 'command: /bin/other\n');
  await reload();
  clock.advance(9_999);
  assert.deepEqual(tidied, []);
  clock.advance(1);
  await reload();
  clock.advance(60_000);
  assert.deepEqual(
    tidied.map((atMs) => atMs - sinceMs),
    [19_000],
  );
});

/** From now on what comes through the pipe cannot be read, by this process. */
function deafen(t: TestContext, pipe: string): void {
  const { readSync } = fs;
  const deaf = (fd: number, into: Buffer, at: number, length: number, from: number | null): number => {
    if (readlinkSync(`/proc/self/fd/${fd}`) !== pipe) return readSync(fd, into, at, length, from);
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
  };
  const mocked = t.mock.method(fs, 'readSync', deaf);
  syncBuiltinESMExports();
  cleanUp(t, () => {
    mocked.mock.restore();
    syncBuiltinESMExports();
  });
}

test('Daemon: each trouble with a log is said once, and one that lasts stays a problem when another ends', async (t) => {
  const { daemon, clock, logged, paths, turn } = createScene(t, { web: 'command: /bin/web\n' });
  const fifo = join(paths.runtime, 'fifo');
  mkdirSync(join(fifo, 'web.spool'));
  deafen(t, join(fifo, 'web.stdout'));
  writeFileSync(join(paths.logs, 'web'), 'not a directory');
  await daemon.boot();
  const heard: (string | null)[] = [];
  let told = (): void => {};
  daemon.control.events({ units: [], types: ['log'], snapshot: false, after: null }, (line) => {
    if (line.type === 'log') heard.push(line.problem);
    told();
  });
  const next = (): Promise<void> => new Promise((resolve) => (told = resolve));

  const unread = next();
  appendFileSync(join(fifo, 'web.stdout'), 'unread\n');
  await unread;
  const unwritten = next();
  appendFileSync(join(fifo, 'web.stderr'), 'unwritten\n');
  await unwritten;
  rmSync(join(paths.logs, 'web'));
  const written = next();
  clock.advance(1000);
  await written;
  await turn();
  const said = logged.flatMap((line) => /^\w+ log: (?!cannot keep)(.*)/.exec(line)?.[1] ?? []);
  const [first, second] = said;
  assert.equal(first, 'cannot read stdout of unit "web": EIO: i/o error, output is not logged');
  assert.match(
    second ?? '',
    /^cannot write log of unit "web": cannot use directory ".*": it is a file, .*, output is dropped until it can be written$/,
  );
  assert.deepEqual(said, [first, second, 'log can be written again']);
  assert.deepEqual(heard, [first, `${first}; ${second}`, first]);
  const unit = await daemon.control.unit('web');
  assert.equal(unit.ok && unit.value.logs.problem, first);
});

test('Daemon: boots its units, stops them in reverse order, and leaves neither pipe nor timer', async (t) => {
  const { daemon, close, processes, turn, stateOf, fifos, clock, logged } = createScene(t, {
    db: 'command: /bin/db\n',
    web: 'command: /bin/web\nrequires: [db]\n',
  });
  await daemon.boot();
  await turn();
  assert.deepEqual([stateOf('db'), stateOf('web')], ['running', 'running']);
  assert.equal(fifos().length, 4);

  const phases: EventLine[] = [];
  daemon.control.events({ units: [], types: ['daemon'], snapshot: false, after: null }, (line) =>
    phases.push(line),
  );
  daemon.announceReady();
  await daemon.stopAll();
  assert.equal(processes.livingCount, 0);
  const ended = processes.signals
    .filter(({ signal }) => signal === 'SIGTERM')
    .map(({ process }) => process.pid);
  const spawned = processes.spawned.map(({ process }) => process.pid);
  assert.deepEqual(ended, spawned.toReversed());
  assert.deepEqual(
    phases.map((line) => line.type === 'daemon' && line.phase),
    ['ready', 'stopping'],
  );
  await close();
  assert.deepEqual(fifos(), []);
  assert.equal(clock.armedCount, 0);
  assert.deepEqual(
    logged.filter((line) => !line.startsWith('info')),
    [],
  );
});

test('Daemon close() without stopAll(): processes run on, and their pipes stay', async (t) => {
  const { daemon, close, processes, turn, fifos, clock } = createScene(t, { web: 'command: /bin/web\n' });
  await daemon.boot();
  await turn();
  await close();
  assert.equal(processes.livingCount, 1);
  assert.equal(fifos().length, 2);
  assert.equal(clock.armedCount, 0);
});

test('Daemon: a bug thrown by an event listener is logged, and supervision goes on', async (t) => {
  const { daemon, processes, turn, stateOf, logged } = createScene(t, { web: 'command: /bin/web\n' });
  await daemon.boot();
  await turn();
  daemon.control.events({ units: [], types: ['state'], snapshot: false, after: null }, () => {
    throw new Error('seeded');
  });
  const [main] = processes.spawned;
  assert.ok(main);
  processes.exit(main.process, { code: 1, signal: null, coreDumped: false });
  await turn();
  assert.equal(stateOf('web'), 'backoff');
  assert.ok(logged.some((line) => line.startsWith('error bug: Error: seeded')));
});

test('Daemon: failureAction hands the code out and stops nothing by itself', async (t) => {
  const { daemon, processes, turn, exitActions, stateOf } = createScene(t, {
    job: 'type: oneshot\ncommand: /bin/job\nfailureAction: exit\n',
    web: 'command: /bin/web\n',
  });
  await daemon.boot();
  await turn();
  const job = processes.spawned.find(({ request }) => request.argv[0] === '/bin/job');
  assert.ok(job);
  processes.exit(job.process, { code: 9, signal: null, coreDumped: false });
  await turn();
  assert.deepEqual(exitActions, [9]);
  assert.equal(stateOf('web'), 'running');
});
