// What one start costs without a daemon: a posix_spawn of the children's program, through the daemon's own adapter; and
// what one restart does, where the end of a child is followed by the next posix_spawn and nothing else.
import type { ProcessId } from '../../src/model/process.ts';
import { createProcesses } from '../../src/os/processes.ts';
import { createReadiness } from '../../src/os/readiness.ts';
import { spawnRequest } from '../support/spawn-request.ts';
import type { BenchDaemon } from './bench-daemon.ts';
import type { Scope } from './scope.ts';

interface BareTimes {
  /** Of the call, until it returns. */
  readonly callMs: number;
  /** From the call to the child's word. */
  readonly spokenMs: number;
  /** From the kill of that child to the next one's word. */
  readonly againMs: number;
}

interface Bare {
  /** Starts a child, and when it has spoken kills it and starts the next one; that one is over at the end. */
  readonly once: () => Promise<BareTimes>;
}

export function bareSpawns(scope: Scope, daemon: BenchDaemon): Bare {
  const { channel, child } = daemon;
  const readiness = createReadiness();
  scope.defer(() => readiness.close());
  const processes = createProcesses({ readiness, fence: null });
  processes.beginReaping();
  scope.defer(() => processes.close());
  let ended: (process: ProcessId | null) => void = () => undefined;
  processes.onReaped((process) => ended(process));

  const spawn = (): ProcessId => {
    const result = processes.spawn(
      spawnRequest({
        argv: [child.program, channel.path, 'bare'],
        environment: { UNITD_BENCH: daemon.env['UNITD_BENCH'] ?? '' },
      }),
    );
    if (!result.ok) throw new Error(result.failure.reason);
    return result.process;
  };
  /** Kills it, and does `next` in the turn in which it is reaped. */
  const killed = async <T>(target: ProcessId, next: () => T): Promise<T> =>
    await new Promise<T>((resolve) => {
      ended = (process) => {
        if (process?.pid === target.pid) resolve(next());
      };
      processes.signal(target, 'SIGKILL');
    });
  const spoken = async (mark: number): Promise<number> => {
    const [stamp] = await channel.stamps(1, mark);
    return stamp?.atMs ?? NaN;
  };

  return {
    once: async () => {
      let { mark } = channel;
      const startMs = child.nowMs();
      const first = spawn();
      const callMs = child.nowMs() - startMs;
      const spokenMs = (await spoken(mark)) - startMs;
      ({ mark } = channel);
      const killMs = child.nowMs();
      const second = await killed(first, spawn);
      const againMs = (await spoken(mark)) - killMs;
      await killed(second, () => undefined);
      return { callMs, spokenMs, againMs };
    },
  };
}
