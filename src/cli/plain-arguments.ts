// Reads a command line in which nothing needs interpreting: a verb, known options in full, plain words.
// Everything else (abbreviated, joined or unknown options, help, wrong counts) is null: commander judges it.
// Loading commander costs a fifth of the time that `unitd status` takes; what both accept, both read alike.
import { GLOBAL_OPTIONS, verbNamed } from './verb-table.ts';
import type { Invocation, OptionSpec, VerbSpec } from './verb-spec.ts';

export function plainInvocation(argv: readonly string[]): Invocation | null {
  const verb = verbNamed(argv[0] ?? '');
  if (verb === undefined) return null;
  const known = [...GLOBAL_OPTIONS, ...verb.options];
  const operands: string[] = [];
  const options: Record<string, true | string> = {};
  for (let at = 1; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (!word.startsWith('-')) {
      operands.push(word);
      continue;
    }
    const option = known.find(({ long, short }) => word === long || word === short);
    if (option === undefined || option.repeats) return null;
    const name = optionName(option);
    if (option.value === undefined) {
      options[name] = true;
      continue;
    }
    at += 1;
    const value = argv[at];
    if (value === undefined || value === '' || value.startsWith('-')) return null;
    if (option.choices !== undefined && !option.choices.includes(value)) return null;
    options[name] = value;
  }
  return countFits(verb, operands.length) ? { verb: verb.name, operands, options } : null;
}

export function optionName(option: OptionSpec): string {
  return option.long.slice(2);
}

function countFits(verb: VerbSpec, count: number): boolean {
  const least = verb.operands.filter((operand) => operand.startsWith('<')).length;
  const most = verb.operands.some((operand) => operand.includes('...')) ? Infinity : verb.operands.length;
  return count >= least && count <= most;
}
