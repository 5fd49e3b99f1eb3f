import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch } from '../../../src/logs/batch.ts';
import { coverageOf } from '../../../src/logs/coverage.ts';
import { BEGINNING } from '../../../src/logs/positions.ts';
import { OutputStream } from '../../../src/logs/stream.ts';

const raw = (): Batch => new Batch('raw', BEGINNING);

test('OutputStream: what is behind `encoded` waits for the end of its line, and is in the batch with it', () => {
  const stream = new OutputStream(1);
  const batch = raw();
  stream.encode(Buffer.from('one\ntw'), '', batch);
  assert.equal(stream.encoded, 4);
  assert.equal(stream.hasRest, true);
  stream.encode(Buffer.from('o\n'), '', batch);
  assert.equal(stream.encoded, 8);
  assert.equal(stream.hasRest, false);
  assert.equal(batch.bytes.toString(), 'one\ntwo\n');
  assert.deepEqual(batch.marks, [
    { end: 4, stream: 1, position: 4 },
    { end: 8, stream: 1, position: 8 },
  ]);
});

test('OutputStream: a run ends once, where it was said to, and its unended line with it', () => {
  const stream = new OutputStream(0);
  const batch = raw();
  stream.startAt(10);
  for (const end of [7, 13, 13, 20]) stream.endRunAt(end);
  assert.equal(stream.takeRunEnd(), true, 'over before the stream began');
  assert.equal(stream.takeRunEnd(), false);
  assert.equal(stream.bytesToRunEnd, 3);
  stream.encode(Buffer.from('cut'), '', batch);
  assert.deepEqual([stream.takeRunEnd(), stream.takeRunEnd(), stream.takeRunEnd()], [true, true, false]);
  stream.encodeRest(true, '', batch);
  assert.equal(batch.bytes.toString(), 'cut');
  assert.equal(batch.lines, 1);
  assert.equal(stream.encoded, 13);
  assert.equal(stream.bytesToRunEnd, 7);
});

test('OutputStream: of a line whose beginning was given up the rest is too, however it comes', () => {
  const stream = new OutputStream(0);
  const batch = raw();
  stream.encode(Buffer.from('begun'), '', batch);
  assert.equal(stream.dropBegun(), 5);
  assert.equal(stream.isHeadless, true);
  assert.equal(stream.encoded, 5);
  assert.equal(stream.dropTail(Buffer.from(' and ')), 5);
  assert.equal(stream.dropTail(Buffer.from('over\nnext\n')), 5);
  assert.equal(stream.isHeadless, false);
  assert.equal(stream.dropTail(Buffer.from('next\n')), 0);
  stream.drop(Buffer.from('given up\n'));
  assert.equal(stream.isHeadless, false);
  stream.drop(Buffer.from('cut'));
  assert.equal(stream.isHeadless, true);
  assert.equal(stream.encoded, 27);
  assert.equal(stream.endLine(), true);
  assert.equal(stream.endLine(), false);
  assert.equal(batch.length, 0);
});

test('OutputStream: the first lines behind one that was given up stand for it too, also before the others are written', () => {
  const stream = new OutputStream(0);
  stream.encode(Buffer.from('begun'), '', raw());
  stream.dropBegun();
  const batch = new Batch('raw', [stream.encoded, 0]);
  const chunk = Buffer.from(' and over\none\ntwo\n');
  const lost = stream.dropTail(chunk);
  stream.encode(chunk.subarray(lost), '', batch);
  assert.deepEqual(coverageOf(batch, 4), ['begun and over\none\n'.length, 0]);
  assert.deepEqual(coverageOf(batch, 8), ['begun and over\none\ntwo\n'.length, 0]);
});

test('OutputStream: a line of which a piece is in the log is broken until that is written', () => {
  const stream = new OutputStream(0);
  stream.encode(Buffer.alloc(40_000, 'x'), '', raw());
  assert.equal(stream.dropBegun(), 0);
  const batch = raw();
  stream.encodeBreak('', batch);
  stream.encodeBreak('', batch);
  stream.breakWritten();
  stream.encodeBreak('', batch);
  assert.equal(batch.bytes.toString(), '\n\n');
});
