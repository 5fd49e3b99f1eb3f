// Reloads of many files: none changed, one changed, all changed. How long until the answer, how long the daemon's
// event loop stands still at most, and how long one that ends meanwhile waits for its restart.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/base/package-root.ts';
import { BenchDaemon, unitName } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { cpuMs } from './proc-figures.ts';
import type { Scope } from './scope.ts';

const SIZES = [
  { files: 1_000, wantedMs: 25 },
  { files: 10_000, wantedMs: 300 },
];
/** So many of the files are running units; the others are known and not started. */
const RUNNING = 20;
const ROUNDS = 5;
const ALL_CHANGED_ROUNDS = 2;
const STALL_WANTED_MS = 10;
/** For the watch to write down the last stall. */
const WATCH_MS = 30;

interface Times {
  readonly wall: number[];
  readonly processor: number[];
  readonly stall: number[];
  readonly restart: number[];
}

type Edit = 'none' | 'one' | 'all';

class Reloading {
  readonly #daemon: BenchDaemon;
  readonly #files: number;
  readonly #pids = new Map<string, number>();
  readonly #stalls: string;
  #edits = 0;

  constructor(scope: Scope, files: number) {
    const daemon = new BenchDaemon(scope);
    this.#daemon = daemon;
    this.#files = files;
    this.#stalls = join(daemon.root, 'stalls');
    const watch = pathToFileURL(join(packageRoot(), 'build/test/bench/loop-watch.js')).href;
    daemon.env['NODE_OPTIONS'] = `--import=${watch}`;
    daemon.env['UNITD_BENCH_LOOP'] = this.#stalls;
    for (let at = 0; at < RUNNING; at += 1) daemon.write(unitName(at));
    this.#writeIdle();
  }

  async start(): Promise<void> {
    await this.#daemon.start();
    for (const { word, pid } of await this.#daemon.channel.stamps(RUNNING)) this.#pids.set(word, pid);
    await this.#daemon.reload();
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
  }

  async once(edit: Edit, times: Times): Promise<void> {
    const daemon = this.#daemon;
    this.#edits += 1;
    const changed = unitName(RUNNING - 1);
    const { mark } = daemon.channel;
    if (edit === 'one') daemon.write(changed, String(this.#edits));
    if (edit === 'all') this.#writeIdle();
    const startMs = daemon.child.nowMs();
    const cpuBefore = cpuMs(daemon.pid);
    const { plan } = await daemon.reload();
    times.wall.push(daemon.child.nowMs() - startMs);
    times.processor.push(cpuMs(daemon.pid) - cpuBefore);
    const moved = { none: 0, one: 1, all: this.#files - RUNNING }[edit];
    if (plan === undefined || plan === null || plan.unchanged + plan.units.length !== this.#files) {
      throw new Error(`the reload speaks of ${plan?.unchanged} and ${plan?.units.length} units`);
    }
    if (plan.units.length !== moved) throw new Error(`${plan.units.length} units moved, expected ${moved}`);
    if (edit === 'one') this.#pids.set(changed, (await daemon.channel.stamp(changed, mark)).pid);
    await pause(WATCH_MS);
    times.stall.push(this.#longestStallSince(startMs));
  }

  /** The worst time from a kill to the next start, of kills one after the other while a reload goes on. */
  async killsDuring(edit: Edit, times: Times): Promise<void> {
    const daemon = this.#daemon;
    this.#edits += 1;
    if (edit === 'all') this.#writeIdle();
    let isOver = false;
    const reload = daemon.reload().finally(() => (isOver = true));
    const waits: number[] = [];
    for (let at = 0; !isOver; at += 1) {
      const name = unitName(at % (RUNNING - 1));
      const { mark } = daemon.channel;
      const killMs = daemon.child.nowMs();
      process.kill(this.#pids.get(name) ?? NaN, 'SIGKILL');
      const next = await daemon.channel.stamp(name, mark);
      this.#pids.set(name, next.pid);
      waits.push(next.atMs - killMs);
    }
    await reload;
    times.restart.push(Math.max(...waits));
  }

  #writeIdle(): void {
    for (let at = RUNNING; at < this.#files; at += 1) {
      const text = [
        `description: Worker ${at} of the fleet, edition ${this.#edits}`,
        'enabled: false',
        `command: /usr/bin/worker --queue q${at} --listen 127.0.0.1:${20_000 + at}`,
        'environment: { LOG_LEVEL: info, REGION: north }',
        'workingDirectory: /srv',
        'restart: { policy: on-failure, delay: 2s, maxDelay: 30s }',
        'stop: { timeout: 20s }',
        'logs: { maxSize: 20MB, maxFiles: 3 }',
        '',
      ].join('\n');
      this.#daemon.writeFile(`${unitName(at)}.yaml`, text);
    }
  }

  #longestStallSince(startMs: number): number {
    const lines = existsSync(this.#stalls) ? readFileSync(this.#stalls, 'utf8').trim().split('\n') : [];
    const stalls = lines
      .map((line) => line.split(' ').map(Number))
      .filter(([endMs = 0]) => endMs >= startMs)
      .map(([, stallMs = 0]) => stallMs);
    return Math.max(0, ...stalls);
  }
}

function newTimes(): Times {
  return { wall: [], processor: [], stall: [], restart: [] };
}

async function measured(scope: Scope, files: number): Promise<Readonly<Record<Edit, Times>>> {
  const reloading = new Reloading(scope, files);
  await reloading.start();
  const times = { none: newTimes(), one: newTimes(), all: newTimes() };
  for (let round = 0; round < ROUNDS; round += 1) {
    await reloading.once('none', times.none);
    await reloading.once('one', times.one);
    await reloading.killsDuring('none', times.none);
    if (round >= ALL_CHANGED_ROUNDS) continue;
    await reloading.once('all', times.all);
    await reloading.killsDuring('all', times.all);
  }
  await reloading.stop();
  return times;
}

function figuresOf(files: number, name: string, times: Times, wantedMs?: number): readonly Figure[] {
  const about = `${files} files, ${name}`;
  const stalls: Figure[] = [
    { name: `${about}: longest stall of the loop`, unit: 'ms', values: times.stall, wanted: STALL_WANTED_MS },
  ];
  if (times.restart.length > 0) {
    const values = [Math.max(...times.restart)];
    stalls.push({ name: `${about}: worst kill to next start`, unit: 'ms', values, wanted: STALL_WANTED_MS });
  }
  return [
    {
      name: `${about}: until the answer`,
      unit: 'ms',
      values: times.wall,
      ...(wantedMs === undefined ? {} : { wanted: wantedMs }),
    },
    { name: `${about}: processor of the daemon`, unit: 'ms', values: times.processor },
    ...stalls,
  ];
}

async function run(scope: Scope): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const { files, wantedMs } of SIZES) {
    const { none, one, all } = await scope.within(async (inner) => await measured(inner, files));
    figures.push(
      ...figuresOf(files, 'none changed', none, wantedMs),
      ...figuresOf(files, 'one changed', one),
      ...figuresOf(files, 'all changed', all),
    );
  }
  return figures;
}

export const reload: Measure = {
  name: 'reload',
  about: `reloads of ${SIZES.map(({ files }) => files).join(' and ')} files: time, stalls, restarts meanwhile`,
  run,
};
