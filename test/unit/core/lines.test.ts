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

test('splitLines moves what it carries seldom, however many chunks a line has', () => {
  const buffers = new Set<ArrayBufferLike>();
  let carry = NOTHING_CARRIED;
  const unexpected = (): never => assert.fail('no line has ended');
  for (let at = 0; at < 1000; at += 1) {
    carry = splitLines(carry, Buffer.from(`${at},`), Infinity, unexpected);
    buffers.add(carry.buffer);
  }
  assert.equal(Buffer.from(carry).toString(), Array.from({ length: 1000 }, (_, at) => `${at},`).join(''));
  assert.ok(buffers.size <= 15, `moved ${buffers.size} times`);
});

test('splitLines goes on twice from one carry without mixing the two', () => {
  const after = (carry: Uint8Array, text: string): Uint8Array =>
    splitLines(carry, Buffer.from(text), 8, () => assert.fail('no line has ended'));
  const carry = after(after(NOTHING_CARRIED, 'a'), 'b');
  const carries = [carry, after(carry, '1'), after(carry, '2')];
  assert.deepEqual(
    carries.map((bytes) => Buffer.from(bytes).toString()),
    ['ab', 'ab1', 'ab2'],
  );
});

test('newlinesIn counts newlines at both ends and in the middle', () => {
  assert.equal(newlinesIn(Buffer.from('\na\n\nb\n')), 4);
  assert.equal(newlinesIn(Buffer.from('ab')), 0);
});
