import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NOTHING_CARRIED, splitLines } from '../../src/core/lines.ts';

interface Piece {
  readonly bytes: number[];
  readonly last: boolean;
}

function piecesOf(chunks: readonly Uint8Array[], maxPiece: number): { pieces: Piece[]; carry: number[] } {
  const pieces: Piece[] = [];
  let carry = NOTHING_CARRIED;
  for (const chunk of chunks) {
    // The capture reads into one buffer again and again: nothing emitted or carried may still point into it.
    const borrowed = Buffer.from(chunk);
    carry = splitLines(carry, borrowed, maxPiece, (source, start, end, last) =>
      pieces.push({ bytes: [...source.subarray(start, end)], last }),
    );
    borrowed.fill(0xee);
  }
  return { pieces, carry: [...carry] };
}

function chunked(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => bytes.subarray(from, [...sorted, bytes.length][index]));
}

// Newlines are made common, so that short inputs hold many lines.
const bytes = fc
  .array(fc.oneof({ weight: 1, arbitrary: fc.constant(10) }, { weight: 4, arbitrary: fc.nat(255) }), {
    maxLength: 200,
  })
  .map((values) => Uint8Array.from(values));
const cuts = fc.array(fc.nat(1000), { maxLength: 20 });
const maxPiece = fc.integer({ min: 1, max: 20 });

test('splitLines: pieces, newlines and carry put together are the input, for any bytes and any chunking', () => {
  fc.assert(
    fc.property(bytes, cuts, maxPiece, (input, at, limit) => {
      const { pieces, carry } = piecesOf(chunked(input, at), limit);
      const together = pieces.flatMap((piece) => (piece.last ? [...piece.bytes, 10] : piece.bytes));
      assert.deepEqual([...together, ...carry], [...input]);
    }),
  );
});

test('splitLines: what is emitted does not depend on where the chunks were cut', () => {
  fc.assert(
    fc.property(bytes, cuts, maxPiece, (input, at, limit) => {
      assert.deepEqual(piecesOf(chunked(input, at), limit), piecesOf([input], limit));
    }),
  );
});

test('splitLines: pieces hold no newline, are full unless last, and neither they nor the carry pass the bound', () => {
  fc.assert(
    fc.property(bytes, cuts, maxPiece, (input, at, limit) => {
      const { pieces, carry } = piecesOf(chunked(input, at), limit);
      for (const piece of pieces) {
        assert.ok(!piece.bytes.includes(10));
        assert.ok(piece.last ? piece.bytes.length <= limit : piece.bytes.length === limit);
      }
      assert.ok(carry.length <= limit && !carry.includes(10));
    }),
  );
});
