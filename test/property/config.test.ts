import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { effectiveUnit } from '../../src/config/effective.ts';
import { parseUnit } from '../../src/config/parse.ts';
import { resolved, type Schema, unitSchema } from '../../src/config/schema.ts';
import { anyBytes, anyFields, anyPieces } from '../support/documents.ts';

function assertAnswer(bytes: Uint8Array): void {
  const { spec, problems } = parseUnit({ name: 'web', file: 'web.yaml', bytes });
  assert.equal(spec === null, problems.length > 0);
  for (const problem of problems) {
    assert.match(problem.message, /^cannot load unit "web": .+, .+$/);
    assert.ok(problem.line === null || (problem.line > 0 && problem.column !== null && problem.column > 0));
  }
}

test('parseUnit() answers any bytes with a unit or with problems', () => {
  fc.assert(fc.property(anyBytes, assertAnswer), { numRuns: 2_000 });
});

test('parseUnit() answers any pieces of YAML with a unit or with problems', () => {
  fc.assert(fc.property(anyPieces, assertAnswer), { numRuns: 3_000 });
});

test('parseUnit() answers any mapping of known fields with a unit or with problems', () => {
  fc.assert(fc.property(anyFields, assertAnswer), { numRuns: 1_000 });
});

/** Values that the schema's examples show, in any combination over the fields. */
function examplesOf(schema: Schema): fc.Arbitrary<Record<string, unknown>> {
  const entries = Object.entries(schema.properties ?? {}).map(([name, own]) => {
    const field = typeof own === 'boolean' ? {} : own;
    const properties = resolved(field).properties;
    const examples = fc.constantFrom(...(field.examples ?? []));
    return [
      name,
      properties === undefined ? examples : fc.oneof(examples, examplesOf(resolved(field))),
    ] as const;
  });
  return fc.record(Object.fromEntries(entries), { requiredKeys: [] });
}

test('effectiveUnit() gives a file that parses to the same unit', () => {
  const words = fc.array(
    fc.string({ maxLength: 6 }).filter((word) => !word.includes('\0')),
    { minLength: 1, maxLength: 4 },
  );
  const texts = fc.string({ maxLength: 20 });
  let good = 0;
  fc.assert(
    fc.property(examplesOf(unitSchema()), words, texts, (fields, argv, text) => {
      const known = { command: argv, environment: { TEXT: text }, ...fields };
      // For the one type that has it, or half of the files would be refused.
      const file = 'pidFile' in fields ? { ...known, type: 'forking' } : known;
      const first = parseUnit({ name: 'web', file: 'web.yaml', bytes: new TextEncoder().encode(dump(file)) });
      if (first.spec === null) return;
      good += 1;
      const again = dump(effectiveUnit(first.spec));
      const second = parseUnit({ name: 'web', file: 'web.yaml', bytes: new TextEncoder().encode(again) });
      assert.deepEqual(second, first, again);
    }),
    { numRuns: 1_000, examples: [[{}, ['sh', ';', '#'], '']] },
  );
  assert.ok(good > 100, `only ${good} of the generated files were valid`);
});
