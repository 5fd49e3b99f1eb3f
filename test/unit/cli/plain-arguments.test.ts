import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_COLOURS } from '../../../src/cli/palette.ts';
import { plainInvocation } from '../../../src/cli/plain-arguments.ts';
import { readArguments } from '../../../src/cli/program.ts';
import type { Reading } from '../../../src/cli/program.ts';
import { GLOBAL_OPTIONS, VERBS } from '../../../src/cli/verb-table.ts';
import { ELSEWHERE_NAMES, unknownVerb } from '../../../src/cli/usage-errors.ts';
import { either, valuesOf } from '../../../src/cli/verb-spec.ts';
import type { Invocation } from '../../../src/cli/verb-spec.ts';

function read(...argv: readonly string[]): Reading {
  return readArguments(argv, '1.2.3', { width: 80, palette: NO_COLOURS });
}

function invocationOf(...argv: readonly string[]): Invocation {
  const reading = read(...argv);
  assert.equal(reading.kind, 'invocation', JSON.stringify(reading));
  return reading.kind === 'invocation' ? reading.invocation : assert.fail();
}

test('plainInvocation() reads what it reads as commander does', () => {
  const words = fc.oneof(
    fc.constantFrom(...VERBS.map(({ name }) => name)),
    fc.constantFrom(...[...GLOBAL_OPTIONS, ...VERBS.flatMap(({ options }) => options)].flatMap(flagsOf)),
    fc.constantFrom(
      'web',
      'db',
      '30s',
      'HUP',
      '--',
      '-',
      '-fn',
      '--json=1',
      '--nope',
      '',
      '--help',
      '-n5',
      'ready',
    ),
  );
  fc.assert(
    fc.property(fc.constantFrom(...VERBS), fc.array(words, { maxLength: 5 }), (verb, rest) => {
      const argv = [verb.name, ...rest];
      const plain = plainInvocation(argv);
      if (plain === null) return;
      assert.deepEqual(normal(plain), normal(invocationOf(...argv)));
    }),
    { numRuns: 3000 },
  );

  function flagsOf({ long, short }: { long: string; short?: string }): readonly string[] {
    return short === undefined ? [long] : [long, short];
  }
  function normal({ verb, operands, options }: Invocation): unknown {
    return { verb, operands: [...operands], options: { ...options } };
  }
});

test('plainInvocation() reads the everyday command lines', () => {
  assert.deepEqual(plainInvocation(['status']), { verb: 'status', operands: [], options: {} });
  assert.deepEqual(plainInvocation(['status', '--json']), {
    verb: 'status',
    operands: [],
    options: { json: true },
  });
  assert.deepEqual(plainInvocation(['logs', 'web', '-f', '-n', '5']), {
    verb: 'logs',
    operands: ['web'],
    options: { follow: true, lines: '5' },
  });
  assert.deepEqual(plainInvocation(['stop', 'a', 'b', '--no-wait']), {
    verb: 'stop',
    operands: ['a', 'b'],
    options: { 'no-wait': true },
  });
});

for (const argv of [
  [],
  ['nonsense'],
  ['--json', 'status'],
  ['status', '--jso'],
  ['status', '--help'],
  ['show'],
  ['plan', 'web'],
  ['signal', 'web'],
  ['signal', 'web', 'HUP', 'more'],
  ['logs', 'web', '-n'],
  ['logs', 'web', '--stream', 'stdin'],
  ['events', '--unit', 'web'],
  ['logs', 'web', '--', '-x'],
]) {
  test(`plainInvocation() leaves "${argv.join(' ')}" to commander`, () =>
    assert.equal(plainInvocation(argv), null));
}

test('readArguments() takes global options before and after the verb', () => {
  assert.equal(invocationOf('--socket', '/s', 'status').options['socket'], '/s');
  assert.equal(invocationOf('status', '--socket', '/s').options['socket'], '/s');
});

test('readArguments() collects an option that repeats', () => {
  const invocation = invocationOf('events', '--unit', 'a', '--unit', 'b,c', '--type', 'exit');
  assert.deepEqual(valuesOf(invocation, 'unit'), ['a', 'b', 'c']);
  assert.deepEqual(valuesOf(invocation, 'type'), ['exit']);
});

test('readArguments() passes what follows -- as operands', () => {
  assert.deepEqual(invocationOf('logs', '-f', '--', '-odd').operands, ['-odd']);
});

for (const [argv, sentence] of [
  [['stats'], 'cannot run verb "stats": no such verb, did you mean status?'],
  [['help', '--', 'stats'], 'cannot run verb "stats": no such verb, did you mean status?'],
  [['help', 'stats'], 'cannot run verb "stats": no such verb, did you mean status?'],
  [['help', '-x'], 'cannot run verb "help": option "-x" is given, expected unitd help [VERB]'],
  [['help', 'logs', '-f'], 'cannot run verb "help": option "-f" is given, expected unitd help [VERB]'],
  [
    ['help', '--json', 'status'],
    'cannot run verb "help": option "--json" is given, expected unitd help [VERB]',
  ],
  [['STATUS'], 'cannot run verb "STATUS": no such verb, did you mean status?'],
  [['ps'], 'cannot run verb "ps": no such verb, expected status'],
  [['kill', 'web'], 'cannot run verb "kill": no such verb, expected signal UNIT SIGNAL, or stop UNIT'],
  [
    ['help', 'xyzzy'],
    `cannot run verb "xyzzy": no such verb, expected ${either(VERBS.map(({ name }) => name))}`,
  ],
  [['status', '--jsn'], 'cannot read option "--jsn" of verb "status": no such option, did you mean --json?'],
  [
    ['--nope'],
    'cannot read option "--nope": no such option, expected --socket, --runtime-dir, --color, --help or --version',
  ],
  [['-v'], 'cannot read option "-v": no such option, did you mean -V?'],
  [['--hlep'], 'cannot read option "--hlep": no such option, did you mean --help?'],
  [['logs', '-F', 'web'], 'cannot read option "-F" of verb "logs": no such option, did you mean -f?'],
  [['logs', '-5', 'web'], 'cannot read option "-5" of verb "logs": no such option, did you mean -n 5?'],
  [
    ['logs', 'web', '-20', '-f'],
    'cannot read option "-20" of verb "logs": no such option, did you mean -n 20?',
  ],
  [['sotp', 'web'], 'cannot run verb "sotp": no such verb, did you mean stop?'],
  [
    ['quit'],
    'cannot run verb "quit": no such verb, expected stop UNIT, or SIGTERM for the daemon, which stops all',
  ],
  [['--json', 'status'], 'cannot read option "--json": it stands before the verb, expected it behind that'],
  [['-n5', 'logs', 'web'], 'cannot read option "-n5": it stands before the verb, expected it behind that'],
  [
    ['logs', 'web', '--follow=true'],
    'cannot read option "--follow=true" of verb "logs": it takes no value, expected --follow',
  ],
  [['show'], 'cannot run verb "show": UNIT is missing, expected unitd show UNIT'],
  [['plan', 'web'], 'cannot run verb "plan": 1 operand is given, expected unitd plan'],
  [
    ['signal', 'a', 'b', 'c'],
    'cannot run verb "signal": 3 operands are given, expected unitd signal UNIT SIGNAL',
  ],
  [
    ['logs', 'web', '--stream', 'stdin'],
    'cannot read --stream "stdin": no such choice, expected stdout or stderr',
  ],
  [['status', '--color', 'x'], 'cannot read --color "x": no such choice, expected auto, always or never'],
  [
    ['stop', 'web', '--runtime-dir', ''],
    'cannot read --runtime-dir "": it is empty, expected --runtime-dir DIR',
  ],
  [['--socket=', 'status'], 'cannot read --socket "": it is empty, expected --socket PATH'],
  [['logs', 'web', '-n', ''], 'cannot read --lines "": it is empty, expected --lines N'],
  [['status', '--color', ''], 'cannot read --color "": no such choice, expected auto, always or never'],
  [['logs', 'web', '-n'], 'cannot read --lines: it has no value, expected --lines N'],
] as const) {
  test(`readArguments() answers "${argv.join(' ')}" with exit code 64, one sentence, and where to look`, () => {
    const reading = read(...argv);
    assert.ok(reading.kind === 'text');
    assert.equal(reading.exitCode, 64);
    assert.equal(reading.stdout, '');
    const [first, second, ...rest] = reading.stderr.split('\n');
    assert.equal(first, `unitd: ${sentence}`);
    assert.match(second ?? '', /^ {2}see: unitd help/);
    assert.deepEqual(rest, ['']);
  });
}

test('readArguments() answers an empty command line with its help on stderr and exit code 64', () => {
  const reading = read();
  assert.ok(reading.kind === 'text');
  assert.deepEqual([reading.exitCode, reading.stdout], [64, '']);
  assert.match(reading.stderr, /^Usage: unitd VERB/);
});

test('unknownVerb() names only verbs and options that there are', () => {
  for (const name of ELSEWHERE_NAMES) {
    const [, expected = ''] = /, expected (.*)$/.exec(unknownVerb(name)) ?? [];
    const verbs = [...expected.matchAll(/(?:unitd |^|, or )([a-z]+)(?= [A-Z-]|,|$)/g)].map(
      ([, verb]) => verb,
    );
    for (const verb of verbs)
      assert.ok(
        VERBS.some((known) => known.name === verb),
        `${name}: ${verb}`,
      );
    assert.ok(verbs.length > 0 || expected === '--version', `${name}: ${expected}`);
  }
});

for (const argv of [
  ['--help'],
  ['-h'],
  ['help'],
  ['help', 'logs'],
  ['help', 'help'],
  ['help', '--help'],
  ['help', '--color', 'never', 'logs'],
  ['help', '--', 'logs'],
  ['logs', '--help'],
  ['--version'],
  ['-V'],
]) {
  test(`readArguments() answers "${argv.join(' ')}" on stdout with exit code 0`, () => {
    const reading = read(...argv);
    assert.ok(reading.kind === 'text');
    assert.equal(reading.exitCode, 0);
    assert.equal(reading.stderr, '');
    assert.notEqual(reading.stdout, '');
  });
}

test('readArguments() lists every verb in its help, and every option of a verb in its own', () => {
  const help = read('--help');
  assert.ok(help.kind === 'text');
  assert.doesNotMatch(help.stdout, /plan &&/, 'plan exits 2 where there is something to reload');
  for (const verb of VERBS) {
    assert.match(help.stdout, new RegExp(`^  ${verb.name} +\\S`, 'm'));
    const own = read('help', verb.name);
    assert.ok(own.kind === 'text');
    for (const { long } of [...verb.options, ...GLOBAL_OPTIONS]) assert.ok(own.stdout.includes(long), long);
    for (const [example] of verb.examples) assert.ok(own.stdout.includes(example), example);
  }
});

for (const width of [60, 80]) {
  test(`readArguments() keeps its help within ${width} columns`, () => {
    const texts = [['--help'], ...VERBS.map(({ name }) => ['help', name])].map((argv) =>
      readArguments(argv, '1.2.3', { width, palette: NO_COLOURS }),
    );
    for (const text of texts) {
      assert.ok(text.kind === 'text');
      // An example is one line, to be copied.
      const lines = text.stdout.split('\n').filter((line) => !line.startsWith('  unitd '));
      for (const line of lines) assert.ok(line.length <= width, line);
    }
  });
}
