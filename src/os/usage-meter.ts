// CPU, memory and tasks of process trees: from the tree's cgroup, figure by figure, as far as that counts them, and the
// rest summed over its processes by pidusage (meter.ts).
//
// A cgroup counts processor time by itself, memory and tasks with their controllers. It counts those that have ended
// too, and memory as the kernel charges it, with page cache; what has left the cgroup it does not count.
//
// Of a tree that has used no processor time since its last sample one short file is read, whoever counts the rest: nothing
// can have been forked or touched, only taken back, which is looked at once a minute. Of others all is read: from the
// cgroup what that counts, and of each process the rest. That the memory is the same as before says nothing of its peak:
// the kernel charges a unit in steps of 64 pages.
import type { UsageSources } from '../model/process.ts';
import type { Controller } from '../model/unit.ts';
import { flatValue } from './cgroup.ts';
import type { PidMeter } from './meter.ts';
import type { Figures, Member, Meter, Usage } from './ports.ts';
import { procText } from './procfs.ts';

const BY_PROCESS: UsageSources = { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' };

/** Of one activation: counts begin anew with the next. */
interface Reading {
  readonly invocationId: string;
  readonly usedUs: number | null;
  /** When the processor time was read last, and when all the rest was. */
  atMs: number;
  readonly wholeAtMs: number;
  /** null: nothing of it lived when it was looked for last. */
  usage: Usage | null;
}

/** How long a tree that does nothing keeps the rest of its figures. */
const STANDS_MS = 60_000;

/** What a cgroup said; null for what it does not count. */
interface Counted {
  readonly usedUs: number | null;
  readonly memoryBytes: number | null;
  readonly memoryPeakBytes: number | null;
  readonly tasks: number | null;
}

const UNCOUNTED: Counted = { usedUs: null, memoryBytes: null, memoryPeakBytes: null, tasks: null };
const NOTHING: Figures = { cpuPercent: 0, memoryBytes: 0, tasks: 0 };

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
  /** Of the last sample; null if there was nothing in it, since nobody knows how long ago that was. */
  let lastAtMs: number | null = null;

  const forget = (key: string): void => {
    readings.delete(key);
    byProcess.forget(key);
  };

  const usedUsOf = (cgroup: string | undefined): number | null =>
    cgroup === undefined ? null : flatValue(procText(`${cgroup}/cpu.stat`, true), 'usage_usec');

  const countedOf = (cgroup: string | undefined, usedUs: number | null): Counted => {
    if (cgroup === undefined) return UNCOUNTED;
    const hasMemory = counting?.has('memory') === true;
    return {
      usedUs,
      memoryBytes: hasMemory ? numberIn(cgroup, 'memory.current') : null,
      // Linux 5.19.
      memoryPeakBytes: hasMemory ? numberIn(cgroup, 'memory.peak') : null,
      tasks: counting?.has('pids') === true ? numberIn(cgroup, 'pids.current') : null,
    };
  };

  /** Per cent of a processor since the last reading; what is new has used all of it since the last sample. */
  const percentOf = (last: Reading | undefined, usedUs: number, atMs: number): number => {
    const spanMs = atMs - (last?.atMs ?? lastAtMs ?? atMs);
    return spanMs > 0 ? Math.max(0, (usedUs - (last?.usedUs ?? 0)) / 10 / spanMs) : 0;
  };

  const sample: Meter['sample'] = async (trees, membersOf) => {
    const atMs = monotonicMs();
    const usages = new Map<string, Usage>();
    const counts = new Map<string, Counted & { readonly invocationId: string }>();
    const asked = new Map<string, readonly Member[]>();
    // The time at rest must not be spread over what comes of it next.
    for (const [key, { invocationId }] of readings) {
      if (trees.get(key)?.invocationId !== invocationId) forget(key);
    }
    for (const [key, { invocationId, cgroup }] of trees) {
      const usedUs = usedUsOf(cgroup);
      const last = readings.get(key);
      const hasRested = usedUs !== null && usedUs === last?.usedUs;
      if (hasRested && last?.usage && atMs - last.wholeAtMs < STANDS_MS) {
        last.atMs = atMs;
        if (last.usage.cpuPercent !== 0) last.usage = { ...last.usage, cpuPercent: 0 };
        usages.set(key, last.usage);
        continue;
      }
      const counted = countedOf(cgroup, usedUs);
      let isThere = counted.tasks !== 0;
      if (isThere && (usedUs === null || counted.memoryBytes === null || counted.tasks === null)) {
        const living = membersOf(key);
        isThere = living.length > 0;
        if (isThere) asked.set(key, living);
      }
      if (isThere) counts.set(key, { invocationId, ...counted });
      else if (last !== undefined) last.usage = null;
    }
    const summed = await byProcess.sample(asked, lastAtMs);

    for (const [key, { invocationId, usedUs, memoryBytes, memoryPeakBytes, tasks }] of counts) {
      const sum = summed.get(key) ?? NOTHING;
      const usage: Usage = {
        cpuPercent: usedUs === null ? sum.cpuPercent : percentOf(readings.get(key), usedUs, atMs),
        memoryBytes: memoryBytes ?? sum.memoryBytes,
        tasks: tasks ?? sum.tasks,
        memoryPeakBytes,
        sources: {
          cpu: usedUs === null ? 'pidusage' : 'cgroup',
          memory: memoryBytes === null ? 'pidusage' : 'cgroup',
          tasks: tasks === null ? 'pidusage' : 'cgroup',
        },
      };
      readings.set(key, { invocationId, usedUs, atMs, wholeAtMs: atMs, usage });
      usages.set(key, usage);
    }
    lastAtMs = usages.size > 0 ? atMs : null;
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
    forget,
  };
}
