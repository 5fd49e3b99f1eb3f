// Splits a command into words as a POSIX shell does (XCU 2.2, quoting): no expansion, no operators, no comments.
// Own code because the `shlex` package differs from a shell in `"\$X"`, `$"x"` and `'\\'"x"`, and cannot say where
// an open quote began; test/property/config-words.test.ts holds this one against /bin/sh.

export type Words =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly actual: string; readonly expected: string };

const BLANK = /[ \t\r\n]/;

export function splitWords(text: string): Words {
  const words: string[] = [];
  let word: string | null = null;
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (BLANK.test(char)) {
      if (word !== null) words.push(word);
      word = null;
      at += 1;
    } else if (char === "'" || char === '"') {
      const quoted: Quoted | null = char === "'" ? singleQuoted(text, at) : doubleQuoted(text, at);
      if (quoted === null) {
        const actual = `has an open ${char === "'" ? 'single' : 'double'} quote at character ${at + 1}`;
        return { ok: false, actual, expected: `expected a closing ${char}` };
      }
      word = (word ?? '') + quoted.value;
      at = quoted.end;
    } else if (char === '\\') {
      if (at + 1 === text.length) {
        const actual = `ends in a backslash at character ${at + 1}`;
        return { ok: false, actual, expected: 'expected a character after it' };
      }
      // a backslash before a newline continues the line and leaves nothing behind
      if (text.charAt(at + 1) !== '\n') word = (word ?? '') + text.charAt(at + 1);
      at += 2;
    } else {
      word = (word ?? '') + char;
      at += 1;
    }
  }
  if (word !== null) words.push(word);
  return { ok: true, words };
}

interface Quoted {
  readonly value: string;
  /** Offset after the closing quote. */
  readonly end: number;
}

function singleQuoted(text: string, start: number): Quoted | null {
  const close = text.indexOf("'", start + 1);
  return close === -1 ? null : { value: text.slice(start + 1, close), end: close + 1 };
}

function doubleQuoted(text: string, start: number): Quoted | null {
  let value = '';
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '"') return { value, end: at + 1 };
    const next = text.charAt(at + 1);
    if (char === '\\' && next !== '' && '$`"\\\n'.includes(next)) {
      if (next !== '\n') value += next;
      at += 1;
    } else {
      value += char;
    }
  }
  return null;
}
