import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT } from '../../../src/cli/exit-code.ts';
import { connectionFailure } from '../../../src/cli/failure.ts';
import { keepStreaming } from '../../../src/cli/reconnect.ts';
import type { StreamEnd } from '../../../src/cli/reconnect.ts';

const CUT: StreamEnd = { ok: true, value: { complete: false } };
const GONE: StreamEnd = { ok: false, failure: connectionFailure('/socket', 'ECONNREFUSED') };
const REFUSED: StreamEnd = {
  ok: false,
  failure: { exitCode: EXIT.noSuchUnit, message: 'no', hints: [], details: null },
};

test('keepStreaming() waits longer after each attempt that gave nothing new, and short again after one that did', async () => {
  const attempts: readonly (readonly [StreamEnd, boolean])[] = [
    [CUT, true],
    ...Array.from({ length: 6 }, () => [CUT, false] as const),
    [CUT, true],
    [GONE, false],
    [REFUSED, false],
  ];
  let at = -1;
  const delays: number[] = [];
  const end = await keepStreaming(
    () => Promise.resolve(attempts[(at += 1)]?.[0] ?? REFUSED),
    new AbortController().signal,
    {
      cameNew: () => attempts[at]?.[1] ?? false,
      pause: (delayMs) => {
        delays.push(delayMs);
        return Promise.resolve();
      },
    },
  );
  assert.equal(end, REFUSED);
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 2000, 2000, 100, 200]);
});
