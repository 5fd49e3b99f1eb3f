// What is wrong with a command line, in the words of all other errors of this program. Takes commander's complaints
// by their texts, which a test holds still; one that it does not know passes as it is.
import { unknownChoice } from './failure.ts';
import { nearNames } from './near-name.ts';
import { either, operandWords } from './verb-spec.ts';
import type { OptionSpec, VerbSpec } from './verb-spec.ts';
import { GLOBAL_OPTIONS, VERBS, verbNamed } from './verb-table.ts';

/** What other tools call it, and what does it here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  list: 'status',
  ls: 'status',
  ps: 'status',
  top: 'status',
  info: 'status',
  describe: 'status',
  'is-active': 'status UNIT',
  'list-units': 'status',
  log: 'logs UNIT',
  tail: 'logs -f UNIT',
  journal: 'logs UNIT',
  watch: 'events',
  monitor: 'events',
  tree: 'deps',
  graph: 'deps',
  'list-dependencies': 'deps',
  cat: 'show UNIT',
  get: 'show UNIT',
  kill: 'signal UNIT SIGNAL, or stop UNIT',
  down: 'stop UNIT',
  delete: 'its file removed, and then: unitd reload',
  remove: 'its file removed, and then: unitd reload',
  rm: 'its file removed, and then: unitd reload',
  add: 'a file in the directory of the units, and then: unitd reload',
  up: 'reload, or start UNIT',
  run: 'start UNIT',
  enable: '"enabled: true" in the file of the unit, and then: unitd reload',
  disable: '"enabled: false" in the file of the unit, and then: unitd reload',
  mask: 'stop UNIT, which holds until start or release',
  unmask: 'release UNIT',
  unhold: 'release UNIT',
  'reset-failed': 'reset UNIT',
  clear: 'reset UNIT',
  apply: 'reload',
  update: 'reload',
  reread: 'plan',
  diff: 'plan',
  'daemon-reload': 'reload',
  test: 'check',
  validate: 'check',
  verify: 'check',
  lint: 'check',
  serve: 'daemon',
  supervise: 'daemon',
  shutdown: 'stop UNIT, or SIGTERM for the daemon, which stops all',
  exit: 'stop UNIT, or SIGTERM for the daemon, which stops all',
  quit: 'stop UNIT, or SIGTERM for the daemon, which stops all',
  edit: 'its file edited, and then: unitd reload',
  version: '--version',
};

export const ELSEWHERE_NAMES = Object.keys(ELSEWHERE);

export function unknownVerb(name: string): string {
  const elsewhere = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined;
  const names = VERBS.map((verb) => verb.name);
  const expected = elsewhere === undefined ? nearOrOneOf(name, names) : `expected ${elsewhere}`;
  return `cannot run verb "${name}": no such verb, ${expected}`;
}

/** One sentence without a full stop. `verb`: whose command line it is; null before there is one. */
export function usageSentence(complaint: string, verb: VerbSpec | null): string {
  const [message = ''] = complaint
    .trimEnd()
    .replace(/^error: /, '')
    .split('\n');
  for (const [pattern, worded] of SENTENCES) {
    const match = pattern.exec(message);
    if (match !== null) return worded(match.slice(1), verb);
  }
  return message;
}

type Worded = (found: readonly string[], verb: VerbSpec | null) => string;

const SENTENCES: readonly (readonly [RegExp, Worded])[] = [
  [/^unknown command '(.*)'$/, ([name = '']) => unknownVerb(name)],
  [/^unknown option '(.*)'$/, ([flag = ''], verb) => unknownOption(flag, verb)],
  [
    /^option '(?:.*, )?(--[\w-]+) <(.*)>' argument missing$/,
    ([name = '', value = '']) => `cannot read ${name}: it has no value, expected ${name} ${value}`,
  ],
  [
    /^option '(?:.*, )?(--[\w-]+) <(.*)>' argument '' is invalid\.$/,
    ([name = '', value = '']) => `cannot read ${name} "": it is empty, expected ${name} ${value}`,
  ],
  [
    /^option '(?:.*, )?(--[\w-]+) <.*>' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/,
    ([name = '', value = '', choices = '']) => unknownChoice(name, value, choices.split(', ')),
  ],
  [
    /^missing required argument '(.*)'$/,
    ([operand = ''], verb) => wrongOperands(verb, `${operand.toUpperCase()} is missing`),
  ],
  [
    /^too many arguments.* but got (\d+)\.$/,
    ([count = ''], verb) =>
      wrongOperands(verb, count === '1' ? '1 operand is given' : `${count} operands are given`),
  ],
];

function unknownOption(flag: string, verb: VerbSpec | null): string {
  const known = [...(verb?.options ?? []), ...GLOBAL_OPTIONS];
  const options = [...known.map(({ long }) => long), '--help', '--version'];
  const short = [...known.flatMap((option) => option.short ?? []), '-h', '-V'];
  const whose = verb === null ? '' : ` of verb "${verb.name}"`;
  const cannot = `cannot read option "${flag}"${whose}`;
  if (verb === null && isOfSomeVerb(flag)) {
    return `${cannot}: it stands before the verb, expected it behind that`;
  }
  const count = countMeant(flag, known);
  if (count !== null) return `${cannot}: no such option, did you mean ${count}?`;
  const bare = options.find((long) => flag.startsWith(`${long}=`));
  if (bare !== undefined) return `${cannot}: it takes no value, expected ${bare}`;
  const meant = short.find((other) => other.toLowerCase() === flag.toLowerCase());
  return `${cannot}: no such option, ${meant === undefined ? nearOrOneOf(flag, options) : `did you mean ${meant}?`}`;
}

/** `-n 5` for the `-5` of tail(1) and others, where lines can be counted. */
function countMeant(flag: string, known: readonly OptionSpec[]): string | null {
  const lines = known.find(({ long }) => long === '--lines');
  return lines !== undefined && /^-\d+$/.test(flag) ? `${lines.short} ${flag.slice(1)}` : null;
}

function isOfSomeVerb(flag: string): boolean {
  const name = flag.startsWith('--') ? flag.split('=')[0] : flag.slice(0, 2);
  return VERBS.some(({ options }) => options.some(({ long, short }) => long === name || short === name));
}

/** Of `unitd help`, which passes over what it does not know; null: nothing is wrong. */
export function helpSentence(words: readonly string[]): string | null {
  const known = [...GLOBAL_OPTIONS.map(({ long }) => long), '--help', '-h', '--version', '-V'];
  const unknown = words.find(
    (word) => /^--?[^-]/.test(word) && !known.some((long) => word.split('=')[0] === long),
  );
  if (unknown !== undefined)
    return `cannot run verb "help": option "${unknown}" is given, expected unitd help [VERB]`;
  const [topic] = words;
  const isKnown = topic === undefined || /^-|^help$/.test(topic) || verbNamed(topic) !== undefined;
  return isKnown ? null : unknownVerb(topic);
}

function wrongOperands(verb: VerbSpec | null, actual: string): string {
  const name = verb?.name ?? '';
  const expected = ['unitd', name, ...(verb === null ? [] : operandWords(verb))].join(' ');
  return `cannot run verb "${name}": ${actual}, expected ${expected}`;
}

function nearOrOneOf(name: string, names: readonly string[]): string {
  const near = nearNames(name, names);
  return near.length === 0 ? `expected ${either(names)}` : `did you mean ${either(near)}?`;
}
