// The schema of a unit file, to look fields up in. No validator: that is validate.ts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/package-root.ts';

/** The part of JSON Schema that schemas/unit.schema.json uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema | boolean>>;
  readonly additionalProperties?: Schema | boolean;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly description?: string;
  /** `expected …`, in the words of this project's errors; yaml-language-server shows it in the editor too. */
  readonly errorMessage?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

// At once, like the code that goes with it: another version may be put in this one's place while it runs.
const parsed: Schema = JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'unit.schema.json'), 'utf8'));

/** schemas/unit.schema.json as it stands in the package. */
export function unitSchema(): Schema {
  return parsed;
}

// Every unit looks the same fields up, so what a $ref leads to is worked out once.
const resolutions = new WeakMap<Schema, Schema>();

/** The schema with its $ref followed; what stands beside the $ref wins. */
export function resolved(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  let found = resolutions.get(schema);
  if (found === undefined) {
    found = { ...unitSchema().$defs?.[schema.$ref.split('/').at(-1) ?? ''], ...schema };
    resolutions.set(schema, found);
  }
  return found;
}

/** The schema of a field; null for a field that the schema does not have. */
export function schemaAt(path: readonly (string | number)[]): Schema | null {
  let schema = resolved(unitSchema());
  for (const step of path) {
    const next = typeof step === 'number' ? itemsOf(schema) : propertyOf(schema, step);
    if (next === null) return null;
    schema = resolved(next);
  }
  return schema;
}

function itemsOf(schema: Schema): Schema | null {
  return schema.items ?? schema.anyOf?.find((branch) => branch.items !== undefined)?.items ?? null;
}

function propertyOf(schema: Schema, name: string): Schema | null {
  const own =
    schema.properties !== undefined && Object.hasOwn(schema.properties, name)
      ? schema.properties[name]
      : null;
  const found = own ?? schema.additionalProperties;
  return typeof found === 'object' ? found : null;
}

/** `data` with each missing field that has a default in the schema filled in, nested mappings too. */
export function withDefaults(
  data: Readonly<Record<string, unknown>>,
  schema: Schema,
): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...data };
  for (const [name, reference] of Object.entries(schema.properties ?? {})) {
    if (typeof reference === 'boolean') continue;
    const field = resolved(reference);
    if (field.properties !== undefined) filled[name] = withDefaults(asMapping(filled[name]), field);
    else if (filled[name] === undefined && field.default !== undefined) filled[name] = field.default;
  }
  return filled;
}

function asMapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
