// The whole command line in commander: help, versions, and every command line that is not plain.
// Decides nothing and runs nothing: it answers with an invocation, or with a text and an exit code.
import { Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import { EXIT } from './exit-code.ts';
import { optionName } from './plain-arguments.ts';
import type { Palette } from './palette.ts';
import { helpSentence, usageSentence } from './usage-errors.ts';
import { operandWords } from './verb-spec.ts';
import type { Invocation, OptionSpec, VerbSpec } from './verb-spec.ts';
import { GLOBAL_OPTIONS, VERBS, verbNamed } from './verb-table.ts';

export type Reading =
  | { readonly kind: 'invocation'; readonly invocation: Invocation }
  | { readonly kind: 'text'; readonly stdout: string; readonly stderr: string; readonly exitCode: number };

export interface HelpLook {
  readonly width: number;
  readonly palette: Palette;
}

export function readArguments(argv: readonly string[], version: string, look: HelpLook): Reading {
  let stdout = '';
  let stderr = '';
  let invocation: Invocation | null = null;
  const program = new Command('unitd')
    .description('unitd keeps the services of a machine as their unit files say.')
    .usage('VERB [options]')
    .version(`unitd ${version}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help, or that of a verb')
    .commandsGroup('Help:')
    .helpCommand('help [verb]', 'print the help of a verb')
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => (stdout += text),
      writeErr: (text) => (stderr += text),
      outputError: (text, write) => complain(usageSentence(text, null), 'help', look, write),
    })
    .configureHelp(helpStyle(look));
  for (const option of GLOBAL_OPTIONS) program.addOption(commanderOption(option));
  program.addHelpText('after', () => `\n${look.palette.bold('Examples:')}\n${exampleLines(TOUR, look)}`);
  for (const verb of VERBS) {
    const command = addVerb(program, verb, look);
    command.action(() => {
      // A negative number, to commander.
      const count = command.args.find((word) => /^-\d+$/.test(word));
      if (verb.name === 'logs' && count !== undefined) command.error(`error: unknown option '${count}'`);
      invocation = {
        verb: verb.name,
        operands: command.args,
        options: readOptions(verb, command.optsWithGlobals()),
      };
    });
  }
  // Commander would take the dashes for the name of a verb.
  const words = argv[0] === 'help' && argv[1] === '--' ? ['help', ...argv.slice(2)] : [...argv];
  const [first, topic] = words;
  const isOfItself = first === 'help' && topic === 'help';
  const wrong = first === 'help' ? helpSentence(words.slice(1)) : null;
  if (wrong !== null) {
    complain(wrong, 'help', look, (text) => (stderr += text));
    return { kind: 'text', stdout, stderr, exitCode: EXIT.usage };
  }
  try {
    program.parse(isOfItself ? ['help'] : words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // "unitd" alone prints the help as an error: commander marks that by its own code.
    const asked = error.exitCode === 0;
    return { kind: 'text', stdout, stderr, exitCode: asked ? EXIT.done : EXIT.usage };
  }
  if (invocation === null) return { kind: 'text', stdout, stderr, exitCode: EXIT.usage };
  return { kind: 'invocation', invocation };
}

const CHOICE_COLUMNS = 17;
/** Columns of text below which it goes under its term. */
const NARROWEST = 24;
const BELOW = ' '.repeat(10);
const TOUR: VerbSpec['examples'] = [
  ['unitd daemon --detach', 'run the daemon in the background'],
  ['unitd plan; unitd reload', 'see what changed files would do; do it'],
  ['unitd status web', 'why is it not up?'],
  ['unitd logs -f web', 'what does it say?'],
];

function complain(
  sentence: string,
  help: string,
  { palette }: HelpLook,
  write: (text: string) => void,
): void {
  write(`${palette.red('unitd:')} ${sentence}\n  ${palette.dim(`see: unitd ${help}`)}\n`);
}

function addVerb(program: Command, verb: VerbSpec, look: HelpLook): Command {
  const command = program
    .command([verb.name, ...verb.operands].join(' '))
    .summary(verb.summary)
    .description(capitalised(verb.summary) + '.' + (verb.details === undefined ? '' : `\n\n${verb.details}`))
    .helpGroup(`${verb.group}:`)
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ ...helpStyle(look), showGlobalOptions: true });
  for (const option of verb.options) command.addOption(commanderOption(option));
  const plural = verb.examples.length > 1 ? 'Examples:' : 'Example:';
  command.addHelpText('after', () => `\n${look.palette.bold(plural)}\n${exampleLines(verb.examples, look)}`);
  command.configureOutput({
    outputError: (text, write) => complain(usageSentence(text, verb), `help ${verb.name}`, look, write),
  });
  return command;
}

function commanderOption(spec: OptionSpec): Option {
  const flags = [spec.short, spec.value === undefined ? spec.long : `${spec.long} <${spec.value}>`];
  const option = new Option(flags.filter((flag) => flag !== undefined).join(', '), spec.help);
  if (spec.choices !== undefined) option.choices([...spec.choices]);
  if (spec.repeats) {
    option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
  } else if (spec.value !== undefined && spec.choices === undefined) option.argParser(filled);
  return option;
}

/** A variable of a script that was not set: taken for an option that is not given, it would lead to another daemon. */
function filled(value: string): string {
  if (value === '') throw new InvalidArgumentError('');
  return value;
}

function readOptions(verb: VerbSpec, parsed: Readonly<Record<string, unknown>>): Invocation['options'] {
  const options: Record<string, true | string | readonly string[]> = {};
  for (const spec of [...GLOBAL_OPTIONS, ...verb.options]) {
    const option = commanderOption(spec);
    const value = parsed[option.attributeName()];
    if (option.negate ? value === false : value === true) options[optionName(spec)] = true;
    else if (typeof value === 'string') options[optionName(spec)] = value;
    else if (Array.isArray(value)) options[optionName(spec)] = value.map(String);
  }
  return options;
}

function helpStyle({ width, palette }: HelpLook): Partial<Help> {
  return {
    helpWidth: width,
    minWidthToWrap: NARROWEST,
    styleTitle: palette.bold,
    styleCommandText: palette.cyan,
    styleSubcommandText: palette.cyan,
    styleOptionText: palette.cyan,
    styleArgumentText: palette.cyan,
    styleDescriptionText: (text) => text,
    subcommandTerm: (command) => command.name(),
    optionTerm: (option) => termOf(option),
    optionDescription: (option) => option.description,
    argumentTerm: (argument) => argument.name().toUpperCase(),
    commandUsage(command) {
      if (command.parent === null) return `${command.name()} ${command.usage()}`;
      const verb = verbNamed(command.name());
      const operands = verb === undefined ? [] : operandWords(verb);
      return ['unitd', command.name(), ...operands, '[options]'].join(' ');
    },
    visibleArguments: () => [],
    formatItem(term, termWidth, description, helper) {
      const room = width - termWidth - 4;
      if (room >= NARROWEST)
        return Help.prototype.formatItem.call(this, term, termWidth, description, helper);
      const below = helper.boxWrap(description, width - BELOW.length).replaceAll('\n', `\n${BELOW}`);
      return `  ${term}\n${BELOW}${below}`;
    },
  };
}

/** `-n, --lines N`, or the choices in place of N where they are short. */
function termOf({ flags, argChoices }: Option): string {
  const choices = argChoices?.join('|') ?? '';
  const value = choices !== '' && choices.length <= CHOICE_COLUMNS ? choices : '$1';
  return flags.replace(/<(.*)>/, value).replace(/^--/, '    --');
}

/** What it does stands beside the command where there is room for all, else below it. */
function exampleLines(examples: VerbSpec['examples'], { width, palette }: HelpLook): string {
  const column = Math.max(...examples.map(([command]) => command.length));
  const fits = examples.every(([, meaning]) => column + meaning.length + 4 <= width);
  return examples
    .map(([command, meaning]) =>
      fits
        ? `  ${palette.cyan(command.padEnd(column))}  ${palette.dim(meaning)}\n`
        : `  ${palette.cyan(command)}\n      ${palette.dim(meaning)}\n`,
    )
    .join('');
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
