// The published schemas of what unitd prints, ready to hold a value against.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { packageRoot } from '../../src/base/package-root.ts';

export const WIRE_SCHEMAS = [
  'status',
  'unit-document',
  'graph',
  'plan',
  'operation',
  'reexec',
  'event',
  'problem',
] as const;
type WireSchema = (typeof WIRE_SCHEMAS)[number];

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, formats: { 'date-time': true } });

export function wireSchema(name: WireSchema): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(join(packageRoot(), 'schemas', `${name}.schema.json`), 'utf8'));
}

for (const name of WIRE_SCHEMAS) ajv.addSchema(wireSchema(name));

/** What the schema has against the value, a line each; `operation-line` is a line of a POST answered as NDJSON. */
export function schemaComplaints(name: WireSchema | 'operation-line', value: unknown): readonly string[] {
  const id =
    name === 'operation-line' ? 'urn:unitd:schema:operation:v1#/$defs/line' : `urn:unitd:schema:${name}:v1`;
  const validate = ajv.getSchema(id);
  if (validate === undefined) throw new Error(`no schema ${id}`);
  if (validate(value) === true) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${String(message)} ${JSON.stringify(params)}`,
  );
}
