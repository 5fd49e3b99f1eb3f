// The check that is compiled when the program is built, against the schema as it stands.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../../src/base/package-root.ts';

const root = packageRoot();

test('dist/config/unit-schema.cjs is what the schema compiles to', () => {
  const tool = join(root, 'schemas/compile.mjs');
  const compiled = execFileSync(process.execPath, [tool, '--print'], { encoding: 'utf8' });
  assert.equal(readFileSync(join(root, 'dist/config/unit-schema.cjs'), 'utf8'), compiled);
});

test('dist/config/unit-schema.cjs needs no more of ajv than its count of characters', () => {
  const compiled = readFileSync(join(root, 'dist/config/unit-schema.cjs'), 'utf8');
  const needs = [...compiled.matchAll(/require\("([^"]+)"\)/g)].map(([, module]) => module);
  assert.deepEqual(needs, ['ajv/dist/runtime/ucs2length']);
});
