// s6: s6-svscan, and an s6-supervise for each service, which starts it again a second after an end. There is no
// command for the status of all: s6-svstat is asked once for each service, by a shell.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, LogWay, Peer, Setup } from './peer.ts';
import { LOG_FILE_BYTES, LOG_FILES, missingPrograms } from './peer.ts';
import { writeServices } from './service-directories.ts';

function configure(root: string, jobs: readonly Job[], logger: string | null): Setup {
  const { scan } = writeServices(root, jobs, logger);
  return {
    daemon: ['s6-svscan', '-c', '16000', scan],
    env: {},
    status: ['sh', '-c', `for service in ${scan}/*; do s6-svstat "$service"; done`],
    reload: ['s6-svscanctl', '-a', scan],
    endsBySignal: false,
  };
}

function logWay(name: string, directives: string): LogWay {
  return {
    name,
    rotates: true,
    configure: (root, job) => {
      const directory = join(root, 'log');
      mkdirSync(directory);
      return {
        ...configure(root, [job], `s6-log ${directives} n${LOG_FILES} s${LOG_FILE_BYTES} ${directory}`),
        directory,
        isLog: /^current$|^@/,
      };
    },
  };
}

export const s6: Peer = {
  name: 's6',
  missing: () => missingPrograms('s6-svscan', 's6-supervise', 's6-svscanctl', 's6-svstat', 's6-log'),
  configure: (root, jobs) => configure(root, jobs, null),
  logWays: [logWay('s6-log', ''), logWay('s6-log t', 't')],
};
