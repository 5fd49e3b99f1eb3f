// The end-to-end harness: the built daemon as a child process, in directories of the test's own.
//
//   const channel = openChannel(t);
//   const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
//   const { pid } = await channel.next('up');
//   await unitd.until({ web: 'running' });
//   assert.equal((await unitd.cli('stop', 'web')).code, 0);
//
// - `startUnitd` resolves when the daemon says that it is ready: units may still be starting.
// - `cli(...)` runs one verb to its end; `spawnCli(...)` follows one that streams.
// - `until` looks at the latest state of every unit, as the event stream tells it, at once and at each event. After a
//   kill, name what is new (another pid, a `restarts` count), or the old state may still satisfy you.
// - `kill('SIGKILL')` ends the daemon alone, `start()` starts the next one on the same directories.
// - The test's end stops the daemon and then, after a clean stop, asserts that no process, socket or FIFO is left;
//   whatever happened, every process with the test's mark is killed and the directories are removed.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { State } from '../../src/model/state.ts';
import type { EventLine, StatusDocument, UnitDocument } from '../../src/wire/v1.ts';
import { temporaryDirectory } from './child.ts';
import { cleanUp } from './cleanup.ts';
import { removeFence } from './cgroups.ts';
import { dedent } from './dedent.ts';
import { EventFeed, type Look } from './event-feed.ts';
import { getJson, postJson } from './json-request.ts';
import { follow, idsOf, run, type Ended, type Following, type Launch, type Ran } from './launch.ts';
import { Arrivals, WAIT_LIMIT_MS } from './lines.ts';
import { childrenOf, killMarked, processesWith, type Mark, type ProcessFact } from './processes.ts';

export interface StartOptions {
  /** Added to the environment of the daemon and of every `cli`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Words after `unitd daemon`. */
  readonly args?: readonly string[];
  /** Runs daemon and CLI as this user; skip the test by `cannotRunAs` where that is impossible. */
  readonly asUser?: string;
  /** What runs the daemon, in place of the built program and the node of the tests. */
  readonly program?: string;
  readonly node?: string;
  /** Words before those two that run what follows them as their one child, in a PID namespace of its own. */
  readonly within?: readonly string[];
  /** A clean stop may leave processes (killMode none or process): they are killed, not complained of. */
  readonly leavesProcesses?: boolean;
}

/** Starts a daemon over these unit files (name: text; common indentation is taken off) and waits until it is ready. */
export async function startUnitd(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  options: StartOptions = {},
): Promise<Unitd> {
  const unitd = new Unitd(t, options);
  for (const [name, text] of Object.entries(files)) unitd.write(name, text);
  await unitd.start();
  return unitd;
}

export class Unitd {
  readonly root: string;
  readonly units: string;
  readonly runtime: string;
  readonly state: string;
  readonly logs: string;
  readonly socket: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #test: TestContext;
  readonly #options: StartOptions;
  readonly #mark: Mark;
  #daemon: Following | undefined;
  #lastDaemon: Following | undefined;
  #feed: Promise<EventFeed> | undefined;
  #stoppedCleanly = false;

  constructor(t: TestContext, options: StartOptions) {
    this.#test = t;
    this.#options = options;
    this.root = temporaryDirectory(t);
    cleanUp(t, async () => await this.#tearDown());
    this.units = join(this.root, 'units.d');
    this.runtime = join(this.root, 'run');
    this.state = join(this.root, 'state');
    this.logs = join(this.root, 'log');
    this.socket = join(this.runtime, 'unitd.sock');
    const marker = randomUUID();
    this.#mark = { environment: `UNITD_TEST=${marker}`, directory: this.root };
    this.env = {
      ...process.env,
      UNITD_TEST: marker,
      UNITD_UNITS: this.units,
      UNITD_RUNTIME_DIR: this.runtime,
      UNITD_STATE_DIR: this.state,
      UNITD_LOG_DIR: this.logs,
      ...options.env,
    };
    mkdirSync(this.units, { mode: 0o755 });
    this.#give(this.root);
    this.#give(this.units);
  }

  /** Of the running daemon. */
  get pid(): number {
    const { pid } = this.#running();
    if (this.#options.within === undefined) return pid;
    const [daemon] = childrenOf(pid);
    assert(daemon !== undefined, 'the daemon has ended');
    return daemon.pid;
  }

  /** What the latest daemon said on stderr, line by line. */
  get said(): readonly string[] {
    return this.#lastDaemon?.lines ?? [];
  }

  /** The cgroup that holds those of the latest daemon's units; null where sessions hold them. */
  get fenceDirectory(): string | null {
    return /units are held by cgroup, below \\"(.*?)\\"/.exec(this.said.join('\n'))?.[1] ?? null;
  }

  /** The first line of the running daemon's stderr that fits, of all since its start. */
  async says(wanted: string | RegExp): Promise<string> {
    return await this.#running().line(wanted);
  }

  async start(...args: string[]): Promise<void> {
    assert(this.#daemon === undefined, 'the daemon runs already');
    const { program, node, within } = this.#options;
    const launch = {
      ...this.#launch('daemon', ...(this.#options.args ?? []), ...args),
      program,
      node,
      within,
    };
    this.#daemon = follow(launch, 'the daemon', 'stderr');
    this.#lastDaemon = this.#daemon;
    this.#stoppedCleanly = false;
    await this.#daemon.line(isReadyLine, '{"event":"ready"}');
  }

  /** Runs one verb to its end. */
  async cli(...args: string[]): Promise<Ran> {
    return await run(this.#launch(...args));
  }

  /** Starts a verb that streams. */
  spawnCli(...args: string[]): Following {
    const following = follow(this.#launch(...args), `unitd ${args.join(' ')}`, 'stdout');
    cleanUp(this.#test, async () => void (await following.kill('SIGKILL')));
    return following;
  }

  /** Straight from the socket, so that it tells the truth whatever the CLI does. */
  async status(): Promise<StatusDocument> {
    return await this.get('/v1/status');
  }

  async unit(name: string): Promise<UnitDocument> {
    return await this.get(`/v1/units/${name}`);
  }

  /** The same once that many of its processes are named: in the middle of its exec a process is nobody's. */
  async unitWith(name: string, processes: number): Promise<UnitDocument> {
    for (;;) {
      const document = await this.unit(name);
      if (document.processes.length >= processes) return document;
    }
  }

  async get<T>(path: string): Promise<T> {
    return await getJson<T>(this.socket, path);
  }

  /** The daemon has been replaced, and what was followed has ended: `until` and `follow` begin anew. */
  async followAnew(): Promise<void> {
    const feed = this.#feed;
    this.#feed = undefined;
    (await feed)?.close();
  }

  async post<T>(path: string): Promise<T> {
    return await postJson<T>(this.socket, path);
  }

  /** Writes or replaces a unit file in one step, as a deploy tool does. Common indentation is taken off. */
  write(file: string, text: string): void {
    const fresh = join(this.root, `.${file}.new`);
    writeFileSync(fresh, dedent(text), { mode: 0o644 });
    this.#give(fresh);
    renameSync(fresh, join(this.units, file));
  }

  remove(file: string): void {
    rmSync(join(this.units, file));
  }

  /** States by unit name, or a condition over the latest state lines. */
  async until(wanted: Readonly<Record<string, State>> | ((look: Look) => boolean)): Promise<Look> {
    const feed = await this.#events();
    if (typeof wanted === 'function') await feed.until(wanted, wanted.toString());
    else {
      const states = Object.entries(wanted);
      await feed.until(
        (look) => states.every(([name, state]) => look(name)?.to === state),
        JSON.stringify(wanted),
      );
    }
    return feed.look;
  }

  /** Begins to follow the events, if that has not been done: gives a wait for the first fitting one from here on. */
  async follow(): Promise<(fits: (line: EventLine) => boolean) => Promise<EventLine>> {
    const feed = await this.#events();
    const { mark } = feed;
    return async (fits) => await feed.event(fits, mark);
  }

  /** The unit's current log file as it is; empty if there is none. */
  log(unit: string): string {
    try {
      return readFileSync(join(this.logs, unit, 'current'), 'utf8');
    } catch (error) {
      // Not there yet, or just being rotated.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    }
  }

  /** Waits until the unit's current log file holds this, and gives all of the file. */
  async untilLog(unit: string, wanted: string | RegExp): Promise<string> {
    const places = [join(this.logs, unit), this.logs, this.root];
    const nearest = (): string | undefined => places.find((place) => existsSync(place));
    for (;;) {
      const changes = new Arrivals<string>(`the log of ${unit}`);
      const watched = nearest() ?? this.root;
      const watcher = watch(watched, () => changes.add(this.log(unit).slice(-500)));
      try {
        const text = this.log(unit);
        if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) return text;
        if (watched === nearest()) await changes.first(() => true, String(wanted));
      } finally {
        watcher.close();
      }
    }
  }

  /** Every living process of this test but the daemon and this one. */
  processes(): ProcessFact[] {
    const daemon = this.#daemon?.pid;
    return processesWith(this.#mark).filter(({ pid }) => pid !== daemon);
  }

  /** Fails when the daemon leaves a dead child unreaped: each answer is a turn of its event loop, in which it may. */
  async untilNoZombie(): Promise<void> {
    const zombies = (): readonly ProcessFact[] => childrenOf(this.pid).filter(({ state }) => state === 'Z');
    for (let turn = 0; turn < 100 && zombies().length > 0; turn += 1) await this.status();
    assert.deepEqual(zombies(), []);
  }

  /** Signals the daemon and does not wait: SIGHUP, or the first of two. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** A clean stop, of a daemon that may be dead by now; gives how it ended. */
  async stopOrEnded(): Promise<Ended> {
    // Of a dead child nothing is signalled.
    await this.#running().kill('SIGTERM');
    return await this.ended();
  }

  /** Signals the daemon alone and waits for its end. */
  async kill(signal: NodeJS.Signals): Promise<Ended> {
    this.signal(signal);
    return await this.ended();
  }

  /** A clean stop: SIGTERM, all units down in order. */
  async stop(): Promise<Ended> {
    return await this.kill('SIGTERM');
  }

  /** The daemon's end, when it comes. */
  async ended(): Promise<Ended> {
    const end = await this.#running().ended;
    this.#daemon = undefined;
    const feed = this.#feed;
    this.#feed = undefined;
    // A feed that never opened has told its caller so already.
    (await feed?.catch(() => undefined))?.close();
    this.#stoppedCleanly = end.signal === null;
    return end;
  }

  #running(): Following {
    assert(this.#daemon !== undefined, 'the daemon does not run');
    return this.#daemon;
  }

  async #tearDown(): Promise<void> {
    const daemon = this.#daemon;
    try {
      if (daemon !== undefined) {
        const overdue = setTimeout(() => this.signal('SIGKILL'), WAIT_LIMIT_MS);
        const end = await this.stop().finally(() => clearTimeout(overdue));
        assert.deepEqual(
          end,
          { code: 0, signal: null },
          `how the daemon ended; it said:\n${daemon.lines.join('\n')}`,
        );
      }
      if (this.#stoppedCleanly) this.#assertNothingLeft();
    } finally {
      killMarked(this.#mark);
      if (this.fenceDirectory !== null) await removeFence(this.fenceDirectory);
    }
  }

  #assertNothingLeft(): void {
    const processes = this.#options.leavesProcesses === true ? [] : this.processes();
    assert.deepEqual(processes, [], 'processes left by a clean stop');
    const special = existsSync(this.runtime)
      ? readdirSync(this.runtime, { recursive: true, withFileTypes: true }).filter(
          (entry) => entry.isFIFO() || entry.isSocket(),
        )
      : [];
    assert.deepEqual(special, [], 'sockets and FIFOs left by a clean stop');
    const { fenceDirectory } = this;
    if (this.#options.leavesProcesses === true || fenceDirectory === null) return;
    assert.ok(!existsSync(fenceDirectory), `cgroup "${fenceDirectory}" left by a clean stop`);
  }

  async #events(): Promise<EventFeed> {
    this.#feed ??= EventFeed.open(this.socket);
    return await this.#feed;
  }

  #launch(...args: string[]): Launch {
    return { args, env: this.env, cwd: this.root, asUser: this.#options.asUser };
  }

  #give(path: string): void {
    if (this.#options.asUser !== undefined) chownSync(path, ...idsOf(this.#options.asUser));
  }
}

function isReadyLine(line: string): boolean {
  if (!line.startsWith('{')) return false;
  const record: unknown = JSON.parse(line);
  return typeof record === 'object' && record !== null && 'event' in record && record.event === 'ready';
}
