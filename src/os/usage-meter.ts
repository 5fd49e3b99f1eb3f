// CPU, memory and tasks of process trees: from the tree's cgroup, figure by figure, as far as that counts them, and the
// rest summed over its processes by pidusage (meter.ts).
//
// A cgroup counts processor time by itself, memory and tasks with their controllers. It counts those that have ended
// too, and memory as the kernel charges it, with page cache; what has left the cgroup it does not count.
//
// For what the cgroup counts, a sample asks nothing of processes; where a figure is pidusage's, both are read. Of a tree
// that has used no processor time since its last sample one short file is read: nothing can have been forked or touched,
// only taken back, which is looked at once a minute. Of others four are. That the memory is the same as before says
// nothing of its peak: the kernel charges a unit in steps of 64 pages.
import type { UsageSources } from '../model/process.ts';
import type { Controller } from '../model/unit.ts';
import { flatValue } from './cgroup.ts';
import type { PidMeter } from './meter.ts';
import type { Measurable, Member, Meter, Usage } from './ports.ts';
import { procText } from './procfs.ts';

const BY_PROCESS: UsageSources = { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' };

/** Counts begin anew with each activation. */
interface Reading {
  readonly invocationId: string;
  readonly atMs: number;
  /** When all of it was read, not just the processor time. */
  readonly wholeAtMs: number;
  readonly usedUs: number;
  readonly memoryBytes: number | null;
  readonly memoryPeakBytes: number | null;
  readonly tasks: number | null;
}

/** How long a tree that does nothing keeps the rest of its figures. */
const STANDS_MS = 60_000;

/** What a cgroup said; null for what it does not count. */
interface Counted {
  readonly usedUs: number | null;
  readonly memoryBytes: number | null;
  readonly tasks: number | null;
  readonly wholeAtMs: number;
}

function numberIn(cgroup: string, file: string): number | null {
  const text = procText(`${cgroup}/${file}`, true);
  return text === null ? null : Number(text);
}

export interface MeterOptions {
  readonly monotonicMs: () => number;
  readonly byProcess: PidMeter;
  /** The controllers whose counts are whole; null: there are no cgroups. */
  readonly counting: ReadonlySet<Controller> | null;
}

export function createMeter({ monotonicMs, byProcess, counting }: MeterOptions): Meter {
  const readings = new Map<string, Reading>();

  const countedOf = (cgroup: string, last: Reading | undefined, atMs: number): Counted => {
    const usedUs = flatValue(procText(`${cgroup}/cpu.stat`, true), 'usage_usec');
    if (last !== undefined && usedUs === last.usedUs && atMs - last.wholeAtMs < STANDS_MS) return last;
    return {
      usedUs,
      memoryBytes: counting?.has('memory') === true ? numberIn(cgroup, 'memory.current') : null,
      tasks: counting?.has('pids') === true ? numberIn(cgroup, 'pids.current') : null,
      wholeAtMs: atMs,
    };
  };

  const lastOf = (key: string, { invocationId }: Measurable): Reading | undefined => {
    const last = readings.get(key);
    return last?.invocationId === invocationId ? last : undefined;
  };

  /** Per cent of a processor since the last reading of this activation; all that a new one has used is new. */
  const percentOf = (last: Reading | undefined, next: Reading): number => {
    if (last === undefined) return 0;
    const usedUs = next.usedUs - (last.invocationId === next.invocationId ? last.usedUs : 0);
    const spanMs = next.atMs - last.atMs;
    return spanMs > 0 ? Math.max(0, usedUs / 10 / spanMs) : 0;
  };

  const peakOf = (last: Reading | undefined, tree: Measurable, counted: Counted): number | null => {
    if (counted.memoryBytes === null || tree.cgroup === undefined) return null;
    // Nothing was read anew.
    if (last !== undefined && counted === last) return last.memoryPeakBytes;
    // Linux 5.19.
    return numberIn(tree.cgroup, 'memory.peak');
  };

  const sample: Meter['sample'] = async (trees) => {
    const atMs = monotonicMs();
    const counts = new Map<string, Counted>();
    const asked = new Map<string, readonly Member[]>();
    for (const [key, tree] of trees) {
      const counted = tree.cgroup === undefined ? null : countedOf(tree.cgroup, lastOf(key, tree), atMs);
      if (counted?.tasks === 0) continue;
      if (counted !== null) counts.set(key, counted);
      const isWhole =
        counted !== null && counted.usedUs !== null && counted.memoryBytes !== null && counted.tasks !== null;
      if (isWhole) continue;
      const members = tree.members();
      if (members.length > 0) asked.set(key, members);
      else counts.delete(key);
    }
    const summed = await byProcess.sample(asked);

    const usages = new Map<string, Usage>();
    for (const [key, tree] of trees) {
      const counted = counts.get(key);
      const sum = summed.get(key) ?? { cpuPercent: 0, memoryBytes: 0, tasks: 0 };
      if (counted === undefined) {
        readings.delete(key);
        if (summed.has(key)) usages.set(key, { ...sum, memoryPeakBytes: null, sources: BY_PROCESS });
        continue;
      }
      const { usedUs, memoryBytes, tasks, wholeAtMs } = counted;
      const memoryPeakBytes = peakOf(lastOf(key, tree), tree, counted);
      const { invocationId } = tree;
      const last = readings.get(key);
      const next = {
        invocationId,
        atMs,
        wholeAtMs,
        usedUs: usedUs ?? 0,
        memoryBytes,
        memoryPeakBytes,
        tasks,
      };
      readings.set(key, next);
      usages.set(key, {
        cpuPercent: usedUs === null ? sum.cpuPercent : percentOf(last, next),
        memoryBytes: memoryBytes ?? sum.memoryBytes,
        tasks: tasks ?? sum.tasks,
        memoryPeakBytes,
        sources: {
          cpu: usedUs === null ? 'pidusage' : 'cgroup',
          memory: memoryBytes === null ? 'pidusage' : 'cgroup',
          tasks: tasks === null ? 'pidusage' : 'cgroup',
        },
      });
    }
    return usages;
  };

  return {
    sources:
      counting === null
        ? BY_PROCESS
        : {
            cpu: 'cgroup',
            memory: counting.has('memory') ? 'cgroup' : 'pidusage',
            tasks: counting.has('pids') ? 'cgroup' : 'pidusage',
          },
    sample,
    forget: (key) => {
      readings.delete(key);
      byProcess.forget(key);
    },
  };
}
