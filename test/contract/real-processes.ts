// The real Processes adapter for tests: one a test file, because there can be one reaper a process. Collects what it
// reports, starts fixtures, and kills at the end of each test what the test started.
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import type { ExitStatus, FenceKind, ProcessId, ProcessTree, SpawnRequest } from '../../src/model/process.ts';
import { NO_RESOURCES } from '../../src/model/unit.ts';
import { openFence } from '../../src/os/fence.ts';
import type { Fence } from '../../src/os/fence.ts';
import type { Processes } from '../../src/os/ports.ts';
import { createProcesses } from '../../src/os/processes.ts';
import { createReadiness } from '../../src/os/readiness.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { Arrivals } from '../support/lines.ts';
import { spawnRequest } from '../support/spawn-request.ts';

export interface Report {
  readonly process: ProcessId | null;
  readonly status: ExitStatus;
}

export interface Started {
  readonly process: ProcessId;
  readonly tree: ProcessTree;
}

export interface RealProcesses {
  readonly processes: Processes;
  readonly reports: Arrivals<Report>;
  /** Spawns it and has its whole tree killed when the test ends. */
  start(t: TestContext, request: SpawnRequest): Started;
  /** The status that was reported of it. */
  ended(process: ProcessId): Promise<ExitStatus>;
  /** Runs a command to its end and returns what it wrote. */
  output(t: TestContext, request: Partial<SpawnRequest> & Pick<SpawnRequest, 'argv'>): Promise<string>;
}

/** Where a new activation's processes go. */
export type Enclosed = Pick<SpawnRequest, 'cgroup'>;

export function enclosed(processes: Processes): Enclosed {
  const cgroup = processes.enclose('test', NO_RESOURCES);
  return cgroup === null ? {} : { cgroup };
}

function realFence(): Fence {
  const opened = openFence(randomUUID());
  if (!opened.ok) throw new Error(opened.reason);
  return opened.fence;
}

export function createRealProcesses(fence: FenceKind = 'session'): RealProcesses {
  const readiness = createReadiness();
  const processes = createProcesses({ readiness, fence: fence === 'cgroup' ? realFence() : null });
  processes.beginReaping();
  const reports = new Arrivals<Report>('the reaper');
  processes.onReaped((process, status) => reports.add({ process, status }));
  after(() => {
    processes.close();
    readiness.close();
  });

  const start = (t: TestContext, request: SpawnRequest): Started => {
    const within = enclosed(processes);
    const result = processes.spawn({ ...request, ...within });
    if (!result.ok) throw new Error(`cannot start ${request.argv.join(' ')}: ${result.failure.reason}`);
    const invocationId = request.environment['INVOCATION_ID'] ?? '';
    const tree = { invocationId, leaders: [result.process], ...within };
    cleanUp(t, () => void processes.signalTree(tree, 'SIGKILL'));
    return { process: result.process, tree };
  };

  const ended = async (process: ProcessId): Promise<ExitStatus> => {
    const { pid, startTicks } = process;
    const report = await reports.first(
      (seen) => seen.process?.pid === pid && seen.process.startTicks === startTicks,
      `the end of ${pid}`,
    );
    return report.status;
  };

  const output: RealProcesses['output'] = async (t, request) => {
    const path = join(temporaryDirectory(t), 'output');
    const fd = openSync(path, 'w');
    try {
      const { process } = start(t, spawnRequest({ stdoutFd: fd, stderrFd: fd, ...request }));
      await ended(process);
    } finally {
      closeSync(fd);
    }
    return readFileSync(path, 'utf8');
  };

  return { processes, reports, start, ended, output };
}
