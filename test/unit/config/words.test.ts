import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitWords } from '../../../src/config/words.ts';

const rows: readonly (readonly [text: string, words: readonly string[]])[] = [
  ['/usr/bin/node server.js --port ${PORT}', ['/usr/bin/node', 'server.js', '--port', '${PORT}']],
  ['  a \t b\n c ', ['a', 'b', 'c']],
  ["a 'b  c' d", ['a', 'b  c', 'd']],
  ['a "b \\"c\\" \\$d \\n"', ['a', 'b "c" $d \\n']],
  ["a\\ b \\'c", ['a b', "'c"]],
  ['\'\\\\\'"a"', ['\\\\a']],
  ['x$"y" $\'z\'', ['x$y', '$z']],
  ['\'\' ""', ['', '']],
  ['a\\\nb "c\\\nd"', ['ab', 'cd']],
  ['a | b > c # d', ['a', '|', 'b', '>', 'c', '#', 'd']],
  ['', []],
];
for (const [text, words] of rows) {
  test(`splitWords() splits ${JSON.stringify(text)} as a shell does`, () => {
    assert.deepEqual(splitWords(text), { ok: true, words });
  });
}

test('splitWords() names the place of a quote that is never closed and of a backslash at the end', () => {
  assert.deepEqual(splitWords(`a 'b "c`), {
    ok: false,
    actual: 'has an open single quote at character 3',
    expected: "expected a closing '",
  });
  assert.deepEqual(splitWords('a "b\\"'), {
    ok: false,
    actual: 'has an open double quote at character 3',
    expected: 'expected a closing "',
  });
  assert.deepEqual(splitWords('a\\'), {
    ok: false,
    actual: 'ends in a backslash at character 2',
    expected: 'expected a character after it',
  });
});
