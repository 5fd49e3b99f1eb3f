// runit: runsvdir, and a runsv for each service. A service that ran for less than a second waits the rest of it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, LogWay, Peer, Setup } from './peer.ts';
import { LOG_FILE_BYTES, LOG_FILES, missingPrograms } from './peer.ts';
import { writeServices } from './service-directories.ts';

function configure(root: string, jobs: readonly Job[], logger: string | null): Setup {
  const { scan, services } = writeServices(root, jobs, logger);
  return {
    daemon: ['runsvdir', '-P', scan],
    env: {},
    status: ['sv', 'status', ...services],
    reload: null,
    endsBySignal: false,
  };
}

function logWay(name: string, flags: string): LogWay {
  return {
    name,
    rotates: true,
    configure: (root, job) => {
      const directory = join(root, 'log');
      mkdirSync(directory);
      writeFileSync(join(directory, 'config'), `s${LOG_FILE_BYTES}\nn${LOG_FILES}\n`);
      return {
        ...configure(root, [job], `svlogd ${flags} ${directory}`),
        directory,
        isLog: /^current$|^@/,
      };
    },
  };
}

export const runit: Peer = {
  name: 'runit',
  missing: () => missingPrograms('runsvdir', 'runsv', 'sv', 'svlogd'),
  configure: (root, jobs) => configure(root, jobs, null),
  logWays: [logWay('svlogd', ''), logWay('svlogd -tt', '-tt')],
};
