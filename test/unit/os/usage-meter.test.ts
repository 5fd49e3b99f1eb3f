// Which figures come from a cgroup and which from its processes; a directory stands for the cgroup.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Controller } from '../../../src/model/unit.ts';
import type { PidMeter } from '../../../src/os/meter.ts';
import type { Measurable, Member, Meter, Usage } from '../../../src/os/ports.ts';
import { createMeter } from '../../../src/os/usage-meter.ts';
import { temporaryDirectory } from '../../support/child.ts';

const MEMBER: Member = {
  pid: 7,
  startTicks: 1,
  parentPid: 1,
  cpuTicks: 0,
  reapedTicks: 0,
  residentPages: 0,
  threads: 1,
};
const SUM = { cpuPercent: 42, memoryBytes: 1000, tasks: 1 };

interface Bench {
  readonly meter: Meter;
  readonly cgroup: string;
  /** How often processes were asked for. */
  readonly asked: () => number;
  /** What the meter by process was told to forget. */
  readonly forgotten: readonly string[];
  /** Of "web", an activation in the cgroup. */
  sample(tree?: Measurable): Promise<Usage | undefined>;
  write(file: string, text: string): void;
  nowMs: number;
}

function createBench(
  t: TestContext,
  counting: readonly Controller[] | null,
  members: readonly Member[] = [MEMBER],
): Bench {
  const cgroup = temporaryDirectory(t);
  let asked = 0;
  const forgotten: string[] = [];
  const byProcess: PidMeter = {
    sample: async (trees) => await Promise.resolve(new Map([...trees.keys()].map((key) => [key, SUM]))),
    forget: (key) => void forgotten.push(key),
  };
  const bench: Bench = {
    meter: createMeter({
      monotonicMs: () => bench.nowMs,
      byProcess,
      counting: counting === null ? null : new Set(counting),
    }),
    cgroup,
    asked: () => asked,
    forgotten,
    sample: async (tree = { invocationId: 'one', cgroup }) => {
      const usages = await bench.meter.sample(new Map([['web', tree]]), () => {
        asked += 1;
        return members;
      });
      return usages.get('web');
    },
    write: (file, text) => writeFileSync(join(cgroup, file), text),
    nowMs: 0,
  };
  bench.write('cpu.stat', 'usage_usec 5000000\nuser_usec 4000000\n');
  bench.write('memory.current', '8192\n');
  bench.write('memory.peak', '16384\n');
  bench.write('pids.current', '3\n');
  return bench;
}

const ALL = { cpu: 'cgroup', memory: 'cgroup', tasks: 'cgroup' };

test('with all controllers every figure is the cgroup’s, and no process is asked', async (t) => {
  const bench = createBench(t, ['memory', 'pids']);
  assert.deepEqual(bench.meter.sources, ALL);
  const first = await bench.sample();
  assert.deepEqual(first, {
    cpuPercent: 0,
    memoryBytes: 8192,
    tasks: 3,
    memoryPeakBytes: 16384,
    sources: ALL,
  });
  bench.nowMs = 2000;
  bench.write('cpu.stat', 'usage_usec 6000000\n');
  assert.equal((await bench.sample())?.cpuPercent, 50);
  assert.equal(bench.asked(), 0);
});

test('the counts of a new activation begin anew', async (t) => {
  const bench = createBench(t, ['memory', 'pids']);
  await bench.sample();
  bench.nowMs = 1000;
  bench.write('cpu.stat', 'usage_usec 100000\n');
  bench.write('memory.peak', '9000\n');
  const usage = await bench.sample({ invocationId: 'two', cgroup: bench.cgroup });
  assert.deepEqual([usage?.cpuPercent, usage?.memoryPeakBytes], [10, 9000]);
});

test('over what comes after a rest the rest is not spread: it is measured from the last sample', async (t) => {
  const bench = createBench(t, ['memory', 'pids']);
  const db = temporaryDirectory(t);
  writeFileSync(join(db, 'cpu.stat'), 'usage_usec 0\n');
  writeFileSync(join(db, 'memory.current'), '1\n');
  writeFileSync(join(db, 'pids.current'), '1\n');
  const percent = async (atMs: number, web: string | null): Promise<number | undefined> => {
    bench.nowMs = atMs;
    const trees = new Map([['db', { invocationId: 'of db', cgroup: db }]]);
    if (web !== null) trees.set('web', { invocationId: web, cgroup: bench.cgroup });
    return (await bench.meter.sample(trees, () => [])).get('web')?.cpuPercent;
  };
  assert.equal(await percent(1_000, 'one'), 0);
  assert.equal(await percent(2_000, null), undefined);
  assert.deepEqual(bench.forgotten, ['web']);
  assert.equal(await percent(12_000, null), undefined);
  bench.write('cpu.stat', 'usage_usec 970000\n');
  assert.equal(await percent(13_000, 'two'), 97);
  // Of a oneshot nothing lives when it has completed, and it may be started again without a rest.
  bench.write('pids.current', '0\n');
  assert.equal(await percent(14_000, 'two'), 0);
  bench.write('cpu.stat', 'usage_usec 980000\n');
  assert.equal(await percent(15_000, 'two'), undefined);
  assert.equal(await percent(16_000, 'two'), undefined);
  bench.write('pids.current', '1\n');
  bench.write('cpu.stat', 'usage_usec 500000\n');
  assert.equal(await percent(17_000, 'three'), 50);
});

test('what was there before the first sample, or began while nobody looked, has used 0 at first', async (t) => {
  const bench = createBench(t, ['memory', 'pids']);
  const { meter, cgroup } = bench;
  const percent = async (trees: ReadonlyMap<string, Measurable>): Promise<number | undefined> => {
    bench.nowMs += 1000;
    return (await meter.sample(trees, () => [])).get('web')?.cpuPercent;
  };
  const web = new Map([['web', { invocationId: 'one', cgroup }]]);
  assert.equal(await percent(web), 0);
  assert.equal(await percent(new Map()), undefined);
  assert.equal(await percent(web), 0);
  assert.equal(await percent(web), 0);
  bench.write('cpu.stat', 'usage_usec 5600000\n');
  assert.equal(await percent(web), 60);
});

test('memory.peak is read again of what has run, the memory be the same or not; null where there is none', async (t) => {
  const bench = createBench(t, ['memory', 'pids']);
  const peak = async (): Promise<number | null | undefined> => (await bench.sample())?.memoryPeakBytes;
  assert.equal(await peak(), 16384);
  bench.write('memory.peak', '20000\n');
  assert.equal(await peak(), 16384);
  bench.write('cpu.stat', 'usage_usec 5000001\n');
  assert.equal(await peak(), 20000);
  rmSync(join(bench.cgroup, 'memory.peak'));
  bench.write('cpu.stat', 'usage_usec 5000002\n');
  assert.equal(await peak(), null);
});

test('what has used no processor time is looked at as a whole once a minute', async (t) => {
  const bench = createBench(t, ['memory', 'pids']);
  const memory = async (atMs: number): Promise<number | undefined> => {
    bench.nowMs = atMs;
    return (await bench.sample())?.memoryBytes;
  };
  assert.equal(await memory(0), 8192);
  bench.write('memory.current', '4096\n');
  assert.deepEqual([await memory(5_000), await memory(59_999), await memory(60_000)], [8192, 8192, 4096]);
});

test('what has no controller, or counts incompletely, is summed over the processes', async (t) => {
  const bench = createBench(t, ['pids']);
  assert.deepEqual(bench.meter.sources, { cpu: 'cgroup', memory: 'pidusage', tasks: 'cgroup' });
  const usage = await bench.sample();
  assert.deepEqual(usage, {
    cpuPercent: 0,
    memoryBytes: 1000,
    tasks: 3,
    memoryPeakBytes: null,
    sources: bench.meter.sources,
  });
  rmSync(join(bench.cgroup, 'cpu.stat'));
  const next = await bench.sample();
  assert.deepEqual([next?.cpuPercent, next?.sources.cpu], [42, 'pidusage']);
});

test('an activation without a cgroup is measured by its processes, and one of nobody not at all', async (t) => {
  const bench = createBench(t, ['memory', 'pids']);
  assert.deepEqual(await bench.sample({ invocationId: 'one' }), {
    ...SUM,
    memoryPeakBytes: null,
    sources: { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' },
  });
  const empty = createBench(t, ['memory', 'pids']);
  empty.write('pids.current', '0\n');
  assert.equal(await empty.sample(), undefined);
  assert.equal(await createBench(t, [], []).sample(), undefined);
});

test('of what has used no processor time no process is asked either, until a minute is over', async (t) => {
  const bench = createBench(t, []);
  const asked = async (atMs: number): Promise<number> => {
    bench.nowMs = atMs;
    const usage = await bench.sample();
    assert.deepEqual([usage?.memoryBytes, usage?.tasks], [SUM.memoryBytes, SUM.tasks]);
    return bench.asked();
  };
  assert.deepEqual([await asked(0), await asked(5_000), await asked(60_000)], [1, 1, 2]);
  bench.write('cpu.stat', 'usage_usec 5000001\n');
  assert.equal(await asked(60_001), 3);
});
