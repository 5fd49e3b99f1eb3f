import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLines } from '../../../src/cli/no-lines.ts';

const ALL = { sinceMs: null, stream: undefined };
const ERRORS = { sinceMs: null, stream: 'stderr' };
for (const [units, wish, [written, dropped, problem], text] of [
  [['web'], ALL, [0, 0, null], 'unit "web": no line yet'],
  [['web', 'db'], ALL, [0, 0, null], 'these units: no line yet'],
  [['web'], ERRORS, [7, 0, null], 'unit "web": no line to stderr yet'],
  [['web'], ALL, [1, 0, null], 'unit "web": no line is left of 1 line that was written'],
  [['web'], ALL, [1234, 0, null], 'unit "web": no line is left of 1,234 lines that were written'],
  [['web'], ALL, [0, 1, null], 'unit "web": no line; 1 line dropped'],
  [['web'], ALL, [0, 0, 'it is full'], 'unit "web": no line yet; it is full'],
  [['web'], ERRORS, [7, 2, 'it is full'], 'unit "web": no line to stderr; 2 lines dropped: it is full'],
] as const) {
  test(`noLines() of ${written} lines written and ${dropped} dropped: ${text}`, () =>
    assert.equal(noLines(units, wish, { written, dropped, problem }), text));
}
