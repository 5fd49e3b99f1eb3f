// Reads an environment file, by the rules of EnvironmentFile in systemd.exec(5) and, where they go together, of sh(1):
//
// - One NAME=value a line. Passed over: empty lines, lines that begin with # or ;, lines without "=". `export ` may go
//   before the name.
// - Blanks around a value go, those within stay. A # behind a blank, outside of quotes, begins a comment.
// - 'text' holds anything but a single quote, also line ends. In "text" a backslash is for the next of " \ ` $ and for a
//   line end, which both go; before anything else it stays. What is quoted may be followed by more, quoted or plain; in
//   what is plain a quote is a character like any other.
// - Outside of quotes a backslash stands for the next character as it is, or joins the next line.
// - Nothing is expanded.

export type EnvironmentFileResult =
  | { readonly ok: true; readonly variables: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly line: number; readonly why: string };

const PLAIN_STOPS = /['"\\\n]|[ \t\r]+(?:#[^\n]*)?/g;
const QUOTED_STOPS = /["\\]/g;

export function readEnvironment(text: string): EnvironmentFileResult {
  const variables: Record<string, string> = {};
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  while (at < text.length) {
    const lineEnd = endOfLine(text, at);
    const line = text.slice(at, lineEnd);
    const equals = line.indexOf('=');
    if (/^[ \t\r]*(?:[#;]|$)/.test(line) || equals < 0) {
      at = lineEnd + 1;
      continue;
    }
    const word = wordBefore(line, equals);
    const refused = (why: string): EnvironmentFileResult => {
      const number = text.slice(0, at).split('\n').length;
      return { ok: false, line: number, why };
    };
    if (!/^[^\s'"]+$/.test(word)) return refused(`${JSON.stringify(word)} is no name of a variable`);
    const value = valueAt(text, at + equals + 1);
    if (value === null) return refused('a quote is not closed');
    variables[word] = value.text;
    at = value.end;
  }
  return { ok: true, variables };
}

/** Without the blanks around it. One expression for it all would take years for a line that somebody made for that. */
function wordBefore(line: string, equals: number): string {
  let end = equals;
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end -= 1;
  const begin = /^[ \t]*(?:export[ \t]+)?/.exec(line.slice(0, equals))?.[0].length ?? 0;
  return line.slice(begin, end);
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/** How long the line end is that begins there; 0: none does. */
function lineEndAt(text: string, at: number): number {
  return /^\r?\n/.exec(text.slice(at, at + 2))?.[0].length ?? 0;
}

/** The value that begins there, and where the next line does; null when a quote in it is not closed. */
function valueAt(text: string, from: number): { readonly text: string; readonly end: number } | null {
  let value = '';
  let blanks = '';
  let isPlain = false;
  const add = (part: string): void => {
    if (part === '') return;
    value += value === '' ? part : blanks + part;
    blanks = '';
  };
  const addPlain = (part: string): void => {
    isPlain ||= part !== '';
    add(part);
  };
  for (let at = from; at < text.length;) {
    PLAIN_STOPS.lastIndex = at;
    const stop = PLAIN_STOPS.exec(text);
    if (stop === null) {
      addPlain(text.slice(at));
      break;
    }
    addPlain(text.slice(at, stop.index));
    const [found] = stop;
    at = stop.index + found.length;
    if (found === '\n') return { text: value, end: at };
    const isQuote = found === "'" || found === '"';
    if (found === '\\') {
      const lineEnd = lineEndAt(text, at);
      if (lineEnd === 0) addPlain(text[at] ?? '');
      at += Math.max(lineEnd, 1);
    } else if (isQuote && isPlain) {
      add(found);
    } else if (isQuote) {
      const quoted = found === "'" ? singleQuoted(text, at) : doubleQuoted(text, at);
      if (quoted === null) return null;
      add(quoted.text);
      at = quoted.end;
    } else if (!found.includes('#')) blanks += found;
  }
  return { text: value, end: text.length };
}

function singleQuoted(text: string, from: number): { readonly text: string; readonly end: number } | null {
  const end = text.indexOf("'", from);
  return end < 0 ? null : { text: text.slice(from, end), end: end + 1 };
}

function doubleQuoted(text: string, from: number): { readonly text: string; readonly end: number } | null {
  let value = '';
  for (let at = from; ;) {
    QUOTED_STOPS.lastIndex = at;
    const stop = QUOTED_STOPS.exec(text);
    if (stop === null) return null;
    value += text.slice(at, stop.index);
    at = stop.index + 1;
    if (stop[0] === '"') return { text: value, end: at };
    const next = text[at] ?? '';
    const lineEnd = lineEndAt(text, at);
    if (lineEnd > 0) at += lineEnd;
    else if (/["\\`$]/.test(next)) {
      value += next;
      at += 1;
    } else value += '\\';
  }
}
