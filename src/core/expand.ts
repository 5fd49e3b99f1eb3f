// `${VAR}` in the words of a command, at each spawn. Pure: the environment comes as a value.
//
// `${NAME}` becomes the variable's value inside its word, never several words; `$$` is a dollar; any other dollar
// stands for itself. It happens after the words were split, so quotes in the file do not prevent it.

export type Expanded =
  | { readonly ok: true; readonly argv: readonly [string, ...string[]] }
  /** A variable that the environment does not have: nothing is guessed. */
  | { readonly ok: false; readonly missing: string };

const REFERENCE = /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\})/g;

export function expandWords(
  argv: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
): Expanded {
  let missing: string | undefined;
  const expand = (word: string): string =>
    word.includes('$')
      ? word.replace(REFERENCE, (_match, name: string | undefined) => {
          if (name === undefined) return '$';
          const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
          if (value === undefined) missing ??= name;
          return value ?? '';
        })
      : word;
  const [first, ...rest] = argv;
  const words: readonly [string, ...string[]] = [expand(first), ...rest.map(expand)];
  return missing === undefined ? { ok: true, argv: words } : { ok: false, missing };
}
