import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_CARRIED, newlinesIn, splitLines } from '../../../src/core/lines.ts';

function split(chunks: readonly string[], maxPiece: number): { pieces: string[]; carry: string } {
  const pieces: string[] = [];
  let carry = NOTHING_CARRIED;
  for (const chunk of chunks) {
    carry = splitLines(carry, Buffer.from(chunk, 'latin1'), maxPiece, (source, start, end, last) => {
      const text = Buffer.from(source.subarray(start, end)).toString('latin1');
      pieces.push(`${text}${last ? '|F' : '|P'}`);
    });
  }
  return { pieces, carry: Buffer.from(carry).toString('latin1') };
}

const rows: readonly (readonly [
  title: string,
  chunks: string[],
  maxPiece: number,
  pieces: string[],
  carry: string,
])[] = [
  ['keeps an unterminated line back', ['ab'], 8, [], 'ab'],
  ['joins a line across chunks', ['a', 'b', 'c\nd'], 8, ['abc|F'], 'd'],
  ['emits empty lines', ['\n\na\n'], 8, ['|F', '|F', 'a|F'], ''],
  ['leaves a carriage return in the text, cut or not', ['a\r', '\nb\r\n'], 8, ['a\r|F', 'b\r|F'], ''],
  ['does not end a line of exactly the bound with an empty piece', ['abcd', '\n'], 4, ['abcd|F'], ''],
  ['emits a longer line in full pieces and a last one', ['abcdefghi\n'], 4, ['abcd|P', 'efgh|P', 'i|F'], ''],
  ['emits full pieces before the line has ended', ['abc', 'def', 'ghi'], 4, ['abcd|P', 'efgh|P'], 'i'],
  ['takes an empty chunk for nothing', ['a', '', '\n'], 4, ['a|F'], ''],
];
for (const [title, chunks, maxPiece, pieces, carry] of rows) {
  test(`splitLines ${title}`, () => assert.deepEqual(split(chunks, maxPiece), { pieces, carry }));
}

test('newlinesIn counts newlines at both ends and in the middle', () => {
  assert.equal(newlinesIn(Buffer.from('\na\n\nb\n')), 4);
  assert.equal(newlinesIn(Buffer.from('ab')), 0);
});
