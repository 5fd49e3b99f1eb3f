// pm2: `pm2 start` makes a daemon, hands it the jobs, and ends. It has no reload that moves only what has changed:
// startOrReload restarts everything, and that is what is timed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, Peer, Setup } from './peer.ts';
import { missingPrograms } from './peer.ts';

function configure(root: string, jobs: readonly Job[]): Setup {
  const file = join(root, 'ecosystem.json');
  const apps = jobs.map(({ name, argv: [script, ...args] }) => ({
    name,
    script,
    args,
    interpreter: 'none',
    restart_delay: 0,
    out_file: join(root, `${name}.log`),
    error_file: join(root, `${name}.error`),
  }));
  writeFileSync(file, JSON.stringify({ apps }));
  return {
    daemon: ['pm2', 'start', file],
    env: { PM2_HOME: join(root, 'pm2') },
    status: ['pm2', 'jlist'],
    reload: ['pm2', 'startOrReload', file],
    endsBySignal: false,
  };
}

export const pm2: Peer = {
  name: 'pm2',
  missing: () => missingPrograms('pm2'),
  configure,
  logWays: [
    {
      name: 'raw',
      rotates: false,
      configure: (root, job) => ({
        ...configure(root, [job]),
        directory: root,
        isLog: new RegExp(`^${job.name}\\.log$`),
      }),
    },
  ],
};
