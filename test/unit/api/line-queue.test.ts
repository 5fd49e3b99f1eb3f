// lineQueue: nothing is lost without being counted, nothing overtakes, and the bound holds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lineQueue } from '../../../src/api/line-queue.ts';

type Line = number | { readonly lost: number; readonly last: number };
const lost = (count: number, last: Line): Line => ({
  lost: count,
  last: typeof last === 'number' ? last : last.last,
});

test('lineQueue: in any interleaving the lines read and the lines counted as lost are the lines pushed, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('push', 'read'), { maxLength: 200 }),
      fc.integer({ min: 1, max: 40 }),
      async (steps, maxBytes) => {
        const queue = lineQueue<Line>(maxBytes, lost);
        const pieces = queue.pieces[Symbol.asyncIterator]();
        let pushed = 0;
        let accounted = 0;
        const account = (piece: string): void => {
          const kept = piece
            .trimEnd()
            .split('\n')
            .filter((text) => /^\d+$/.test(text));
          assert.ok(
            kept.length === 1 || kept.join('\n').length + 1 <= maxBytes,
            `${piece} in ${maxBytes} bytes`,
          );
          for (const text of piece.trimEnd().split('\n')) {
            const line: Line = JSON.parse(text);
            if (typeof line === 'number') assert.equal(line, accounted + 1);
            else assert.equal(line.last, accounted + line.lost);
            accounted = typeof line === 'number' ? line : line.last;
          }
        };
        for (const step of steps) {
          if (step === 'push') queue.push((pushed += 1));
          else if (accounted < pushed) account((await pieces.next()).value);
        }
        queue.end();
        queue.push(pushed + 1);
        for (let next = await pieces.next(); next.done !== true; next = await pieces.next())
          account(next.value);
        assert.equal(accounted, pushed);
      },
    ),
  );
});

test('lineQueue: a line that is larger than the bound still passes through an empty queue', async () => {
  const queue = lineQueue<string>(4, () => null);
  queue.push('longer than four');
  queue.push('dropped');
  queue.pushAlways('kept');
  queue.end();
  const read: string[] = [];
  for await (const piece of queue.pieces) read.push(piece);
  assert.deepEqual(read, ['"longer than four"\n"kept"\n']);
});

test('lineQueue: a reader that waits is woken by a line and by the end', async () => {
  const queue = lineQueue<string>(100, () => null);
  const pieces = queue.pieces[Symbol.asyncIterator]();
  const first = pieces.next();
  queue.push('one');
  assert.equal((await first).value, '"one"\n');
  const second = pieces.next();
  queue.end();
  assert.equal((await second).done, true);
});
