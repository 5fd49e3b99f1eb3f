// dinit, as a user's service manager (`--user`): a service `boot` that waits for all others.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, Peer, Setup } from './peer.ts';
import { missingPrograms } from './peer.ts';

function configure(root: string, jobs: readonly Job[], more: readonly string[]): Setup {
  const [services, socket] = [join(root, 'dinit.d'), join(root, 'dinit.sock')];
  mkdirSync(services);
  for (const { name, argv } of jobs) {
    const lines = [
      'type = process',
      `command = ${argv.join(' ')}`,
      'restart = true',
      // Without it the dependants, here `boot`, go down before the restart.
      'smooth-recovery = true',
      'restart-delay = 0',
      'restart-limit-count = 0',
      ...more,
    ];
    writeFileSync(join(services, name), `${lines.join('\n')}\n`);
  }
  const boot = ['type = internal', ...jobs.map(({ name }) => `waits-for = ${name}`)];
  writeFileSync(join(services, 'boot'), `${boot.join('\n')}\n`);
  return {
    daemon: ['dinit', '--user', '--services-dir', services, '--socket-path', socket, '--quiet'],
    env: {},
    status: ['dinitctl', '--socket-path', socket, 'list'],
    reload: null,
    endsBySignal: true,
  };
}

export const dinit: Peer = {
  name: 'dinit',
  missing: () => missingPrograms('dinit', 'dinitctl'),
  configure: (root, jobs) => configure(root, jobs, []),
  logWays: [
    {
      name: 'raw, by the child itself',
      rotates: false,
      configure: (root, job) => ({
        ...configure(root, [job], [`logfile = ${join(root, 'out.log')}`]),
        directory: root,
        isLog: /^out\.log$/,
      }),
    },
  ],
};
