// What a verb looks like on the command line, as data: the parser, the help and the manual's tests read it.

export interface OptionSpec {
  /** `--lines` */
  readonly long: `--${string}`;
  /** `-n` */
  readonly short?: `-${string}`;
  /** Placeholder of its value; an option without one is a switch. */
  readonly value?: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly repeats?: true;
  readonly help: string;
}

export interface VerbSpec {
  readonly name: string;
  readonly group: VerbGroup;
  /** One line in the list of verbs. */
  readonly summary: string;
  /** Further lines in the verb's own help. */
  readonly details?: string;
  /** Placeholders in order, as commander reads them: `<unit>`, `[unit...]`. */
  readonly operands: readonly string[];
  readonly options: readonly OptionSpec[];
  /** Command line and what it does. */
  readonly examples: readonly (readonly [command: string, meaning: string])[];
}

export const VERB_GROUPS = ['See', 'Change the set', 'Change a unit', 'Unit files', 'Daemon'] as const;
export type VerbGroup = (typeof VERB_GROUPS)[number];

/** One parsed command line. */
export interface Invocation {
  readonly verb: string;
  readonly operands: readonly string[];
  /** By the option's name without dashes: a switch that was given, a value, or all values of one that repeats. */
  readonly options: Readonly<Record<string, true | string | readonly string[]>>;
}

/** Its operands as a manual spells them: `UNIT...`, `[PATH...]`. */
export function operandWords({ operands }: VerbSpec): readonly string[] {
  return operands.map((operand) =>
    operand.startsWith('<') ? operand.slice(1, -1).toUpperCase() : operand.toUpperCase(),
  );
}

/** `a`, `a or b`, `a, b or c`. */
export function either(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

/** Whether the switch was given. */
export function given(invocation: Invocation, name: string): boolean {
  return invocation.options[name] === true;
}

/** The value of an option that takes one. */
export function valueOf(invocation: Invocation, name: string): string | undefined {
  const value = invocation.options[name];
  return typeof value === 'string' ? value : undefined;
}

/** All values of an option that repeats, each split at commas. */
export function valuesOf(invocation: Invocation, name: string): readonly string[] {
  const values = invocation.options[name];
  return Array.isArray(values) ? values.flatMap((value: string) => value.split(',')) : [];
}
