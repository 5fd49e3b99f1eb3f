// What a test or a bench asks the daemon's own adapter to spawn: only what it says itself, the rest is left as it is.
import { randomUUID } from 'node:crypto';
import { openSync } from 'node:fs';
import type { SpawnRequest } from '../../src/model/process.ts';

const nullFd = openSync('/dev/null', 'r+');

/** A request for a plain child that writes nowhere. */
export function spawnRequest(request: Partial<SpawnRequest> & Pick<SpawnRequest, 'argv'>): SpawnRequest {
  return {
    environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', INVOCATION_ID: randomUUID() },
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
    ...request,
  };
}
