// What other programs call a field of a unit file. Data only.

/** By the name in small letters, without what joins its words. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  execstart: 'command',
  exec: 'command',
  cmd: 'command',
  script: 'command',
  program: 'command',
  execstartpre: 'startPre',
  execstartpost: 'startPost',
  execstop: 'stop.command',
  execstoppost: 'stopPost',
  environmentfile: 'environmentFiles',
  envfile: 'environmentFiles',
  env: 'environment',
  cwd: 'workingDirectory',
  directory: 'workingDirectory',
  workdir: 'workingDirectory',
  workingdir: 'workingDirectory',
  dependson: 'requires',
  autostart: 'enabled',
  autorestart: 'restart.policy',
  restartsec: 'restart.delay',
  startretries: 'restart.limit',
  startlimitburst: 'restart.limit',
  startlimitinterval: 'restart.interval',
  startlimitintervalsec: 'restart.interval',
  timeoutstartsec: 'startTimeout',
  timeoutstopsec: 'stop.timeout',
  stopwaitsecs: 'stop.timeout',
  killsignal: 'stop.signal',
  stopsignal: 'stop.signal',
  runtimemaxsec: 'runtimeMax',
  limitnofile: 'limits.nofile',
};

export const ELSEWHERE_FIELDS = Object.values(ELSEWHERE);

/** The field that does here what one of this name does elsewhere; null where none is known. */
export function hereCalled(name: string): string | null {
  const plain = name.toLowerCase().replaceAll(/[_-]/g, '');
  return Object.hasOwn(ELSEWHERE, plain) ? (ELSEWHERE[plain] ?? null) : null;
}
