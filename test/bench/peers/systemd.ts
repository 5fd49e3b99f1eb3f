// systemd as the service manager of a user: an instance of its own (`systemd --user`), apart from the machine's. It
// refuses to run where the machine was not booted with systemd.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, Peer, Setup } from './peer.ts';
import { missingPrograms } from './peer.ts';

const MANAGER = '/lib/systemd/systemd';
const BOOTED = '/run/systemd/system';

function configure(root: string, jobs: readonly Job[]): Setup {
  const [runtime, config] = [join(root, 'runtime'), join(root, 'config')];
  const units = join(config, 'systemd/user');
  mkdirSync(units, { recursive: true });
  mkdirSync(runtime, { mode: 0o700 });
  for (const { name, argv } of jobs) {
    const lines = [
      '[Unit]',
      'StartLimitIntervalSec=0',
      '[Service]',
      `ExecStart=${argv.join(' ')}`,
      'Restart=always',
      'RestartSec=0',
      'StandardOutput=null',
    ];
    writeFileSync(join(units, `${name}.service`), `${lines.join('\n')}\n`);
  }
  const wants = jobs.map(({ name }) => `Wants=${name}.service`);
  writeFileSync(join(units, 'bench.target'), `${['[Unit]', ...wants].join('\n')}\n`);
  return {
    daemon: [MANAGER, '--user', '--unit=bench.target'],
    env: { XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: config },
    status: ['systemctl', '--user', 'list-units', '--all', '--no-pager'],
    reload: ['systemctl', '--user', 'daemon-reload'],
    endsBySignal: true,
  };
}

function missing(): string | null {
  if (!existsSync(MANAGER)) return `no ${MANAGER}`;
  if (!existsSync(BOOTED)) return `the machine was not booted with it (no ${BOOTED})`;
  return missingPrograms('systemctl');
}

export const systemd: Peer = { name: 'systemd', missing, configure, logWays: [] };
