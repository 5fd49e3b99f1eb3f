import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventText } from '../../../src/cli/event-text.ts';
import { screenOf } from '../../../src/cli/screen.ts';
import type { EventLine } from '../../../src/wire/v1.ts';

const PLAIN = screenOf({ isTTY: false, columns: undefined, rows: undefined }, {}, 'never');
const HEAD = { apiVersion: 'unitd/v1', seq: 1, at: '2026-11-22T10:00:00.000Z' } as const;

for (const [event, text] of [
  [{ ...HEAD, type: 'lost', count: 1 }, '1 event lost: read too slowly'],
  [{ ...HEAD, type: 'lost', count: 1200 }, '1,200 events lost: read too slowly'],
  [{ ...HEAD, type: 'reload', plan: 'abc', moved: 2, problems: 0 }, 'reloaded, plan abc: 2 moved'],
  [{ ...HEAD, type: 'reload', plan: 'abc', moved: 2, problems: 1 }, 'reloaded, plan abc: 2 moved, 1 problem'],
] as const satisfies readonly (readonly [EventLine, string])[]) {
  test(`eventText() says "${text}"`, () => assert.ok(eventText(event, PLAIN).endsWith(` ${text}`)));
}
