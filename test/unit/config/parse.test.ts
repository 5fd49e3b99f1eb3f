import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUnit } from '../../../src/config/parse.ts';
import { problemLine } from '../../../src/model/problem.ts';

function parse(content: string | Uint8Array) {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return parseUnit({ name: 'web', file: 'web.yaml', bytes });
}

/** Problems without what each begins with: `LINE:COLUMN text`. */
function linesOf(content: string | Uint8Array): readonly string[] {
  const { spec, problems } = parse(content);
  if (problems.length > 0) assert.equal(spec, null);
  return problems.map((problem) =>
    problemLine(problem).replace(/^web\.yaml:(.*?):? cannot load unit "web":/, '$1'),
  );
}

test('parseUnit() words a problem as FILE:LINE:COLUMN, unit, field, actual value and what was expected', () => {
  const { spec, problems } = parse('command: /bin/true\nrestart:\n  delay: 5\n');
  assert.equal(spec, null);
  assert.deepEqual(problems, [
    {
      severity: 'error',
      unit: 'web',
      file: 'web.yaml',
      line: 3,
      column: 10,
      field: 'restart.delay',
      code: 'wrong-type',
      message:
        'cannot load unit "web": restart.delay is 5, expected a duration such as "250ms", "5s" or "1m30s"',
    },
  ]);
});

interface Row {
  readonly title: string;
  readonly file: string | Uint8Array;
  readonly lines: readonly string[];
}

const COMMAND = 'expected a string such as "/usr/bin/node server.js" or a list of words';
const NAME = 'expected the name of a unit: letters, digits, . _ and -, beginning with a letter or digit';

const files: readonly Row[] = [
  { title: 'an empty file', file: '', lines: ['1:1 the file is empty, expected a mapping of fields'] },
  {
    title: 'a file of comments',
    file: '# a\n',
    lines: ['1:1 the file is empty, expected a mapping of fields'],
  },
  { title: 'null', file: '~\n', lines: ['1:1 the file is empty, expected a mapping of fields'] },
  { title: 'a list', file: '- a\n', lines: ['1:1 the file holds a list, expected a mapping of fields'] },
  { title: 'a word', file: 'a b\n', lines: ['1:1 the file holds "a b", expected a mapping of fields'] },
  {
    title: 'two documents',
    file: '---\ncommand: a\n---\ncommand: b\n',
    lines: ['3:1 the file has a second document, expected one'],
  },
  {
    title: 'a second document after ...',
    file: 'command: a\n...\nuser: b\n',
    lines: ['3:1 the file has a second document, expected one'],
  },
  {
    title: 'a tab as indentation',
    file: 'restart:\n\tdelay: 5s\n',
    lines: [
      '2:1 YAML does not parse here: tab characters must not be used in indentation, expected valid YAML 1.2',
    ],
  },
  {
    title: 'an open bracket',
    file: 'requires: [a\ncommand: x\n',
    lines: [
      '2:1 YAML does not parse here: a quote or bracket is still open, expected its closing one before this line',
    ],
  },
  {
    title: 'an open quote',
    file: 'command: "x\nuser: b\n',
    lines: [
      '2:1 YAML does not parse here: a quote or bracket is still open, expected its closing one before this line',
    ],
  },
  {
    title: 'a colon in a value',
    file: 'description: note: this\ncommand: x\n',
    lines: [
      '1:18 YAML does not parse here: the value has a colon and a blank in it, expected quotes around the value',
    ],
  },
  {
    title: 'more behind a quoted value',
    file: 'command: "/opt/my program" --port 80\n',
    lines: [
      '1:28 YAML does not parse here: the value goes on behind its closing quote, expected quotes around the whole value',
    ],
  },
  {
    title: 'a value that begins with a reserved sign',
    file: 'command: x\nuser: @web\n',
    lines: ['2:7 YAML does not parse here: the value begins with @, expected quotes around the value'],
  },
  {
    title: 'a field that is set in too far',
    file: 'command: x\n restart:\n  delay: 5s\n',
    lines: ['2:9 YAML does not parse here: bad indentation of a mapping entry, expected valid YAML 1.2'],
  },
  {
    title: 'deep nesting',
    file: '['.repeat(40),
    lines: ['1:32 nested more than 32 deep, expected a flat file'],
  },
  {
    title: 'too large a file',
    file: new Uint8Array(1024 * 1024 + 1).fill(0x23),
    lines: [' the file has more than 1048576 bytes, expected at most that'],
  },
  {
    title: 'Latin-1',
    file: Uint8Array.of(0x23, 0xc3, 0xa9, 0x0a, 0x61, 0x3a, 0x20, 0xe9, 0x0a),
    lines: ['2:4 byte 0xe9 is not UTF-8, expected a file in UTF-8'],
  },
  {
    title: 'UTF-8 that is cut off',
    file: Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0x3a, 0x20, 0xc3),
    lines: ['1:4 byte 0xc3 is not UTF-8, expected a file in UTF-8'],
  },
  { title: 'a NUL byte', file: 'a: b\nc: d\0\n', lines: ['2:5 the file has a NUL byte, expected text'] },
  {
    title: 'an escaped NUL',
    file: 'command: "a\\0b"\n',
    lines: ['1:10 command has a NUL character, expected text without one'],
  },
];

const yaml: readonly Row[] = [
  {
    title: 'duplicate keys, at every level',
    file: 'command: a\nstop:\n  signal: INT\n  signal: TERM\ncommand: b\n',
    lines: [
      '4:3 stop.signal is set again, first on line 3, expected each key once',
      '5:1 command is set again, first on line 1, expected each key once',
    ],
  },
  {
    title: 'keys that are words of JavaScript',
    file: '__proto__: {enabled: false}\nconstructor: x\ncommand: a\nenvironment: {prototype: x}\n',
    lines: [
      '1:1 __proto__ is a reserved word of JavaScript, expected another name',
      '2:1 constructor is a reserved word of JavaScript, expected another name',
      '4:15 environment.prototype is a reserved word of JavaScript, expected another name',
    ],
  },
  {
    title: 'a merge key',
    file: 'command: a\nstop: {<<: {signal: INT}}\n',
    lines: ['2:8 stop."<<" is a merge key, expected the fields written out: YAML 1.2 has no merge'],
  },
  {
    title: 'keys that are no names',
    file: '? [a]\n: 1\ncommand: a\n',
    lines: ['1:3 the file has a list as a key, expected a name'],
  },
  {
    title: 'an unknown alias',
    file: 'command: *run\n',
    lines: ['1:10 command is the unknown alias *run, expected an anchor &run that ends before it'],
  },
  {
    title: 'an alias of what holds it',
    file: 'command: &run [a, *run]\n',
    lines: [
      '1:19 command[1] is the alias *run of what holds it, expected an anchor &run that ends before it',
    ],
  },
  {
    title: 'aliases that expand without bound',
    file: 'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d]\n',
    lines: ['5:8 the file has more than 20000 values once aliases are written out, expected fewer'],
  },
  {
    title: 'tags beyond the core schema',
    file: 'command: !!js/function x\nnice: !!int five\nuser: !me x\n',
    lines: [
      '1:10 command has the tag !!js/function, expected a plain value: tags beyond the core schema are not read',
      '2:7 nice has the tag !!int, expected a plain value: tags beyond the core schema are not read',
      '3:7 user has the tag !me, expected a plain value: tags beyond the core schema are not read',
    ],
  },
];

const fields: readonly Row[] = [
  {
    title: 'unknown fields, near and far from known ones',
    file: 'command: a\nEnabled: true\nfoobar: 1\nrestart: {dely: 5s, foobar: 1}\nlimits: {nofiles: 1}\n',
    lines: [
      '2:1 Enabled is not a known field, did you mean enabled?',
      '3:1 foobar is not a known field, expected a field that unitd.unit(5) lists',
      '4:11 restart.dely is not a known field, did you mean delay?',
      '4:21 restart.foobar is not a known field, expected one of policy, delay, factor, maxDelay, jitter, resetAfter, limit, interval, preventExitStatus, forceExitStatus',
      '5:10 limits.nofiles is not a known field, did you mean nofile?',
    ],
  },
  {
    title: 'fields that are called otherwise elsewhere',
    file: 'execstart: a\ndepends_on: [b]\nworkingdir: /srv\nTimeoutStopSec: 5\n',
    lines: [
      '1:1 execstart is not a known field, did you mean command?',
      '2:1 depends_on is not a known field, did you mean requires?',
      '3:1 workingdir is not a known field, did you mean workingDirectory?',
      '4:1 TimeoutStopSec is not a known field, did you mean stop.timeout?',
    ],
  },
  {
    title: 'fields that do here the opposite of what one of such a name does elsewhere',
    file: 'command: a\nrequiredBy: [b]\nunsetEnvironment: [HOME]\n',
    lines: [
      '2:1 requiredBy is not a known field, expected a field that unitd.unit(5) lists',
      '3:1 unsetEnvironment is not a known field, expected a field that unitd.unit(5) lists',
    ],
  },
  {
    title: 'fields of a field that are called otherwise elsewhere',
    file: 'command: a\nstop: {killSignal: INT, timeoutStopSec: 5s}\nrestart: {restartSec: 5s, killSignal: INT}\n',
    lines: [
      '2:8 stop.killSignal is not a known field, did you mean signal?',
      '2:25 stop.timeoutStopSec is not a known field, did you mean timeout?',
      '3:11 restart.restartSec is not a known field, did you mean delay?',
      '3:27 restart.killSignal is not a known field, expected one of policy, delay, factor, maxDelay, jitter, resetAfter, limit, interval, preventExitStatus, forceExitStatus',
    ],
  },
  {
    title: 'fields of a field that are not set in',
    file: 'command: a\nrestart:\ndelay: 5s\nmemoryMax: 1GiB\n',
    lines: [
      '2:1 restart is empty, expected a mapping such as {policy: on-failure, delay: 5s}',
      '3:1 delay is not a known field, did you mean restart.delay?',
      '4:1 memoryMax is not a known field, did you mean resources.memoryMax?',
    ],
  },
  {
    title: 'two letters in each other’s place',
    file: 'command: a\nnise: 1\nniec: 1\nrestart: {delya: 5s, edlay: 5s, leday: 5s}\n',
    lines: [
      '2:1 nise is not a known field, did you mean nice?',
      '3:1 niec is not a known field, did you mean nice?',
      '4:11 restart.delya is not a known field, did you mean delay?',
      '4:22 restart.edlay is not a known field, did you mean delay?',
      '4:33 restart.leday is not a known field, expected one of policy, delay, factor, maxDelay, jitter, resetAfter, limit, interval, preventExitStatus, forceExitStatus',
    ],
  },
  {
    title: 'a misspelt command, once',
    file: 'comand: a\n',
    lines: ['1:1 comand is not a known field, did you mean command?'],
  },
  {
    title: 'a missing command',
    file: '# web\ntype: oneshot\n',
    lines: ['2:1 command is missing, expected the command to run, or type: target'],
  },
  {
    title: 'process fields on a target',
    file: 'type: target\ncommand: a\nrestart: {delay: 5}\nrequires: [db]\n',
    lines: [
      '2:1 command is set on a target, which runs no process, expected type service, forking or oneshot',
      '3:1 restart is set on a target, which runs no process, expected type service, forking or oneshot',
      '3:18 restart.delay is 5, expected a duration such as "250ms", "5s" or "1m30s"',
    ],
  },
  {
    title: 'an unknown type, once',
    file: 'type: servce\n',
    lines: ['1:7 type is "servce", expected service, forking, oneshot or target, did you mean service?'],
  },
  {
    title: 'values of other types',
    file: 'description:\nenabled: yes\ncommand: {a: b}\nenvironment: {PORT: 8080, DEBUG: true, L: [a]}\nuser: [a]\numask: 0027\nnice: 1.5\nstartPre: /bin/a\nstop:\nlogs: 5\n',
    lines: [
      '1:1 description is empty, expected one line of text',
      '2:10 enabled is "yes", expected true or false',
      `3:10 command is a mapping, ${COMMAND}`,
      '4:21 environment.PORT is 8080, expected a string: "8080" in quotes',
      '4:34 environment.DEBUG is true, expected a string: "true" in quotes',
      '4:43 environment.L is a list, expected a string',
      '5:7 user is a list, expected the name of a user, or an id of at most 4294967294',
      '6:8 umask is 0027, expected octal digits in quotes, such as "0027"',
      '7:7 nice is 1.5, expected a whole number from -20 to 19',
      '8:11 startPre is "/bin/a", expected a list of commands',
      '9:1 stop is empty, expected a mapping such as {signal: TERM, timeout: 10s}',
      '10:7 logs is 5, expected a mapping such as {maxSize: 10MB, maxFiles: 5}',
    ],
  },
  {
    title: 'values out of range or out of form',
    file: [
      'description: "a\\nb"',
      'documentation: [example.org]',
      'command: a',
      'environment: {1A: x}',
      'environmentFiles: [etc/a]',
      'workingDirectory: srv',
      'user: "a:b"',
      'umask: "0888"',
      'limits: {nofile: "a:b", core: -1, cpu: 1h}',
      'nice: 20',
      'oomScoreAdjust: -1001',
      'startTimeout: 5 s',
      'successExitStatus: [256, Term, {}]',
      'restart: {policy: allways, factor: 0.5, jitter: 2, limit: -1}',
      'stop: {signal: SIGTERMINATE, timeout: 10, killMode: all}',
      'logs: {maxSize: 10M, maxAge: 1w, maxFiles: 1e9}',
    ].join('\n'),
    lines: [
      '1:14 description is "a\\nb", expected one line of text',
      '2:17 documentation[0] is "example.org", expected an http, https, file, info or man URI',
      '4:15 environment.1A is not a valid name, expected a name of letters, digits and _ that does not begin with a digit',
      '5:20 environmentFiles[0] is "etc/a", expected an absolute path, with a leading - if the file may be missing',
      '6:19 workingDirectory is "srv", expected an absolute path',
      '7:7 user is "a:b", expected the name of a user, or an id of at most 4294967294',
      '8:8 umask is "0888", expected octal digits in quotes, such as "0027"',
      '9:18 limits.nofile is "a:b", expected a whole number of at most 999999999999999, unlimited, or "soft:hard" such as "1024:524288"',
      '9:31 limits.core is -1, expected a whole number of at most 999999999999999, unlimited, or "soft:hard" such as "1024:524288"',
      '9:40 limits.cpu is "1h", expected a whole number of at most 999999999999999, unlimited, or "soft:hard" such as "1024:524288"',
      '10:7 nice is 20, expected a whole number from -20 to 19',
      '11:17 oomScoreAdjust is -1001, expected a whole number from -1000 to 1000',
      '12:15 startTimeout is "5 s", expected a duration such as "250ms", "5s", "1m30s" or infinity',
      '13:21 successExitStatus[0] is 256, expected an exit code from 0 to 255 or the name of a signal such as SIGTERM',
      '13:26 successExitStatus[1] is "Term", expected an exit code from 0 to 255 or the name of a signal such as SIGTERM',
      '13:32 successExitStatus[2] is a mapping, expected an exit code from 0 to 255 or the name of a signal such as SIGTERM',
      '14:19 restart.policy is "allways", expected no, always, on-success, on-failure, on-abnormal or on-abort, did you mean always?',
      '14:36 restart.factor is 0.5, expected a number from 1 to 1000',
      '14:49 restart.jitter is 2, expected a number from 0 to 1',
      '14:59 restart.limit is -1, expected a whole number from 0 to 1000000',
      '15:16 stop.signal is "SIGTERMINATE", expected the name of a signal such as TERM, SIGTERM or SIGRTMIN+3',
      '15:39 stop.timeout is 10, expected a duration such as "250ms", "5s", "1m30s" or infinity',
      '15:53 stop.killMode is "all", expected control-group, mixed, process or none',
      '16:17 logs.maxSize is "10M", expected a size such as "10MB" (10^6) or "10MiB" (2^20)',
      '16:30 logs.maxAge is "1w", expected a duration such as "250ms", "5s", "1m30s" or infinity',
      '16:44 logs.maxFiles is 1e9, expected a whole number from 0 to 10000',
    ],
  },
  {
    title: 'commands that are none',
    file: `command: -/bin/a\nstartPre: ["a 'b", "-", [], ["", x], [3], "  "]\nstop: {command: "a \\"b"}\n`,
    lines: [
      '1:10 command begins with -, expected a program: only the failure of other commands can be passed over',
      "2:12 startPre[0] has an open single quote at character 3, expected a closing '",
      '2:20 startPre[1] begins with the word "-", expected a program to run',
      `2:25 startPre[2] is an empty list, ${COMMAND}`,
      '2:29 startPre[3] begins with the word "", expected a program to run',
      '2:39 startPre[4][0] is 3, expected a string: "3" in quotes',
      '2:43 startPre[5] has no words, expected a program to run',
      '3:17 stop.command has an open double quote at character 3, expected a closing "',
    ],
  },
  {
    title: 'commands without a program',
    file: `command: "a 'b"\nstartPre: ["-", ["", x], "  ", "'- x'"]\n`,
    lines: [
      "1:10 command has an open single quote at character 3, expected a closing '",
      '2:12 startPre[0] begins with the word "-", expected a program to run',
      '2:17 startPre[1] begins with the word "", expected a program to run',
      '2:26 startPre[2] has no words, expected a program to run',
    ],
  },
  {
    title: 'names in dependencies that are no names',
    file: 'command: a\nrequires: [../x, 5]\nafter: db\n',
    lines: [
      `2:12 requires[0] is "../x", ${NAME}`,
      `2:18 requires[1] is 5, ${NAME}`,
      '3:8 after is "db", expected a list of unit names such as [db]',
    ],
  },
];

const crossed: readonly Row[] = [
  {
    title: 'a oneshot that would run for ever',
    file: 'type: oneshot\ncommand: a\nruntimeMax: 1d\nrestart: {policy: on-success}\n',
    lines: [
      '3:13 runtimeMax is set on a oneshot, expected startTimeout, which limits its run',
      '4:19 restart.policy is on-success on a oneshot, expected no, on-failure, on-abnormal or on-abort: a oneshot that ended cleanly is done',
    ],
  },
  {
    title: 'a delay above maxDelay',
    file: 'command: a\nrestart: {delay: 2m}\n',
    lines: ['2:18 restart.delay is 2m, expected at most restart.maxDelay, 1m'],
  },
  {
    title: 'durations of nothing and beyond numbers, and a log of nothing',
    file: 'command: a\nstartTimeout: 0s\nrestart: {interval: 0s, resetAfter: 999999999999d}\nlogs: {maxSize: 10B}\n',
    lines: [
      '2:15 startTimeout is "0s", expected more than 0s',
      '3:21 restart.interval is "0s", expected more than 0s',
      '3:37 restart.resetAfter is "999999999999d", expected at most 104249991d',
      '4:17 logs.maxSize is "10B", expected at least 1kB',
    ],
  },
  {
    title: 'a unit that names itself, and a name twice',
    file: 'command: a\nafter: [web]\nrequires: [db, db]\n',
    lines: [
      '2:9 after[0] names the unit itself, expected another unit',
      '3:16 requires[1] repeats requires[0] ("db"), expected each item once',
    ],
  },
  ...['requires', 'wants', 'requisite', 'bindsTo', 'upholds'].map((field) => ({
    title: `a unit that it conflicts with in ${field}`,
    file: `command: a\n${field}: [db]\nconflicts: [db]\n`,
    lines: [`3:13 conflicts[0] names db, as does ${field}, expected it in one of them`],
  })),
  {
    title: 'lists that say a thing twice',
    file: 'command: a\nsuccessExitStatus: [TERM, 3, SIGTERM]\nsupplementaryGroups: [33, "33"]\nenvironmentFiles: [/a, /a]\n',
    lines: [
      '2:30 successExitStatus[2] repeats successExitStatus[0] ("SIGTERM"), expected each item once',
      '3:27 supplementaryGroups[1] repeats supplementaryGroups[0] ("33"), expected each item once',
      '4:24 environmentFiles[1] repeats environmentFiles[0] ("/a"), expected each item once',
    ],
  },
  {
    title: 'numbers of users and groups that nobody can have, in quotes too',
    file: [
      'command: a',
      "user: '4294967295'",
      'group: 4294967295',
      "supplementaryGroups: ['4294967294', '004294967296', '+0']",
      '',
    ].join('\n'),
    lines: [
      '2:7 user is "4294967295", expected the name of a user, or an id of at most 4294967294',
      '3:8 group is 4294967295, expected the name of a group, or an id of at most 4294967294',
      '4:37 supplementaryGroups[1] is "004294967296", expected the name of a group, or an id of at most 4294967294',
      '4:53 supplementaryGroups[2] is "+0", expected the name of a group, or an id of at most 4294967294',
    ],
  },
  {
    title: 'a soft limit above the hard one',
    file: 'command: a\nlimits: {nofile: "10:5", core: "unlimited:0"}\n',
    lines: [
      '2:18 limits.nofile is "10:5", expected a soft limit not above the hard limit',
      '2:32 limits.core is "unlimited:0", expected a soft limit not above the hard limit',
    ],
  },
  {
    title: 'limits that no number says, and too few open files to load a program',
    file: 'command: a\nlimits: {nofile: "3:1024", as: 9007199254740991}\n',
    lines: [
      '2:18 limits.nofile is "3:1024", expected at least 4, without which no program can load its libraries',
      '2:32 limits.as is 9007199254740991, expected a whole number of at most 999999999999999, unlimited, or "soft:hard" such as "1024:524288"',
    ],
  },
  {
    title: 'resources that are none',
    file: [
      'command: a',
      'resources:',
      '  memoryMax: 512',
      '  memoryHigh: 999kB',
      '  cpuMax: 1.5',
      '  cpuWeight: 0',
      '  tasksMax: 0',
      '  ioWeight: 10001',
      '  memory: 1GB',
      '',
    ].join('\n'),
    lines: [
      '3:14 resources.memoryMax is 512, expected a size such as "10MB" (10^6) or "10MiB" (2^20)',
      '4:15 resources.memoryHigh is "999kB", expected at least 1MB',
      '5:11 resources.cpuMax is 1.5, expected whole percents of one processor such as "50%" or "150%"',
      '6:14 resources.cpuWeight is 0, expected a whole number from 1 to 10000',
      '7:13 resources.tasksMax is 0, expected a whole number from 1 to 4194304',
      '8:13 resources.ioWeight is 10001, expected a whole number from 1 to 10000',
      '9:3 resources.memory is not a known field, expected one of memoryMax, memoryHigh, cpuMax, cpuWeight, tasksMax, ioWeight',
    ],
  },
  {
    title: 'a memoryHigh above memoryMax',
    file: 'command: a\nresources: {memoryMax: 1GB, memoryHigh: 1GiB}\n',
    lines: ['2:41 resources.memoryHigh is 1GiB, expected at most resources.memoryMax, 1GB'],
  },
  {
    title: 'faults of all kinds at once, in the order of the file',
    file: 'comand: a\ncommand: "b \'c"\nafter: [web]\nafter: [x]\nnice: high\nuser: *x\n',
    lines: [
      '1:1 comand is not a known field, did you mean command?',
      "2:10 command has an open single quote at character 3, expected a closing '",
      '3:9 after[0] names the unit itself, expected another unit',
      '4:1 after is set again, first on line 3, expected each key once',
      '5:7 nice is "high", expected a whole number from -20 to 19',
      '6:7 user is the unknown alias *x, expected an anchor &x that ends before it',
    ],
  },
];

for (const { title, file, lines } of [...files, ...yaml, ...fields, ...crossed]) {
  test(`parseUnit() refuses ${title}`, () => {
    assert.deepEqual(linesOf(file), lines);
  });
}

test('parseUnit() accepts a byte-order mark, and does not count it as a column', () => {
  assert.equal(parse('\ufeffcommand: /bin/true\n').spec?.command?.argv[0], '/bin/true');
  assert.deepEqual(linesOf('\ufeffnice: 99\r\ncommand: a\r\n'), [
    '1:7 nice is 99, expected a whole number from -20 to 19',
  ]);
});

test('parseUnit() reports the first hundred problems and counts the rest', () => {
  const { problems } = parse(`command: a\nafter: [${'5,'.repeat(150)}]\n`);
  assert.equal(problems.length, 101);
  assert.equal(
    problems.at(-1)?.message,
    'cannot load unit "web": has 50 more problems from here on, expected a unit file',
  );
});

for (const [title, text] of [
  ['nested flow pairs', `command: a\nx: [${'{a: 1},'.repeat(140_000)}]`],
  ['short items of wrong type', `command: a\nstartPre: [${'[],'.repeat(300_000)}]`],
  ['keys', `command: a\n${Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n')}`],
  ['open braces', '{'.repeat(1_000_000)],
  ['open pairs', '? '.repeat(500_000)],
  ['bad items just under the bound', `command: a\nstartPre: [${'5,'.repeat(19_000)}]`],
] as const) {
  test(`parseUnit() answers for a file of a megabyte of ${title}`, { timeout: 20_000 }, () => {
    assert.ok(text.length <= 1024 * 1024);
    assert.ok(linesOf(text).length > 0);
  });
}
