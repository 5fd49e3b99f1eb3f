// Finds the leader that an earlier daemon spawned for a run and could not write down any more, by what its environment
// says, or its mark. Signals nobody.
import type { ProcessId } from '../model/process.ts';
import { isOfRun, markOf } from './mark.ts';
import { INVOCATION_VARIABLE, RUN_VARIABLE } from './ports.ts';
import {
  allProcesses,
  initialEnvironmentOf,
  EXEC_PATIENCE_MS,
  isAlive,
  readsFailed,
  variableIn,
} from './procfs.ts';

const EXEC_PAUSE_MS = 2;

/** Costs all processes of the machine, and waits for whoever is in the middle of exec: for the start of a daemon. */
export function findLeader(invocationId: string, run: number): ProcessId | null {
  const deadlineMs = performance.now() + EXEC_PATIENCE_MS;
  for (;;) {
    const { oldest, isUnsure } = lookForLeader(invocationId, run);
    if (!isUnsure || performance.now() > deadlineMs) return oldest;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EXEC_PAUSE_MS);
  }
}

function lookForLeader(invocationId: string, run: number): { oldest: ProcessId | null; isUnsure: boolean } {
  let oldest: ProcessId | null = null;
  const failed = readsFailed();
  let isUnsure = false;
  for (const stat of allProcesses()) {
    const { pid, startTicks, session } = stat;
    if (pid !== session || !isAlive(stat)) continue;
    // What it forked may lead a session too, with the same environment, but is younger.
    if (oldest !== null && startTicks >= oldest.startTicks) continue;
    const environment = initialEnvironmentOf(pid);
    const said = variableIn(environment, INVOCATION_VARIABLE);
    const mark = said === null ? markOf(pid) : null;
    isUnsure ||= environment.isNameless && mark === null;
    const isIt =
      mark === null
        ? said === invocationId && variableIn(environment, RUN_VARIABLE) === String(run)
        : isOfRun(mark, invocationId, run);
    if (isIt) oldest = { pid, startTicks };
  }
  return { oldest, isUnsure: isUnsure || readsFailed() !== failed };
}
