import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readEnvironment } from '../../src/daemon/environment-file.ts';

const MANY_BLANKS = ' \t'.repeat(50_000);

/** Text of a file, and the variables that it gives. */
const ROWS: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  ['plain values', 'A=1\nB = two words \n', { A: '1', B: 'two words' }],
  ['a value that is empty', 'A=\nB=""\n', { A: '', B: '' }],
  ['no line end at the end', 'A=1', { A: '1' }],
  ['line ends of Windows, and a byte order mark', '\uFEFFA=1\r\nB="2"\r\n', { A: '1', B: '2' }],
  [
    'a backslash before a line end of Windows',
    'A=a\\\r\nb\r\nB="one \\\r\nline"\r\nC=c\r\n',
    { A: 'ab', B: 'one line', C: 'c' },
  ],
  ['comments and empty lines', '# A=1\n; B=1\n\n  \t\nC=1\n', { C: '1' }],
  ['lines without an assignment', 'set -a\n. /etc/other\nY = spaced\n', { Y: 'spaced' }],
  ['export', 'export A=1\n  export\tB=2\n', { A: '1', B: '2' }],
  [
    'a # in a value, and one behind a blank',
    'A=a#b\nB=http://x/#frag\nC=c # why\nD=#x\nE= #x\n',
    {
      A: 'a#b',
      B: 'http://x/#frag',
      C: 'c',
      D: '#x',
      E: '',
    },
  ],
  ['an = in a value', 'A=b=c\n', { A: 'b=c' }],
  ['single quotes', "A='a # \"b\" \\n'\nB='two\nlines'\n", { A: 'a # "b" \\n', B: 'two\nlines' }],
  [
    'double quotes',
    'A=" a # b "\nB="two\nlines"\nC="\\"\\\\\\`\\$ \\n"\nD="one \\\nline"\n',
    {
      A: ' a # b ',
      B: 'two\nlines',
      C: '"\\`$ \\n',
      D: 'one line',
    },
  ],
  ['quotes beside each other, and a comment behind', 'A="a"\'b\'c # d\nB="a" "b"\n', { A: 'abc', B: 'a b' }],
  [
    'quotes in what is plain',
    `A={"a": "b"}\nB=it's\nC='a'b"c\nD=\\"x"\n`,
    { A: '{"a": "b"}', B: "it's", C: 'ab"c', D: '"x"' },
  ],
  [
    'a backslash outside of quotes',
    'A=C:\\\\new\nB=a\\\nb\nC=a\\ \nD=\\#x\n',
    {
      A: 'C:\\new',
      B: 'ab',
      C: 'a ',
      D: '#x',
    },
  ],
  ['nothing that is expanded', 'A=$HOME ${B} `c`\n', { A: '$HOME ${B} `c`' }],
  ['the later of two', 'A=1\nA=2\n', { A: '2' }],
  [
    'lines of which most is blanks, at once',
    `${MANY_BLANKS}x\nA${MANY_BLANKS}\nexport${MANY_BLANKS}B${MANY_BLANKS}=${MANY_BLANKS}1${MANY_BLANKS}\n`,
    { B: '1' },
  ],
  ['names that no shell would take', 'a.b-c=1\n', { 'a.b-c': '1' }],
];

for (const [what, text, variables] of ROWS) {
  test(`readEnvironment: ${what}`, () => {
    assert.deepEqual(readEnvironment(text), { ok: true, variables });
  });
}

test('readEnvironment: what is no name, and a quote that is not closed, are told with their line', () => {
  assert.deepEqual(readEnvironment('A=1\nB C=2\n'), {
    ok: false,
    line: 2,
    why: '"B C" is no name of a variable',
  });
  assert.deepEqual(readEnvironment('=1\n'), { ok: false, line: 1, why: '"" is no name of a variable' });
  for (const quote of ["'", '"']) {
    assert.deepEqual(readEnvironment(`A="two\nlines"\nB=${quote}x\nC=1\n`), {
      ok: false,
      line: 3,
      why: 'a quote is not closed',
    });
  }
});

test('readEnvironment: what is quoted comes back, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
      const single = one.replaceAll("'", '');
      const double = other.replaceAll(/["\\`$]/g, '\\$&');
      const read = readEnvironment(`A='${single}'\nB="${double}" # C=1\nD=1`);
      assert.deepEqual(read, { ok: true, variables: { A: single, B: other, D: '1' } });
    }),
  );
});
