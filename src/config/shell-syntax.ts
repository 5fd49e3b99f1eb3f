// Commands that were written for a shell: no shell reads them, so its operators would reach the program as words.
// Looks at strings alone: who wrote a list of words meant each of them. A warning, since a program may want such words.
import { type Finding, nodeAt, quoted, type SourceNode, type Step } from './tree.ts';

const SINGLE: readonly (readonly Step[])[] = [['command'], ['stop', 'command']];
const LISTS = ['startPre', 'startPost', 'stopPost'] as const;

/** One for each command, at its beginning. */
export function shellFindings(root: SourceNode): readonly Finding[] {
  return commandPaths(root).flatMap((path): readonly Finding[] => {
    const node = nodeAt(root, path);
    if (node?.kind !== 'scalar' || typeof node.value !== 'string') return [];
    const syntax = shellSyntax(node.value);
    if (syntax === null) return [];
    const actual = `has ${quoted(syntax)}, which no shell reads`;
    const [, name] = /^\$(\w+)$/.exec(syntax) ?? [];
    const expected =
      name === undefined
        ? "expected sh -c '...' or quotes around it"
        : `expected \${${name}} or single quotes around it`;
    return [{ code: 'shell-syntax', at: node.at, path, actual, expected }];
  });
}

function commandPaths(root: SourceNode): readonly (readonly Step[])[] {
  const items = LISTS.flatMap((field) => {
    const node = nodeAt(root, [field]);
    return node?.kind === 'list' ? node.items.map((_, index): readonly Step[] => [field, index]) : [];
  });
  return [...SINGLE, ...items];
}

const OPERATOR = /^(?:&&|\|\||\||\|&|;|&|(?:\d|&)?(?:>>?|<)(?:&\d|&-|\S*)|<<-?\S*)$/;
/**
 * `${NAME}` is ours, at each spawn; `$NAME` is a shell's, and systemd's, `${NAME:-8080}` a shell's, `${NAME:8080}` and
 * `${a.b}` those of other programs.
 */
const SUBSTITUTION =
  /(?<!\$)\$(?:\(|[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*(?::?[-=?+]|[#%])[^}]*\}?)|`/;
/** `sh -c`, `bash -lc`: the words that follow are for another reader. */
const CODE_FLAG = /^-[a-z]*c$/;

/**
 * The first word that a shell would take for an operator, or the beginning of a substitution; null where there is
 * none. What is quoted or behind a backslash is a word like any other, but a shell reads `$NAME`, `$(`, `${NAME:-` and
 * backticks between double quotes too.
 */
export function shellSyntax(command: string): string | null {
  let isCode = false;
  for (const [word] of command.matchAll(WORD)) {
    const bare = word.replace(QUOTED, (part) =>
      part.startsWith('"') && !isCode ? part.replace(ESCAPED, '_') : '_',
    );
    const [substitution] = SUBSTITUTION.exec(bare) ?? [];
    if (substitution !== undefined) return substitution;
    const plain = word.replace(QUOTED, '_');
    if (OPERATOR.test(plain)) return word;
    if (/[^;];$/.test(plain)) return ';';
    isCode ||= CODE_FLAG.test(plain);
  }
  return null;
}

const PART = String.raw`\\[^]|'[^']*'|"(?:[^"\\]|\\[^])*"`;
const QUOTED = new RegExp(PART, 'g');
const ESCAPED = /\\[^]/g;
const WORD = new RegExp(String.raw`(?:${PART}|[^\s])+`, 'g');
