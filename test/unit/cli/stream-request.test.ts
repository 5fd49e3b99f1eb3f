import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { requestLines } from '../../../src/cli/stream-request.ts';
import type { StreamOutcome } from '../../../src/cli/stream-request.ts';
import { temporaryDirectory } from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';

async function read(
  t: TestContext,
  answer: (response: ServerResponse) => void,
): Promise<{ readonly outcome: StreamOutcome; readonly lines: readonly string[] }> {
  const socket = join(temporaryDirectory(t), 'socket');
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  cleanUp(t, () => void server.close());
  const lines: string[] = [];
  const { signal } = new AbortController();
  const request = { method: 'GET', path: '/', body: null, signal } as const;
  const outcome = await requestLines(socket, request, (line) => void lines.push(line));
  return { outcome, lines };
}

test('requestLines(): lines however they are cut into chunks, the empty ones left out', async (t) => {
  const text = 'one\n\ntw\u00f6\nthree\n\nend';
  const { outcome, lines } = await read(t, (response) => {
    const bytes = Buffer.from(text);
    const next = (at: number): void => {
      if (at < bytes.length) response.write(bytes.subarray(at, at + 1), () => setImmediate(next, at + 1));
      else response.end();
    };
    next(0);
  });
  assert.deepEqual(outcome, { kind: 'ended', complete: true });
  assert.deepEqual(lines, ['one', 'tw\u00f6', 'three', 'end']);
});

test('requestLines(): a body without its end is not complete', async (t) => {
  const { outcome, lines } = await read(t, (response) => {
    response.write('one\ntwo\nthr', () => response.destroy());
  });
  assert.deepEqual(outcome, { kind: 'ended', complete: false });
  assert.deepEqual(lines, ['one', 'two']);
});

test('requestLines(): each character of a long line is looked at once', async (t) => {
  const size = 4_000_000;
  const split = t.mock.method(String.prototype, 'split');
  const { lines } = await read(t, (response) => response.end(`${'x'.repeat(size)}\n`));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `this` of a method of String
  const looked = split.mock.calls.reduce((sum, call) => sum + String(call.this as unknown).length, 0);
  assert.deepEqual(
    lines.map((line) => line.length),
    [size],
  );
  assert.ok(looked < 2 * size, `${looked} characters looked at for ${size}`);
});
