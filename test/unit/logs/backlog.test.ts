import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from '../../../src/logs/backlog.ts';
import type { Batch } from '../../../src/logs/batch.ts';
import { BEGINNING } from '../../../src/logs/positions.ts';
import type { LogFormat } from '../../../src/model/unit.ts';

function append(backlog: Backlog, text: string, format: LogFormat = 'raw'): void {
  backlog.batchOf(format, BEGINNING).append(Buffer.from(text), 0, text.length);
}

test('Backlog: what comes while one batch is written waits, and is written together, a batch for each format', async () => {
  const writes: { readonly text: string; readonly end: () => void }[] = [];
  const backlog = new Backlog(
    (batch: Batch) =>
      new Promise((end) => {
        writes.push({ text: batch.bytes.toString(), end });
      }),
  );
  const texts = (): readonly string[] => writes.map(({ text }) => text);
  backlog.start();
  assert.equal(backlog.isWriting, false, 'nothing to write');
  append(backlog, 'one ');
  backlog.start();
  assert.equal(backlog.isWriting, true);
  for (const text of ['two ', 'three ']) append(backlog, text);
  append(backlog, 'four', 'json');
  backlog.start();
  let isWritten = false;
  const written = backlog.written().then(() => (isWritten = true));
  for (const wanted of [['one '], ['one ', 'two three '], ['one ', 'two three ', 'four']]) {
    assert.deepEqual(texts(), wanted);
    assert.equal(isWritten, false);
    writes.at(-1)?.end();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await written;
  assert.equal(backlog.isWriting, false);
});

test('Backlog: is long by what waits, and not by what is being written', () => {
  const backlog = new Backlog(() => new Promise(() => {}));
  const much = 'x'.repeat(256 * 1024);
  append(backlog, much);
  assert.equal(backlog.isLong, true);
  backlog.start();
  assert.equal(backlog.isLong, false);
  append(backlog, much.slice(1));
  assert.equal(backlog.isLong, false);
  append(backlog, 'x');
  assert.equal(backlog.isLong, true);
  assert.deepEqual(
    backlog.takeAll().map(({ length }) => length),
    [much.length],
  );
  assert.equal(backlog.isLong, false);
});
