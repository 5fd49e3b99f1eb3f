// Sampler: when it measures, what it keeps, and what it lets go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Sampler } from '../../src/daemon/sampler.ts';
import type { UsageSources } from '../../src/model/process.ts';
import type { Measurable, Meter, Usage } from '../../src/os/ports.ts';
import { createFakeClock } from '../support/fakes/clock.ts';
import type { FakeClock } from '../support/fakes/clock.ts';

const TREE: Measurable = { invocationId: 'one' };
const BY_PROCESS: UsageSources = { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' };

function usage(cpuPercent: number, memoryBytes: number, tasks: number, change: Partial<Usage> = {}): Usage {
  return { cpuPercent, memoryBytes, tasks, memoryPeakBytes: null, sources: BY_PROCESS, ...change };
}

interface Bench {
  readonly clock: FakeClock;
  readonly sampler: Sampler;
  /** What runs. */
  readonly living: Set<string>;
  /** What the next measurements give, oldest first; then an idle process. */
  readonly figures: Usage[];
  readonly told: string[];
  readonly troubles: string[];
  readonly forgotten: string[];
  readonly samples: () => number;
  /** The meter does not answer until it is called. */
  hold(): (error?: Error) => void;
  pass(ms: number): Promise<void>;
}

function createBench(intervalMs: number | null = 5_000): Bench {
  const clock = createFakeClock();
  const living = new Set<string>();
  const figures: Usage[] = [];
  const told: string[] = [];
  const troubles: string[] = [];
  const forgotten: string[] = [];
  let samples = 0;
  let held: Promise<void> = Promise.resolve();
  const meter: Meter = {
    sources: BY_PROCESS,
    sample: async (trees) => {
      samples += 1;
      await held;
      const figure = figures.shift() ?? usage(0, 1, 1);
      return new Map([...trees.keys()].map((unit) => [unit, figure]));
    },
    forget: (unit) => void forgotten.push(unit),
  };
  const sampler = new Sampler({
    clock,
    meter,
    intervalMs,
    trees: () => new Map([...living].map((unit) => [unit, TREE])),
    members: () => [],
    onSample: (unit, { memoryBytes }) => told.push(`${unit} ${memoryBytes}`),
    onTrouble: (message) => troubles.push(message),
  });
  return {
    clock,
    sampler,
    living,
    figures,
    told,
    troubles,
    forgotten,
    samples: () => samples,
    hold: () => {
      let release = (_error?: Error): void => undefined;
      held = new Promise((resolve, reject) => {
        release = (error) => {
          held = Promise.resolve();
          if (error === undefined) resolve();
          else reject(error);
        };
      });
      return (error) => release(error);
    },
    pass: async (ms) => {
      clock.advance(ms);
      await nextTurn();
    },
  };
}

test('wake: the first sample comes one interval later, then one each interval while anything runs', async () => {
  const { sampler, living, samples, pass, told } = createBench();
  living.add('web');
  sampler.wake();
  sampler.wake();
  await pass(4_999);
  assert.equal(samples(), 0);
  await pass(1);
  assert.equal(samples(), 1);
  await pass(5_000);
  await pass(5_000);
  assert.equal(samples(), 3);
  assert.deepEqual(told, ['web 1', 'web 1', 'web 1']);
});

test('wake: no timer stays armed when nothing runs', async () => {
  const { sampler, living, clock, pass } = createBench();
  assert.equal(clock.armedCount, 0);
  living.add('web');
  sampler.wake();
  await pass(5_000);
  assert.equal(clock.armedCount, 1);
  living.clear();
  await pass(5_000);
  assert.equal(clock.armedCount, 0);
});

test('wake: what starts while a measurement of nothing is under way is measured', async () => {
  const { sampler, living, samples, pass, hold, clock } = createBench();
  sampler.wake();
  const release = hold();
  await pass(5_000);
  assert.equal(samples(), 1);
  living.add('web');
  sampler.wake();
  release();
  await nextTurn();
  assert.equal(clock.armedCount, 1);
  await pass(5_000);
  assert.equal(samples(), 2);
});

test('of: a peak that the meter knows of counts, and the sources are the latest', async () => {
  const { sampler, living, figures, pass } = createBench();
  living.add('web');
  sampler.wake();
  const sources = { ...BY_PROCESS, memory: 'cgroup' } as const;
  figures.push(
    usage(1, 10, 1),
    usage(1, 20, 1, { memoryPeakBytes: 900, sources }),
    usage(1, 30, 1, { sources }),
  );
  for (let index = 0; index < 3; index += 1) await pass(5_000);
  const measured = sampler.of('web');
  assert.deepEqual([measured?.peakMemoryBytes, measured?.latest.memoryBytes], [900, 30]);
  assert.deepEqual(measured?.sources, sources);
});

test('intervalMs null: never measures', () => {
  const { sampler, living, clock } = createBench(null);
  living.add('web');
  sampler.wake();
  assert.equal(clock.armedCount, 0);
});

test('of: the latest figures, the peak of each, and at most 60 samples, newest last', async () => {
  const { sampler, living, figures, pass } = createBench();
  living.add('web');
  sampler.wake();
  figures.push(usage(90, 10, 2));
  figures.push(usage(5, 500, 1));
  for (let index = 0; index < 70; index += 1) {
    figures.push(usage(1, index, 1));
  }
  for (let index = 0; index < 72; index += 1) await pass(5_000);
  const measured = sampler.of('web');
  assert.ok(measured);
  const { peakCpuPercent, peakMemoryBytes, peakTasks, samples, latest } = measured;
  assert.deepEqual(
    { peakCpuPercent, peakMemoryBytes, peakTasks },
    {
      peakCpuPercent: 90,
      peakMemoryBytes: 500,
      peakTasks: 2,
    },
  );
  assert.equal(samples.length, 60);
  assert.deepEqual(
    samples.map(({ memoryBytes }) => memoryBytes),
    Array.from({ length: 60 }, (_, index) => index + 10),
  );
  assert.deepEqual(samples.at(-1), latest);
});

test('onTrouble: a meter that fails is told, and asked again one interval later', async () => {
  const { sampler, living, pass, hold, troubles, told } = createBench();
  living.add('web');
  sampler.wake();
  const fail = hold();
  await pass(5_000);
  fail(new Error('seeded'));
  await nextTurn();
  assert.deepEqual(troubles, ['cannot measure usage: Error: seeded']);
  await pass(5_000);
  assert.deepEqual(told, ['web 1']);
});

test('forget: nothing is left of the unit, in the meter neither, also when it was being measured', async () => {
  const { sampler, living, pass, hold, forgotten, told } = createBench();
  living.add('web');
  sampler.wake();
  const release = hold();
  await pass(5_000);
  living.clear();
  sampler.forget('web');
  release();
  await nextTurn();
  assert.equal(sampler.of('web'), null);
  assert.deepEqual(told, []);
  assert.equal(forgotten.at(-1), 'web');
});

test('close: the timer is disarmed, and a measurement under way arms none and tells nothing', async () => {
  const { sampler, living, clock, pass, hold, told } = createBench();
  living.add('web');
  sampler.wake();
  const release = hold();
  await pass(5_000);
  sampler.close();
  release();
  await nextTurn();
  sampler.wake();
  assert.equal(clock.armedCount, 0);
  assert.deepEqual(told, []);
});
