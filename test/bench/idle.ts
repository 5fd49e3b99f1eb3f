// What a daemon costs while nothing happens but sampling: processor time and memory, with no units and with many.
import { setTimeout as pause } from 'node:timers/promises';
import type { StatusDocument } from '../../src/wire/v1.ts';
import { BenchDaemon } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { cpuMs, cpuTicksMs, memoryOf } from './proc-figures.ts';
import type { Memory } from './proc-figures.ts';
import type { Scope } from './scope.ts';

const UNITS = 200;
/** The first samples, which open files, and V8's tidying up after the start (about 16 s later) come before the windows. */
const WARM_UP_MS = 22_000;
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

async function run(scope: Scope, note: (text: string) => void): Promise<readonly Figure[]> {
  const empty = await emptyMemory(scope);
  const daemon = new BenchDaemon(scope);
  await daemon.startWith(UNITS);
  await pause(WARM_UP_MS);
  const { pid } = daemon;
  const [percents, tickPercents, resident, proportional]: [number[], number[], number[], number[]] = [
    [],
    [],
    [],
    [],
  ];
  for (let window = 0; window < WINDOWS; window += 1) {
    const [startMs, cpuBefore, ticksBefore] = [performance.now(), cpuMs(pid), cpuTicksMs(pid)];
    await pause(WINDOW_MS);
    const spanMs = performance.now() - startMs;
    percents.push(((cpuMs(pid) - cpuBefore) / spanMs) * 100);
    tickPercents.push(((cpuTicksMs(pid) - ticksBefore) / spanMs) * 100);
    const memory = memoryOf(pid);
    resident.push(memory.residentMB);
    proportional.push(memory.proportionalMB);
  }
  const { daemon: facts, units } = await daemon.get<StatusDocument>('/v1/status');
  const sampled = units.filter(({ usage }) => usage !== null).length;
  note(`${sampled} of ${units.length} units sampled every 5 s, source ${facts.usageSource}`);
  await daemon.stop();
  const growth = resident.map((value) => ((value - empty.residentMB) / UNITS) * 1000);
  return [
    { name: `processor, ${UNITS} units (schedstat)`, unit: '%', values: percents, wanted: 0.5 },
    { name: `processor, ${UNITS} units (utime + stime)`, unit: '%', values: tickPercents },
    { name: `memory, ${UNITS} units (RSS)`, unit: 'MB', values: resident, wanted: 80 },
    { name: `memory, ${UNITS} units (PSS)`, unit: 'MB', values: proportional },
    { name: 'memory, no units (RSS)', unit: 'MB', values: [empty.residentMB] },
    { name: 'memory, no units (PSS)', unit: 'MB', values: [empty.proportionalMB] },
    { name: 'growth for each unit (RSS)', unit: 'KB', values: growth },
  ];
}

export const idle: Measure = {
  name: 'idle',
  about: `processor time and memory of a daemon with ${UNITS} running units and nothing to do but sample`,
  run,
};
