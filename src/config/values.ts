// The values of single fields, from their spelling in the file to the model. What the schema cannot say about a
// value is reported here; what relates two fields is compile's.
import { HIGHEST_ID, idIn, spellsNumber } from '../base/account-id.ts';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { parseSize } from '../base/size.ts';
import type {
  Command,
  EnvironmentFile,
  ExitStatusSet,
  Limit,
  LimitValue,
  SignalName,
} from '../model/unit.ts';
import { fieldOf, quoted, type Step } from './tree.ts';
import type { AccountText, CommandText, ExitStatusText, LimitText } from './unit-file.ts';
import { shellSyntax } from './shell-syntax.ts';
import { splitWords } from './words.ts';

/** Where compile puts what it finds; positions are added by parse, which has the text. */
export interface Report {
  (path: readonly Step[], code: string, actual: string, expected: string): void;
}

const DURATION_LIMIT = 'expected at most 104249991d';

export function duration(path: readonly Step[], text: string, report: Report): number {
  const ms = parseDuration(text);
  if (ms === null) report(path, 'wrong-value', `is ${quoted(text)}`, DURATION_LIMIT);
  return ms ?? 0;
}

export function positiveDuration(path: readonly Step[], text: string, report: Report): number {
  const ms = duration(path, text, report);
  if (ms === 0 && parseDuration(text) === 0) {
    report(path, 'wrong-value', `is ${quoted(text)}`, 'expected more than 0s');
  }
  return ms;
}

/** null for infinity. */
export function durationOrNull(path: readonly Step[], text: string, report: Report): number | null {
  return text === 'infinity' ? null : duration(path, text, report);
}

/** null for infinity. */
export function positiveDurationOrNull(path: readonly Step[], text: string, report: Report): number | null {
  return text === 'infinity' ? null : positiveDuration(path, text, report);
}

export function durationText(ms: number | null): string {
  return ms === null ? 'infinity' : formatDuration(ms);
}

const MIN_LOG_BYTES = 1000;

export function logSize(path: readonly Step[], text: string, report: Report): number {
  const bytes = parseSize(text);
  if (bytes === null) report(path, 'wrong-value', `is ${quoted(text)}`, 'expected at most 8191TiB');
  else if (bytes < MIN_LOG_BYTES) report(path, 'wrong-value', `is ${quoted(text)}`, 'expected at least 1kB');
  return bytes ?? MIN_LOG_BYTES;
}

/** Below this no program starts. */
const MIN_MEMORY_BYTES = 1_000_000;

export function memorySize(path: readonly Step[], text: string, report: Report): number {
  const bytes = parseSize(text);
  if (bytes === null) report(path, 'wrong-value', `is ${quoted(text)}`, 'expected at most 8191TiB');
  else if (bytes < MIN_MEMORY_BYTES)
    report(path, 'wrong-value', `is ${quoted(text)}`, 'expected at least 1MB');
  return bytes ?? MIN_MEMORY_BYTES;
}

/** `150%`, as the schema has it. */
export function percent(text: string): number {
  return Number(text.slice(0, -1));
}

export function percentText(value: number): string {
  return `${value}%`;
}

/** A command whose failure counts: a leading `-` is refused. null when it was reported. */
export function strictCommand(path: readonly Step[], text: CommandText, report: Report): Command | null {
  const found = command(path, text, report);
  if (found?.ignoreFailure !== true) return found;
  report(
    path,
    'wrong-value',
    'begins with -',
    'expected a program: only the failure of other commands can be passed over',
  );
  return null;
}

/** null when it was reported. */
export function command(path: readonly Step[], text: CommandText, report: Report): Command | null {
  const split = typeof text === 'string' ? splitWords(text) : ({ ok: true, words: text } as const);
  if (!split.ok) {
    report(path, 'command', split.actual, split.expected);
    return null;
  }
  const [first, ...rest] = split.words;
  const ignoreFailure = first?.startsWith('-') === true;
  const program = ignoreFailure ? first.slice(1) : first;
  if (program === undefined || program === '') {
    const actual = first === undefined ? 'has no words' : `begins with the word ${quoted(first)}`;
    report(path, 'command', actual, 'expected a program to run');
    return null;
  }
  return { argv: [program, ...rest], ignoreFailure };
}

/** As a string where splitting gives the same words back and no shell would read it otherwise, else as a list. */
export function commandText({ argv, ignoreFailure }: Command): string | string[] {
  const words = [`${ignoreFailure ? '-' : ''}${argv[0]}`, ...argv.slice(1)];
  const text = words.join(' ');
  const again = splitWords(text);
  const isSame =
    again.ok && again.words.length === words.length && again.words.every((word, i) => word === words[i]);
  return isSame && shellSyntax(text) === null ? text : words;
}

export function commands(
  path: readonly Step[],
  texts: readonly CommandText[],
  report: Report,
): readonly Command[] {
  return texts.flatMap((text, index) => command([...path, index], text, report) ?? []);
}

const SIGNAL_ALIASES: Readonly<Record<string, SignalName>> = {
  SIGIOT: 'SIGABRT',
  SIGPOLL: 'SIGIO',
  SIGCLD: 'SIGCHLD',
  SIGRTMIN: 'SIGRTMIN+0',
};

/** With SIG, and one name for each number. */
export function signal(text: string): SignalName {
  const name = text.startsWith('SIG') ? text : `SIG${text}`;
  return SIGNAL_ALIASES[name] ?? name;
}

export function exitStatus(path: readonly Step[], items: ExitStatusText, report: Report): ExitStatusSet {
  const meanings = items.map((item) => (typeof item === 'number' ? item : signal(item)));
  once(path, meanings.map(String), report);
  return {
    codes: meanings.filter((item) => typeof item === 'number'),
    signals: meanings.filter((item) => typeof item === 'string'),
  };
}

export function exitStatusText({ codes, signals }: ExitStatusSet): (number | string)[] {
  return [...codes, ...signals];
}

export function limit(path: readonly Step[], text: LimitText, report: Report): Limit {
  const [first = '', second = first] = String(text).split(':');
  const soft = limitValue(first);
  const hard = limitValue(second);
  if (hard !== 'unlimited' && (soft === 'unlimited' || soft > hard)) {
    report(
      path,
      'wrong-value',
      `is ${quoted(String(text))}`,
      'expected a soft limit not above the hard limit',
    );
  }
  return { soft, hard };
}

function limitValue(text: string): LimitValue {
  return text === 'unlimited' || text === 'infinity' ? 'unlimited' : Number(text);
}

export function limitText({ soft, hard }: Limit): number | string {
  return soft === hard ? soft : `${soft}:${hard}`;
}

export function environmentFile(text: string): EnvironmentFile {
  return text.startsWith('-') ? { path: text.slice(1), optional: true } : { path: text, optional: false };
}

/** A number in quotes is one too, of which the schema sees only a text. */
export function account(
  path: readonly Step[],
  value: AccountText,
  kind: 'user' | 'group',
  report: Report,
): string {
  const text = String(value);
  if (spellsNumber(text) && idIn(text) === null) {
    const expected = `expected the name of a ${kind}, or an id of at most ${HIGHEST_ID}`;
    report(path, 'wrong-value', `is ${quoted(text)}`, expected);
  }
  return text;
}

/** Reports each item that an earlier one already says. */
export function once(path: readonly Step[], items: readonly string[], report: Report): void {
  const first = new Map<string, number>();
  items.forEach((item, index) => {
    const earlier = first.get(item);
    if (earlier === undefined) first.set(item, index);
    else {
      const actual = `repeats ${fieldOf([...path, earlier]) ?? ''} (${quoted(item)})`;
      report([...path, index], 'duplicate-item', actual, 'expected each item once');
    }
  });
}
