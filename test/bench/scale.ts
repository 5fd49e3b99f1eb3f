// Many units: start of 2,000 beside 200, kill to next start and status among 2,000, and a chain of dependent units
// beside as many bare spawns.
import type { StatusDocument } from '../../src/wire/v1.ts';
import { bareSpawns } from './bare-spawn.ts';
import { BenchDaemon, unitName } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { median, ratios } from './figures.ts';
import { cpuMs, memoryOf } from './proc-figures.ts';
import type { Scope } from './scope.ts';

const FEW = 200;
const MANY = 2_000;
const ROUNDS = 5;
const KILLS = 100;
const REQUESTS = 15;
const CHAIN = 50;

interface Started {
  readonly daemon: BenchDaemon;
  readonly ms: number;
  readonly pids: ReadonlyMap<string, number>;
}

async function started(scope: Scope, count: number): Promise<Started> {
  const daemon = new BenchDaemon(scope);
  daemon.writeAll(count);
  const startMs = daemon.child.nowMs();
  await daemon.start();
  const stamps = await daemon.channel.stamps(count);
  const ms = Math.max(...stamps.map(({ atMs }) => atMs)) - startMs;
  return { daemon, ms, pids: new Map(stamps.map(({ word, pid }) => [word, pid])) };
}

async function kills({ daemon, pids }: Started): Promise<readonly number[]> {
  const waits: number[] = [];
  for (const [word, pid] of [...pids].slice(0, KILLS)) {
    const { mark } = daemon.channel;
    const killMs = daemon.child.nowMs();
    process.kill(pid, 'SIGKILL');
    waits.push((await daemon.channel.stamp(word, mark)).atMs - killMs);
  }
  return waits;
}

async function statusShares({ daemon, pids }: Started): Promise<readonly number[]> {
  const shares: number[] = [];
  for (let time = 0; time < REQUESTS; time += 1) {
    const before = cpuMs(daemon.pid);
    const { units } = await daemon.get<StatusDocument>('/v1/status');
    shares.push(cpuMs(daemon.pid) - before);
    if (units.length !== pids.size)
      throw new Error(`status shows ${units.length} units, expected ${pids.size}`);
  }
  return shares;
}

interface Chain {
  readonly link: number;
  readonly bare: number;
}

async function chain(scope: Scope): Promise<Chain> {
  const daemon = new BenchDaemon(scope);
  for (let at = 0; at < CHAIN; at += 1) {
    daemon.write(unitName(at), '0', at === 0 ? [] : [`requires: [${unitName(at - 1)}]`]);
  }
  await daemon.start();
  const times = (await daemon.channel.stamps(CHAIN)).map(({ atMs }) => atMs);
  const bare = bareSpawns(scope, daemon);
  const spoken: number[] = [];
  for (let at = 0; at < CHAIN; at += 1) spoken.push((await bare.once()).spokenMs);
  await daemon.stop();
  return { link: (Math.max(...times) - Math.min(...times)) / (CHAIN - 1), bare: median(spoken) };
}

async function run(scope: Scope): Promise<readonly Figure[]> {
  const [few, many, fewMB, manyMB]: [number[], number[], number[], number[]] = [[], [], [], []];
  const waits: number[] = [];
  const shares: number[] = [];
  const links: Chain[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    links.push(await scope.within(chain));
    await scope.within(async (inner) => {
      const { daemon, ms } = await started(inner, FEW);
      few.push(ms / FEW);
      fewMB.push(memoryOf(daemon.pid).proportionalMB);
      await daemon.stop();
    });
    await scope.within(async (inner) => {
      const all = await started(inner, MANY);
      many.push(all.ms / MANY);
      manyMB.push(memoryOf(all.daemon.pid).proportionalMB);
      waits.push(...(await kills(all)));
      shares.push(...(await statusShares(all)));
      await all.daemon.stop();
    });
  }
  const growth = manyMB.map((value, round) => ((value - (fewMB[round] ?? NaN)) / (MANY - FEW)) * 1000);
  return [
    { name: `start, a unit of ${FEW}`, unit: 'ms', values: few },
    { name: `start, a unit of ${MANY}`, unit: 'ms', values: many },
    {
      name: `start, a unit of ${MANY} against one of ${FEW}`,
      unit: 'x',
      values: ratios(many, few),
      wanted: 1,
    },
    { name: `kill to next start among ${MANY}`, unit: 'ms', values: waits },
    { name: `GET /v1/status of ${MANY}, processor of the daemon`, unit: 'ms', values: shares, wanted: 10 },
    { name: `memory of ${FEW} just after the start (PSS)`, unit: 'MB', values: fewMB },
    { name: `memory of ${MANY} just after the start (PSS)`, unit: 'MB', values: manyMB },
    { name: 'growth for each further unit (PSS)', unit: 'KB', values: growth, wanted: 20 },
    { name: `chain of ${CHAIN}, a link`, unit: 'ms', values: links.map(({ link }) => link) },
    { name: "one bare posix_spawn, to the child's word", unit: 'ms', values: links.map(({ bare }) => bare) },
    { name: 'a link against a bare spawn', unit: 'x', values: links.map(({ link, bare }) => link / bare) },
  ];
}

export const scale: Measure = {
  name: 'scale',
  about: `${MANY} units beside ${FEW}: start, kill, status, memory; and a chain of ${CHAIN}`,
  run,
};
