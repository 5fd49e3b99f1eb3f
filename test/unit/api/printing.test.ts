// printing(): what JSON.stringify() gives, with a step for each row, in pieces of a bounded size.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { printing } from '../../../src/api/printing.ts';
import { atOnce } from '../../../src/core/steps.ts';

test('printing() gives what JSON.stringify() gives, whatever the document', () => {
  const document = fc.oneof(
    fc.jsonValue(),
    fc.record({ rows: fc.array(fc.option(fc.jsonValue(), { nil: undefined })), not: fc.constant(undefined) }),
    fc.record({
      plan: fc.record({ units: fc.array(fc.object({ values: [fc.constant(undefined), fc.string()] })) }),
    }),
  );
  fc.assert(
    fc.property(document, (value) => {
      assert.equal(atOnce(printing(value)).join(''), JSON.stringify(value));
    }),
  );
});

test('printing() has a step for each row, and cuts pieces at a row', () => {
  const rows = Array.from({ length: 5_000 }, (_, at) => ({ name: `unit-${at}`, reason: 'é'.repeat(40) }));
  const steps = printing({ plan: { units: rows }, moved: rows });
  let taken = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) taken += 1;
  assert.ok(taken > 2 * rows.length, `${taken} steps`);
  assert.ok(step.value.length > 10, `${step.value.length} pieces`);
  for (const piece of step.value) assert.ok(piece.length < 66_000, `a piece of ${piece.length}`);
  assert.equal(step.value.join(''), JSON.stringify({ plan: { units: rows }, moved: rows }));
});
