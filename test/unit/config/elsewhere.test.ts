import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ELSEWHERE_FIELDS } from '../../../src/config/elsewhere.ts';
import { schemaAt } from '../../../src/config/schema.ts';

test('hereCalled() names only fields that there are', () => {
  for (const field of ELSEWHERE_FIELDS) assert.notEqual(schemaAt(field.split('.')), null, field);
});
