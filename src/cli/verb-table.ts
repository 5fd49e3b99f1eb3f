// Every verb and option of the command line. Data only: it is read at each start, so nothing here computes.
import type { OptionSpec, VerbSpec } from './verb-spec.ts';

const JSON_OPTION: OptionSpec = { long: '--json', help: 'print JSON for programs' };
const WAITING: readonly OptionSpec[] = [
  { long: '--no-wait', help: 'ask for it and return at once' },
  {
    long: '--timeout',
    value: 'DURATION',
    help: 'wait at most so long, e.g. 30s (the work goes on after that)',
  },
  { long: '--json', help: 'print what happened as JSON' },
];
const UNITS_DIRECTORY: OptionSpec = {
  long: '--units',
  value: 'DIR',
  help: 'directory of the unit files (UNITD_UNITS)',
};

/** Options that every verb takes. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { long: '--socket', value: 'PATH', help: 'control socket of the daemon (UNITD_SOCKET)' },
  { long: '--runtime-dir', value: 'DIR', help: 'directory of the socket and live state (UNITD_RUNTIME_DIR)' },
  {
    long: '--color',
    value: 'WHEN',
    choices: ['auto', 'always', 'never'],
    help: 'colour the output; auto: on a terminal, unless NO_COLOR is set',
  },
];

export const VERBS: readonly VerbSpec[] = [
  {
    name: 'status',
    group: 'See',
    summary: 'what every unit is doing, or all about some',
    details:
      'Without UNIT: one line for each unit, what needs attention last, next to the summary. ' +
      'With UNIT: its whole story. Exits 0 if every wanted unit is up or has completed, 3 if not, ' +
      '4 if there is no such unit.',
    operands: ['[unit...]'],
    options: [JSON_OPTION],
    examples: [
      ['unitd status', 'the table'],
      ['unitd status web', 'the whole story of web'],
      ['unitd status --json | jq ".units[] | select(.ready | not)"', 'for programs'],
    ],
  },
  {
    name: 'logs',
    group: 'See',
    summary: 'what units wrote',
    details:
      'Prints the last 50 lines, or with --since all lines since then; rotated files included. Without UNIT: of all ' +
      'units. Several are merged by time. On a terminal each line begins with its local time; elsewhere it is the bare text.',
    operands: ['[unit...]'],
    options: [
      {
        long: '--follow',
        short: '-f',
        help: 'go on printing new lines, through restarts of unit and daemon',
      },
      { long: '--lines', short: '-n', value: 'N', help: 'the last N lines, or "all"' },
      {
        long: '--since',
        value: 'TIME',
        help: 'lines since then: 10m (ago), 2026-11-22T10:00, 10:00 (today)',
      },
      { long: '--stream', value: 'STREAM', choices: ['stdout', 'stderr'], help: 'one stream only' },
      { long: '--timestamps', short: '-t', help: 'begin each line with its full time, on a terminal or not' },
      { long: '--json', help: 'print one JSON object a line' },
    ],
    examples: [
      ['unitd logs -f', 'follow all units'],
      ['unitd logs -f web db', 'follow two units'],
      ['unitd logs web --since 10m --stream stderr', 'what went wrong lately'],
    ],
  },
  {
    name: 'events',
    group: 'See',
    summary: 'what happens, as it happens',
    details: 'On a terminal a line for eyes; into a pipe, or with --json, one JSON object a line.',
    operands: [],
    options: [
      { long: '--unit', value: 'UNIT', repeats: true, help: 'only of this unit (may be repeated)' },
      {
        long: '--type',
        value: 'TYPE',
        repeats: true,
        help: 'only of this type: state, exit, usage, removed, log, reload, daemon',
      },
      { long: '--snapshot', help: 'begin with the present state of each unit' },
      { long: '--json', help: 'JSON also on a terminal' },
    ],
    examples: [['unitd events --type state,exit --unit web', 'starts, stops and exits of web']],
  },
  {
    name: 'deps',
    group: 'See',
    summary: 'what needs what, as a tree',
    operands: ['[unit...]'],
    options: [{ long: '--reverse', short: '-r', help: 'what needs UNIT, not what UNIT needs' }, JSON_OPTION],
    examples: [
      ['unitd deps web', 'what web needs, and how that is doing'],
      ['unitd deps --reverse db', 'what needs db, and how that is doing'],
    ],
  },
  {
    name: 'show',
    group: 'See',
    summary: 'the unit as it runs, defaults filled in',
    operands: ['<unit>'],
    options: [{ long: '--json', help: 'JSON instead of YAML' }],
    examples: [['unitd show web', 'every setting of web']],
  },
  {
    name: 'wait',
    group: 'See',
    summary: 'wait until units are where they should be',
    details:
      'Exits 0 once all are, 3 when the timeout ends or a unit will not get there by itself, ' +
      '4 if there is no such unit. "stopped" also holds for a unit that completed or failed: nothing of it runs.',
    operands: ['<unit...>'],
    options: [
      {
        long: '--for',
        value: 'STATE',
        choices: ['running', 'ready', 'stopped', 'completed'],
        help: 'running, ready (default), stopped or completed',
      },
      { long: '--timeout', value: 'DURATION', help: 'give up after so long (default: never)' },
      { long: '--json', help: 'print the states that ended the wait as JSON' },
    ],
    examples: [['unitd wait db --for ready --timeout 30s && run-migrations', 'in scripts']],
  },
  {
    name: 'plan',
    group: 'Change the set',
    summary: 'what a reload would do, and why',
    details: 'Exits 0 if there is nothing to do, 2 if there are changes, 78 if unit files are not valid.',
    operands: [],
    options: [{ long: '--partial', help: 'leave out the files that are not valid' }, JSON_OPTION],
    examples: [['unitd plan', 'look before you leap']],
  },
  {
    name: 'reload',
    group: 'Change the set',
    summary: 'make the machine match the unit files',
    details:
      'All or nothing: one invalid file, and nothing changes. Exits 1 if a moved unit did not come up.',
    operands: [],
    options: [
      { long: '--dry-run', help: 'the same as "unitd plan"' },
      {
        long: '--plan',
        value: 'ID',
        help: 'apply the plan of this id, or refuse because the world has moved',
      },
      { long: '--partial', help: 'apply the files that are valid, report the rest' },
      ...WAITING,
    ],
    examples: [
      ['unitd reload', 'apply what changed'],
      ['unitd reload --plan 5f2c9b1d0a7e', 'apply just what was looked at'],
    ],
  },
  {
    name: 'start',
    group: 'Change a unit',
    summary: 'start units, and what they require',
    operands: ['<unit...>'],
    options: WAITING,
    examples: [['unitd start web worker', 'both at once, until both are up']],
  },
  {
    name: 'stop',
    group: 'Change a unit',
    summary: 'stop units and hold them stopped',
    details: 'The unit stays stopped through reloads and restarts of the daemon, until "start" or "release".',
    operands: ['<unit...>'],
    options: WAITING,
    examples: [['unitd stop web', 'until "unitd start web"']],
  },
  {
    name: 'restart',
    group: 'Change a unit',
    summary: 'stop units and start them again',
    operands: ['<unit...>'],
    options: WAITING,
    examples: [['unitd restart web --timeout 1m', 'wait at most a minute']],
  },
  {
    name: 'signal',
    group: 'Change a unit',
    summary: 'send a signal, by name or number, to the processes of a unit',
    operands: ['<unit>', '<signal>'],
    options: [
      {
        long: '--whom',
        value: 'WHOM',
        choices: ['main', 'all'],
        help: 'the main process (default) or every process of the unit',
      },
      { long: '--json', help: 'print what happened as JSON' },
    ],
    examples: [['unitd signal nginx HUP', 'reread its configuration']],
  },
  {
    name: 'release',
    group: 'Change a unit',
    summary: "end an operator's hold: the unit file decides again",
    operands: ['<unit...>'],
    options: WAITING,
    examples: [['unitd release web', 'forget an earlier stop or start']],
  },
  {
    name: 'reset',
    group: 'Change a unit',
    summary: 'forget failures: count restarts anew, try again now',
    operands: ['<unit...>'],
    options: WAITING,
    examples: [['unitd reset worker', 'after its cause was mended']],
  },
  {
    name: 'check',
    group: 'Unit files',
    summary: 'validate unit files, without a daemon',
    details:
      'Silent if all is well. A directory is checked as a whole set; of single files, a dependency that is not among ' +
      'them is a warning, because the rest of the set lies elsewhere; so are resources without their cgroup ' +
      'controller on this machine. Exits 78 on errors.',
    operands: ['[path...]'],
    options: [
      {
        long: '--insecure-permissions',
        help: 'as root: accept files that others own or may write, as the daemon does with the same option',
      },
      JSON_OPTION,
    ],
    examples: [
      ['unitd check units.d', 'a whole directory'],
      ['validate: unitd check %s', 'in an Ansible task'],
    ],
  },
  {
    name: 'schema',
    group: 'Unit files',
    summary: 'print the JSON Schema of unit files',
    operands: ['[document]'],
    options: [],
    details: 'DOCUMENT is unit (default), or what --json prints: status, plan, event, problem.',
    examples: [['unitd schema > unit.schema.json', "for an editor's completion"]],
  },
  {
    name: 'daemon',
    group: 'Daemon',
    summary: 'run the daemon',
    operands: [],
    options: [
      { long: '--detach', help: 'run in the background; returns once it answers' },
      UNITS_DIRECTORY,
      { long: '--state-dir', value: 'DIR', help: 'last good set and operator intent (UNITD_STATE_DIR)' },
      { long: '--log-dir', value: 'DIR', help: 'logs of the units (UNITD_LOG_DIR)' },
      { long: '--socket-group', value: 'GROUP', help: 'let the members of this group use the socket' },
      {
        long: '--usage-interval',
        value: 'DURATION',
        help: 'measure what units use so often (default 5s); "infinity": never',
      },
      {
        long: '--fence',
        value: 'FENCE',
        help: 'hold units by cgroup, session, or auto: by cgroup if possible (UNITD_FENCE)',
      },
      {
        long: '--insecure-permissions',
        help: 'as root: accept unit files that others own or may write (for containers)',
      },
    ],
    examples: [
      ['unitd daemon --units ./units.d', 'in the foreground'],
      ['unitd daemon --detach', 'in the background'],
    ],
  },
  {
    name: 'reexec',
    group: 'Daemon',
    summary: 'replace the daemon by the version on disk, units untouched',
    details:
      'The version on disk is tried first: one that cannot take over is refused with its reason, exit code 1, and the ' +
      'daemon goes on. Pids stay, units run on, and whoever waits for something goes on waiting.',
    operands: [],
    options: WAITING,
    examples: [['npm install -g ./unitd-0.2.0.tgz && unitd reexec', 'an upgrade']],
  },
];

export function verbNamed(name: string): VerbSpec | undefined {
  return VERBS.find((verb) => verb.name === name);
}
