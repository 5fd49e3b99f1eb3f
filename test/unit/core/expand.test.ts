// What `${VAR}` and dollars become in the words of a command.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandWords } from '../../../src/core/expand.ts';

const ENVIRONMENT = { PORT: '8080', EMPTY: '', WORDS: 'a b', COSTS: '$$ ${PORT}' };

const rows: readonly (readonly [word: string, expanded: string])[] = [
  ['--port=${PORT}', '--port=8080'],
  ['${PORT}${PORT}', '80808080'],
  ['[${EMPTY}]', '[]'],
  ['${WORDS}', 'a b'],
  ['${COSTS}', '$$ ${PORT}'],
  ['$$', '$'],
  ['$${PORT}', '${PORT}'],
  ['$$${PORT}', '$8080'],
  ['$PORT $ ${} ${1} ${A-B} a$', '$PORT $ ${} ${1} ${A-B} a$'],
];
for (const [word, expanded] of rows) {
  test(`expandWords: ${word}`, () => {
    assert.deepEqual(expandWords([word, word], ENVIRONMENT), { ok: true, argv: [expanded, expanded] });
  });
}

test('expandWords: the first variable that is not set is told, and none is found on the prototype', () => {
  assert.deepEqual(expandWords(['${PORT}', '${toString} ${B}'], ENVIRONMENT), {
    ok: false,
    missing: 'toString',
  });
});
