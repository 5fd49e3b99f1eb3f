import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitWords } from '../../src/config/words.ts';

test('splitWords() gives the words that /bin/sh gives its commands', () => {
  // no character that a shell expands or reads as an operator; newlines, which end a command in a script but are
  // blanks in a unit file, have their rows in test/unit/config/words.test.ts
  const texts = fc.string({ maxLength: 15, unit: fc.constantFrom('a', '-', ' ', '\t', "'", '"', '\\', '$') });
  fc.assert(
    fc.property(fc.array(texts, { minLength: 30, maxLength: 30 }), (candidates) => {
      const splits = candidates.flatMap((text) => {
        const split = splitWords(text);
        // `$a` and `$$` would expand, and `$'` is a quote of its own in some shells
        const expands = /\$[a$'"-]/.test(text);
        return split.ok && !expands ? [{ text, words: split.words }] : [];
      });
      const script = splits
        .map(({ text }) => `for word in ${text}\ndo printf '<%s>' "$word"; done; echo .`)
        .join('\n');
      const expected = splits.map(({ words }) => `${words.map((word) => `<${word}>`).join('')}.\n`).join('');
      assert.equal(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }), expected, script);
    }),
    { numRuns: 40 },
  );
});
