// CPU, memory and tasks of process trees, summed from pidusage. Remembers its last readings, nothing else.
//
// pidusage reads the times and the resident memory. The percentage is reckoned here: its own is kept by bare pid, and
// its memory of one pid cannot be dropped without leaking descriptors (clear() forgets them open). It is asked for the
// processes that have moved: of one whose line in /proc says the same as last time, it would say the same too.
import pidusage from 'pidusage';
import type { ProcessId } from '../model/process.ts';
import type { Meter, Usage } from './ports.ts';
import { processStat, type ProcessStat } from './procfs.ts';

/** What pidusage said of a process, and the line in /proc that it said it of. */
interface Reading {
  readonly cpuTicks: number;
  readonly residentPages: number;
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

interface Sample {
  readonly atMs: number;
  /** By process. */
  readonly readings: ReadonlyMap<string, Reading>;
}

/** How long pidusage keeps the descriptor of a process that is not asked for any more. */
const PIDUSAGE_MEMORY_MS = 20_000;

function identity({ pid, startTicks }: ProcessId): string {
  return `${pid} ${startTicks}`;
}

/** Without those that have ended; pidusage rejects only when it was asked for one process and that one has ended. */
async function readStats(pids: number[]): Promise<Readonly<Record<string, pidusage.Status | undefined>>> {
  if (pids.length === 0) return {};
  return await pidusage(pids, { maxage: PIDUSAGE_MEMORY_MS }).catch(() => ({}));
}

function stillHolds(reading: Reading | undefined, stat: ProcessStat): boolean {
  return reading?.cpuTicks === stat.cpuTicks && reading.residentPages === stat.residentPages;
}

function readingOf(
  stat: ProcessStat,
  fresh: pidusage.Status | undefined,
  before: Reading | undefined,
): Reading | undefined {
  if (fresh === undefined) return stillHolds(before, stat) ? before : undefined;
  const { cpuTicks, residentPages } = stat;
  return { cpuTicks, residentPages, cpuMs: fresh.ctime, memoryBytes: fresh.memory };
}

/**
 * `tasks` counts threads, as systemd does. Resident memory counts pages that processes share once for each.
 * A process that is new in a tree brings all the time it has used: it was started since the last sample.
 */
export function createMeter(monotonicMs: () => number): Meter {
  const samples = new Map<string, Sample>();

  const sample = async (
    trees: ReadonlyMap<string, readonly ProcessId[]>,
  ): Promise<ReadonlyMap<string, Usage>> => {
    const stats = new Map<string, ProcessStat>();
    const moved = new Set<number>();
    for (const [key, processes] of trees) {
      const last = samples.get(key)?.readings;
      for (const process of processes) {
        const stat = processStat(process.pid);
        if (stat === null || stat.startTicks !== process.startTicks) continue;
        stats.set(identity(process), stat);
        if (!stillHolds(last?.get(identity(process)), stat)) moved.add(process.pid);
      }
    }
    const atMs = monotonicMs();
    const read = await readStats([...moved]);

    const usages = new Map<string, Usage>();
    for (const [key, processes] of trees) {
      const last = samples.get(key);
      const readings = new Map<string, Reading>();
      let [usedMs, memoryBytes, tasks] = [0, 0, 0];
      for (const process of processes) {
        const id = identity(process);
        const stat = stats.get(id);
        const before = last?.readings.get(id);
        const reading = stat === undefined ? undefined : readingOf(stat, read[process.pid], before);
        // pidusage leaves out those that ended before it came to them.
        if (stat === undefined || reading === undefined) continue;
        readings.set(id, reading);
        usedMs += reading.cpuMs - (before?.cpuMs ?? 0);
        memoryBytes += reading.memoryBytes;
        tasks += stat.threads;
      }
      const spanMs = last === undefined ? 0 : atMs - last.atMs;
      samples.set(key, { atMs, readings });
      usages.set(key, { cpuPercent: spanMs > 0 ? (usedMs / spanMs) * 100 : 0, memoryBytes, tasks });
    }
    return usages;
  };

  return { source: 'pidusage', sample, forget: (key) => void samples.delete(key) };
}
