// supervisord (Debian: supervisor; PyPI: supervisor). It begins no work of its own accord more often than once a
// second, and so restarts in the second after an end; `startsecs=0` lets no backoff come on top.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, Peer, Setup } from './peer.ts';
import { LOG_FILE_BYTES, LOG_FILES, missingPrograms } from './peer.ts';

function configure(root: string, jobs: readonly Job[], more: readonly string[]): Setup {
  const [file, socket] = [join(root, 'supervisord.conf'), join(root, 'supervisor.sock')];
  const head = [
    '[unix_http_server]',
    `file=${socket}`,
    '[rpcinterface:supervisor]',
    'supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface',
    '[supervisorctl]',
    `serverurl=unix://${socket}`,
    '[supervisord]',
    'nodaemon=true',
    `logfile=${join(root, 'supervisord.log')}`,
    `pidfile=${join(root, 'supervisord.pid')}`,
    `childlogdir=${root}`,
    // Its floor for itself: pipes, logs and sockets of all programs.
    'minfds=16384',
  ];
  const programs = jobs.flatMap(({ name, argv }) => [
    `[program:${name}]`,
    `command=${argv.join(' ')}`,
    'autorestart=true',
    'startsecs=0',
    ...more,
  ]);
  writeFileSync(file, [...head, ...programs, ''].join('\n'));
  const control = (verb: string): readonly string[] => ['supervisorctl', '-c', file, verb];
  return {
    daemon: ['supervisord', '-c', file],
    env: {},
    status: control('status'),
    reload: control('update'),
    endsBySignal: false,
  };
}

export const supervisord: Peer = {
  name: 'supervisord',
  missing: () => missingPrograms('supervisord', 'supervisorctl'),
  configure: (root, jobs) => configure(root, jobs, []),
  logWays: [
    {
      name: 'raw',
      rotates: true,
      configure: (root, job) => ({
        ...configure(
          root,
          [job],
          [
            `stdout_logfile=${join(root, 'out.log')}`,
            `stdout_logfile_maxbytes=${LOG_FILE_BYTES}`,
            `stdout_logfile_backups=${LOG_FILES}`,
          ],
        ),
        directory: root,
        isLog: /^out\.log/,
      }),
    },
  ],
};
