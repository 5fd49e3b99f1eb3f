// What one start costs without a daemon: a posix_spawn of the children's program, through the daemon's own adapter.
import { closeSync, openSync } from 'node:fs';
import type { ProcessId } from '../../src/model/process.ts';
import { createProcesses } from '../../src/os/processes.ts';
import type { BenchDaemon } from './bench-daemon.ts';
import type { Scope } from './scope.ts';

interface Bare {
  /** Starts one child, kills it when it has spoken, and waits for its end. */
  readonly once: () => Promise<{ readonly callMs: number; readonly spokenMs: number }>;
}

export function bareSpawns(scope: Scope, daemon: BenchDaemon): Bare {
  const { channel, child } = daemon;
  const processes = createProcesses();
  scope.defer(() => processes.close());
  const nullFd = openSync('/dev/null', 'w');
  scope.defer(() => closeSync(nullFd));
  let ended: (process: ProcessId | null) => void = () => undefined;
  processes.onReaped((process) => ended(process));
  return {
    once: async () => {
      const { mark } = channel;
      const startMs = child.nowMs();
      const result = processes.spawn({
        argv: [child.program, channel.path, 'bare'],
        environment: { UNITD_BENCH: daemon.env['UNITD_BENCH'] ?? '' },
        workingDirectory: null,
        user: null,
        group: null,
        supplementaryGroups: null,
        umask: null,
        limits: {},
        nice: null,
        oomScoreAdjust: null,
        noNewPrivileges: false,
        stdoutFd: nullFd,
        stderrFd: nullFd,
      });
      const callMs = child.nowMs() - startMs;
      if (!result.ok) throw new Error(result.failure.reason);
      const [stamp] = await channel.stamps(1, mark);
      const gone = new Promise<void>((resolve) => {
        ended = (process) => process?.pid === result.process.pid && resolve();
      });
      processes.signal(result.process, 'SIGKILL');
      await gone;
      return { callMs, spokenMs: (stamp?.atMs ?? NaN) - startMs };
    },
  };
}
