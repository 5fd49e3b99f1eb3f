// What other programs call a field of a unit file. Data only.

/** By the name in small letters, without what joins its words; null: nothing here does that, whatever looks alike. */
const ELSEWHERE: Readonly<Record<string, string | null>> = {
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
  requiredby: null,
  passenvironment: null,
  unsetenvironment: null,
};

export const ELSEWHERE_FIELDS = Object.values(ELSEWHERE).filter((field) => field !== null);

/** The field that does here what one of this name does elsewhere; null: none does; undefined: not known elsewhere. */
export function hereCalled(name: string): string | null | undefined {
  const plain = name.toLowerCase().replaceAll(/[_-]/g, '');
  return Object.hasOwn(ELSEWHERE, plain) ? ELSEWHERE[plain] : undefined;
}
