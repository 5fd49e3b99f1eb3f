// What a daemon costs while nothing happens but sampling: processor time and memory, with no units and with many.
import { setTimeout as pause } from 'node:timers/promises';
import type { StatusDocument } from '../../src/wire/v1.ts';
import { BenchDaemon } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { median } from './figures.ts';
import { cpuMs, cpuTicksMs, memoryOf, wakeUps } from './proc-figures.ts';
import type { Memory } from './proc-figures.ts';
import type { Scope } from './scope.ts';

const SIZES = [
  { units: 200, wantedPercent: 0.3 },
  { units: 1_000, wantedPercent: 1 },
];
const WANTED_MB = 60;
/** The first samples, which open files, compiling what runs often, and V8's tidying up after the start come before. */
const WARM_UP_MS = 75_000;
/** Two samples each. */
const WINDOW_MS = 10_000;
const WINDOWS = 3;

async function emptyMemory(scope: Scope): Promise<Memory> {
  const daemon = new BenchDaemon(scope);
  await daemon.start();
  await pause(1_000);
  const memory = memoryOf(daemon.pid);
  await daemon.stop();
  return memory;
}

interface Idle {
  readonly percents: number[];
  readonly tickPercents: number[];
  readonly wakeUps: number[];
  readonly resident: number[];
  readonly proportional: number[];
}

async function idleWith(scope: Scope, count: number, note: (text: string) => void): Promise<Idle> {
  const daemon = new BenchDaemon(scope);
  await daemon.startWith(count);
  await pause(WARM_UP_MS);
  const { pid } = daemon;
  const idle: Idle = { percents: [], tickPercents: [], wakeUps: [], resident: [], proportional: [] };
  for (let window = 0; window < WINDOWS; window += 1) {
    const [startMs, cpuBefore, ticksBefore] = [performance.now(), cpuMs(pid), cpuTicksMs(pid)];
    const wakeUpsBefore = wakeUps(pid);
    await pause(WINDOW_MS);
    const spanMs = performance.now() - startMs;
    idle.percents.push(((cpuMs(pid) - cpuBefore) / spanMs) * 100);
    idle.tickPercents.push(((cpuTicksMs(pid) - ticksBefore) / spanMs) * 100);
    idle.wakeUps.push((wakeUps(pid) - wakeUpsBefore) / (spanMs / 1000));
    const memory = memoryOf(pid);
    idle.resident.push(memory.residentMB);
    idle.proportional.push(memory.proportionalMB);
  }
  const { daemon: facts, units } = await daemon.get<StatusDocument>('/v1/status');
  const sampled = units.filter(({ usage }) => usage !== null).length;
  note(`${sampled} of ${units.length} units sampled every 5 s, source ${JSON.stringify(facts.usageSource)}`);
  await daemon.stop();
  return idle;
}

async function run(scope: Scope, note: (text: string) => void): Promise<readonly Figure[]> {
  const empty = await scope.within(emptyMemory);
  const figures: Figure[] = [
    { name: 'memory, no units (RSS)', unit: 'MB', values: [empty.residentMB] },
    { name: 'memory, no units (PSS)', unit: 'MB', values: [empty.proportionalMB] },
  ];
  const settled = new Map<number, number>();
  for (const { units, wantedPercent } of SIZES) {
    const idle = await scope.within(async (inner) => await idleWith(inner, units, note));
    settled.set(units, median(idle.proportional));
    const memory: Figure = { name: `memory, ${units} units (PSS)`, unit: 'MB', values: idle.proportional };
    figures.push(
      {
        name: `processor, ${units} units (schedstat)`,
        unit: '%',
        values: idle.percents,
        wanted: wantedPercent,
      },
      { name: `processor, ${units} units (utime + stime)`, unit: '%', values: idle.tickPercents },
      { name: `wake-ups a second, ${units} units`, unit: 'n', values: idle.wakeUps },
      { name: `memory, ${units} units (RSS)`, unit: 'MB', values: idle.resident },
      units === 200 ? { ...memory, wanted: WANTED_MB } : memory,
    );
  }
  const [[few, fewMB] = [NaN, NaN], [many, manyMB] = [NaN, NaN]] = [...settled];
  const growth = ((manyMB - fewMB) / (many - few)) * 1000;
  return [
    ...figures,
    { name: 'growth for each further unit (PSS)', unit: 'KB', values: [growth], wanted: 20 },
  ];
}

export const idle: Measure = {
  name: 'idle',
  about: `processor time and memory of a daemon with ${SIZES.map(({ units }) => units).join(' and ')} running units and nothing to do but sample`,
  run,
};
