// CPU, memory and tasks of process trees, summed from pidusage. Remembers its last readings, nothing else.
//
// pidusage reads the times. The memory is reckoned here, from the pages that a process was found with: pidusage asks
// getconf(1) for their size, and takes it for 4096 bytes where that is not on the PATH. So is the percentage: its own is
// kept by bare pid, and its memory of one pid cannot be dropped without leaking descriptors (clear() forgets them open).
// It tells nothing of children that have ended: their time is that of their parents' lines, as they were found. It is
// asked for the processes that have moved since: of one whose line in /proc, as it was found, says the same as last
// time, it would say the same too. What it would write to the daemon's log, with a stack trace, is of no use to anybody.
//
// pidusage opens a process's `stat` at the first question, reads it twice, and closes it when nobody has asked for a
// while. Of one that ends between that open and the first read it forgets the descriptor. Those are found by where they
// lead, and closed here: of pids that it did not answer for and does not remember. What it remembers it closes itself,
// and that would be anybody's descriptor by then. Nothing of its interface says whom it remembers, hence its own module.
import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import pidusage from 'pidusage';
import history from 'pidusage/lib/history.js';
import { keyOf } from '../model/process.ts';
import { pageBytes } from './libc/memory.ts';
import type { Figures, Member } from './ports.ts';
import { processStat, TICK_MS } from './procfs.ts';
import { spentBetween } from './spent-time.ts';
import type { ProcessTime } from './spent-time.ts';
import { withSpare } from './spare-descriptor.ts';

/** What pidusage said of a process, and the line in /proc that it said it of. */
interface Reading extends ProcessTime {
  readonly startTicks: number;
  readonly cpuTicks: number;
  readonly residentPages: number;
}

interface Sample {
  readonly atMs: number;
  /** By process. */
  readonly readings: ReadonlyMap<string, Reading>;
}

const NOBODY: ReadonlyMap<string, Reading> = new Map();

/** How long pidusage keeps the descriptor of a process that is not asked for any more. */
const PIDUSAGE_MEMORY_MS = 20_000;

/** Of those that have not ended. */
async function readStats(pids: number[]): Promise<ReadonlyMap<number, pidusage.Status>> {
  if (pids.length === 0) return new Map();
  // Rejects only when it was asked for one process, and that one has ended; of several, it gives null or undefined then.
  const stats: Readonly<Record<string, pidusage.Status | null | undefined>> = await pidusage(pids, {
    maxage: PIDUSAGE_MEMORY_MS,
  }).catch(() => ({}));
  return new Map(
    pids.flatMap((pid) => {
      const status = stats[pid];
      return status === null || status === undefined ? [] : [[pid, status]];
    }),
  );
}

/** Closes the descriptors that pidusage has forgotten of these, for whom it had no answer. */
function closeForgotten(pids: readonly number[]): void {
  const forgotten = pids.filter((pid) => history.get(pid, PIDUSAGE_MEMORY_MS) === undefined);
  if (forgotten.length === 0) return;
  const stats = new Set(forgotten.map((pid) => `/proc/${pid}/stat`));
  for (const fd of withSpare(() => readdirSync('/proc/self/fd'))) {
    if (stats.has(leadsTo(fd))) closeSync(Number(fd));
  }
}

/** Empty for a descriptor that is closed by now: the one that the directory itself was read by. */
function leadsTo(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

function stillHolds(reading: Reading | undefined, member: Member): boolean {
  return reading?.cpuTicks === member.cpuTicks && reading.residentPages === member.residentPages;
}

function readingOf(
  member: Member,
  fresh: pidusage.Status | undefined,
  before: Reading | undefined,
): Reading | undefined {
  const { pid, startTicks, parentPid, cpuTicks, reapedTicks, residentPages } = member;
  const ownMs = fresh?.ctime ?? (stillHolds(before, member) ? before?.ownMs : undefined);
  if (ownMs === undefined) return undefined;
  return {
    pid,
    startTicks,
    parentPid,
    cpuTicks,
    residentPages,
    ownMs,
    reapedMs: reapedTicks * TICK_MS,
    owedMs: 0,
  };
}

/** It is a zombie, or was not seen this time. */
function isStillThere({ pid, startTicks }: Reading): boolean {
  return processStat(pid)?.startTicks === startTicks;
}

export interface PidMeter {
  /**
   * Sums the living among the members, keyed so that CPU is measured against that key's last sample; `sinceMs`: against
   * when it is measured of a key that has none, since nothing of that lived then. null: nobody knows.
   */
  sample(
    trees: ReadonlyMap<string, readonly Member[]>,
    sinceMs: number | null,
  ): Promise<ReadonlyMap<string, Figures>>;
  forget(key: string): void;
}

/**
 * `tasks` counts threads, as systemd does. Resident memory counts pages that processes share once for each.
 * A process that is new in a tree brings all the time it has used: it was started since the last sample. What its
 * children that have ended had used counts as spent-time.ts says.
 */
export function createPidMeter(monotonicMs: () => number): PidMeter {
  const samples = new Map<string, Sample>();
  const bytesOfPage = pageBytes();
  // Units do not inherit it, see daemon/environment.ts.
  process.env['PIDUSAGE_SILENT'] = '1';

  const sample: PidMeter['sample'] = async (trees, sinceMs) => {
    const moved = new Set<number>();
    for (const [key, members] of trees) {
      const last = samples.get(key)?.readings;
      for (const member of members) {
        if (!stillHolds(last?.get(keyOf(member)), member)) moved.add(member.pid);
      }
    }
    const atMs = monotonicMs();
    const read = await readStats([...moved]);
    closeForgotten([...moved].filter((pid) => !read.has(pid)));

    const usages = new Map<string, Figures>();
    for (const [key, members] of trees) {
      const last = samples.get(key);
      const before = last?.readings ?? NOBODY;
      const now = new Map<string, Reading>();
      let [memoryBytes, tasks] = [0, 0];
      for (const member of members) {
        const id = keyOf(member);
        const reading = readingOf(member, read.get(member.pid), before.get(id));
        // pidusage leaves out those that ended before it came to them.
        if (reading === undefined) continue;
        now.set(id, reading);
        memoryBytes += reading.residentPages * bytesOfPage;
        tasks += member.threads;
      }
      for (const [id, reading] of before) if (!now.has(id) && isStillThere(reading)) now.set(id, reading);
      const { spentMs, times: readings } = spentBetween(before, now);
      const spanMs = atMs - (last?.atMs ?? sinceMs ?? atMs);
      samples.set(key, { atMs, readings });
      usages.set(key, { cpuPercent: spanMs > 0 ? (spentMs / spanMs) * 100 : 0, memoryBytes, tasks });
    }
    return usages;
  };

  return { sample, forget: (key) => void samples.delete(key) };
}
