// `unitd status` beside `node -e 0` in alternating rounds, and what the daemon's part in it is.
import { spawnSync } from 'node:child_process';
import type { StatusDocument } from '../../src/wire/v1.ts';
import { PROGRAM } from '../support/launch.ts';
import { BenchDaemon } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { median } from './figures.ts';
import { cpuMs, reapedChildrenCpuMs } from './proc-figures.ts';
import type { Scope } from './scope.ts';

const UNITS = 200;
const ROUNDS = 21;
const CPU_ROUNDS = 3;
const RUNS_A_CPU_ROUND = 6;
const REQUESTS = 51;

const BARE = ['-e', '0'];
const TABLE = [PROGRAM, 'status'];
const JSON_DOCUMENT = [PROGRAM, 'status', '--json'];

async function run(scope: Scope): Promise<readonly Figure[]> {
  const daemon = new BenchDaemon(scope);
  await daemon.startWith(UNITS);
  const { env, pid } = daemon;

  const wallMs = (words: readonly string[]): number => {
    const startMs = performance.now();
    const { status, error } = spawnSync(process.execPath, words, { env, stdio: 'ignore' });
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`${words.join(' ')}: exit code ${status}, expected 0`);
    return performance.now() - startMs;
  };
  /** A child's time comes in whole ticks of 10 ms: only the sum over several says something. */
  const clientCpuMs = (words: readonly string[]): number => {
    const before = reapedChildrenCpuMs(process.pid);
    for (let time = 0; time < RUNS_A_CPU_ROUND; time += 1) wallMs(words);
    return (reapedChildrenCpuMs(process.pid) - before) / RUNS_A_CPU_ROUND;
  };

  const commands = { bare: BARE, table: TABLE, json: JSON_DOCUMENT } as const;
  const names = ['bare', 'table', 'json'] as const;
  const walls = { bare: new Array<number>(), table: new Array<number>(), json: new Array<number>() };
  const cpus = { bare: new Array<number>(), table: new Array<number>(), json: new Array<number>() };
  for (const name of names) wallMs(commands[name]);
  for (let round = 0; round < ROUNDS; round += 1)
    for (const name of names) walls[name].push(wallMs(commands[name]));
  for (let round = 0; round < CPU_ROUNDS; round += 1) {
    for (const name of names) cpus[name].push(clientCpuMs(commands[name]));
  }

  const [requestMs, daemonMs]: [number[], number[]] = [[], []];
  for (let time = 0; time < REQUESTS; time += 1) {
    const [startMs, cpuBefore] = [performance.now(), cpuMs(pid)];
    const { units } = await daemon.get<StatusDocument>('/v1/status');
    requestMs.push(performance.now() - startMs);
    daemonMs.push(cpuMs(pid) - cpuBefore);
    if (units.length !== UNITS) throw new Error(`status shows ${units.length} units, expected ${UNITS}`);
  }
  await daemon.stop();
  const against = (values: readonly number[]): readonly number[] => [median(values) / median(walls.bare)];
  return [
    { name: 'node -e 0, wall', unit: 'ms', values: walls.bare },
    { name: 'unitd status, wall', unit: 'ms', values: walls.table },
    { name: 'unitd status --json, wall', unit: 'ms', values: walls.json },
    { name: 'unitd status, against node -e 0', unit: 'x', values: against(walls.table), wanted: 1.6 },
    { name: 'unitd status --json, against node -e 0', unit: 'x', values: against(walls.json), wanted: 1.3 },
    { name: 'node -e 0, processor', unit: 'ms', values: cpus.bare },
    { name: 'unitd status, processor of the client', unit: 'ms', values: cpus.table },
    { name: 'unitd status --json, processor of the client', unit: 'ms', values: cpus.json },
    { name: 'GET /v1/status, wall', unit: 'ms', values: requestMs },
    { name: 'GET /v1/status, processor of the daemon', unit: 'ms', values: daemonMs },
  ];
}

export const status: Measure = {
  name: 'status',
  about: `unitd status of ${UNITS} units, client and daemon together, against node -e 0`,
  run,
};
