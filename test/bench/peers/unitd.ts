// unitd as a peer among peers: the built program, started as a user starts it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogFormat } from '../../../src/model/unit.ts';
import { PROGRAM } from '../../support/launch.ts';
import { unitText } from '../bench-daemon.ts';
import type { Job, LogWay, Peer, Setup } from './peer.ts';
import { LOG_FILES } from './peer.ts';

function configure(root: string, jobs: readonly Job[], more: readonly string[]): Setup {
  const units = join(root, 'units.d');
  mkdirSync(units, { mode: 0o755 });
  for (const { name, argv } of jobs) {
    writeFileSync(join(units, `${name}.yaml`), unitText(argv, more), { mode: 0o644 });
  }
  const command = (...words: readonly string[]): readonly string[] => [process.execPath, PROGRAM, ...words];
  return {
    daemon: command('daemon'),
    env: {
      UNITD_UNITS: units,
      UNITD_RUNTIME_DIR: join(root, 'run'),
      UNITD_STATE_DIR: join(root, 'state'),
      UNITD_LOG_DIR: join(root, 'log'),
    },
    status: command('status', '--json'),
    reload: command('reload'),
    endsBySignal: true,
  };
}

function logWay(format: LogFormat): LogWay {
  return {
    name: format,
    rotates: true,
    configure: (root, job) => ({
      ...configure(
        root,
        [job],
        [`logs: { format: ${format}, maxSize: 10MB, maxFiles: ${LOG_FILES}, compress: false }`],
      ),
      directory: join(root, 'log', job.name),
      isLog: /^current$|\.(raw|cri)$/,
    }),
  };
}

export const unitd: Peer = {
  name: 'unitd',
  missing: () => null,
  configure: (root, jobs) => configure(root, jobs, []),
  logWays: [logWay('raw'), logWay('cri')],
};
