// CPU, memory and tasks of process trees, summed from pidusage. Remembers processor times, nothing else.
//
// pidusage reads the times and the resident memory. The percentage is reckoned here: its own is kept by bare pid, and
// its memory of one pid cannot be dropped without leaking descriptors (clear() forgets them open).
import pidusage from 'pidusage';
import type { ProcessId } from '../model/process.ts';
import type { Meter, Usage } from './ports.ts';
import { processStat } from './procfs.ts';

interface Sample {
  readonly atMs: number;
  /** Processor time used so far, by process. */
  readonly cpuMs: ReadonlyMap<string, number>;
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

/**
 * `tasks` counts threads, as systemd does. Resident memory counts pages that processes share once for each.
 * A process that is new in a tree brings all the time it has used: it was started since the last sample.
 */
export function createMeter(monotonicMs: () => number): Meter {
  const samples = new Map<string, Sample>();

  const sample = async (
    trees: ReadonlyMap<string, readonly ProcessId[]>,
  ): Promise<ReadonlyMap<string, Usage>> => {
    const threads = new Map<string, number>();
    const pids = new Set<number>();
    for (const process of [...trees.values()].flat()) {
      const stat = processStat(process.pid);
      if (stat === null || stat.startTicks !== process.startTicks) continue;
      threads.set(identity(process), stat.threads);
      pids.add(process.pid);
    }
    const atMs = monotonicMs();
    const read = await readStats([...pids]);

    const usages = new Map<string, Usage>();
    for (const [key, processes] of trees) {
      const last = samples.get(key);
      const cpuMs = new Map<string, number>();
      let [usedMs, memoryBytes, tasks] = [0, 0, 0];
      for (const process of processes) {
        const id = identity(process);
        // pidusage leaves out those that ended before it came to them.
        const stat = threads.has(id) ? read[process.pid] : undefined;
        if (stat === undefined) continue;
        cpuMs.set(id, stat.ctime);
        usedMs += stat.ctime - (last?.cpuMs.get(id) ?? 0);
        memoryBytes += stat.memory;
        tasks += threads.get(id) ?? 0;
      }
      const spanMs = last === undefined ? 0 : atMs - last.atMs;
      samples.set(key, { atMs, cpuMs });
      usages.set(key, { cpuPercent: spanMs > 0 ? (usedMs / spanMs) * 100 : 0, memoryBytes, tasks });
    }
    return usages;
  };

  return { source: 'pidusage', sample, forget: (key) => void samples.delete(key) };
}
