import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effectiveUnit } from '../../../src/config/effective.ts';
import { parseUnit } from '../../../src/config/parse.ts';
import { resolved, type Schema, unitSchema } from '../../../src/config/schema.ts';
import {
  DEPENDENCY_FIELDS,
  LIMIT_NAMES,
  RESOURCE_KEYS,
  RESOURCES,
  UNIT_NAME,
  type UnitSpec,
} from '../../../src/model/unit.ts';

interface Field {
  readonly path: readonly string[];
  readonly own: Schema;
  readonly schema: Schema;
}

function fieldsOf(schema: Schema, at: readonly string[] = []): readonly Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, own]) => {
    assert.ok(typeof own === 'object', name);
    const path = [...at, name];
    return [{ path, own, schema: resolved(own) }, ...fieldsOf(resolved(own), path)];
  });
}

/** JSON is YAML, so the examples of the schema can be parsed as they are. */
function compiled(fields: Readonly<Record<string, unknown>>): UnitSpec {
  const { spec, problems } = parseUnit({
    name: 'web',
    file: 'web.yaml',
    bytes: new TextEncoder().encode(JSON.stringify(fields)),
  });
  assert.deepEqual(problems, []);
  assert.ok(spec !== null);
  return spec;
}

function nested(path: readonly string[], value: unknown): Record<string, unknown> {
  const [first = '', ...rest] = path;
  return { [first]: rest.length === 0 ? value : nested(rest, value) };
}

function sorted(names: readonly (string | undefined)[]): readonly string[] {
  return names.map(String).toSorted((a, b) => (a < b ? -1 : 1));
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((held, name) => (held as Record<string, unknown> | undefined)?.[name], value);
}

const FIELDS = fieldsOf(unitSchema());
const BASE = { command: '/bin/base' };

test('unit.schema.json has all fields of the model, and no others', () => {
  const inModel: readonly (keyof UnitSpec)[] = Object.keys(compiled(BASE)).filter(
    (key) => key !== 'name',
  ) as never;
  const top = FIELDS.filter(({ path }) => path.length === 1).map(({ path }) => path[0]);
  assert.deepEqual(sorted(top), sorted(inModel.map((key) => key.replace(/Ms$/, ''))));
  const limits = FIELDS.filter(({ path }) => path[0] === 'limits' && path.length === 2).map(
    ({ path }) => path[1],
  );
  assert.deepEqual(sorted(limits), sorted(LIMIT_NAMES));
  for (const field of DEPENDENCY_FIELDS) assert.ok(top.includes(field), field);
});

test('unit.schema.json allows the same unit names as the model', () => {
  const pattern = (unitSchema().$defs?.['unitNames']?.items as { readonly pattern?: string } | undefined)
    ?.pattern;
  assert.equal(pattern, UNIT_NAME.source);
});

test('unit.schema.json refers to 2020-12 and closes every mapping of fields', () => {
  const schema: Readonly<Record<string, unknown>> = { ...unitSchema() };
  assert.equal(schema['$schema'], 'https://json-schema.org/draft/2020-12/schema');
  const mappings = FIELDS.filter((field) => field.schema.properties !== undefined);
  assert.deepEqual(
    mappings.map(({ path }) => path.join('.')),
    ['limits', 'resources', 'restart', 'stop', 'logs'],
  );
  for (const { schema: mapping, path } of mappings)
    assert.equal(mapping.additionalProperties, false, path.join('.'));
  assert.equal(schema['additionalProperties'], false);
});

/** Fields whose absence means "as the daemon" or "none". */
const WITHOUT_DEFAULT = new Set([
  'command',
  'pidFile',
  'workingDirectory',
  'user',
  'group',
  'supplementaryGroups',
  'umask',
  'nice',
  'oomScoreAdjust',
  'stop.command',
  'restart',
  'stop',
  'logs',
  ...RESOURCE_KEYS.map((key) => `resources.${RESOURCES[key].field}`),
  ...LIMIT_NAMES.map((name) => `limits.${name}`),
]);

for (const { path, own, schema } of FIELDS) {
  const name = path.join('.');

  test(`unit.schema.json describes ${name}, with examples of it`, () => {
    assert.match(own.description ?? '', /^\S[\s\S]*\.$/);
    assert.ok((own.examples ?? []).length > 0);
    assert.equal(own.default === undefined, WITHOUT_DEFAULT.has(name));
  });

  test(`each example of ${name} compiles, and changes the unit unless it is the default`, () => {
    for (const example of own.examples ?? []) {
      const isTarget = name === 'type' && example === 'target';
      const ofType = name === 'pidFile' ? { ...BASE, type: 'forking' } : BASE;
      const spec = compiled({ ...(isTarget ? {} : ofType), ...nested(path, example) });
      const base = compiled(ofType);
      if (JSON.stringify(example) === JSON.stringify(schema.default)) assert.deepEqual(spec, base);
      else assert.notDeepEqual(spec, base, JSON.stringify(example));
    }
    const changing = (own.examples ?? []).filter(
      (example) => JSON.stringify(example) !== JSON.stringify(schema.default),
    );
    assert.ok(changing.length > 0, 'an example that is not the default');
  });

  if (schema.default !== undefined) {
    test(`the default of ${name} in the schema is what compile uses`, () => {
      const spec = compiled(BASE);
      assert.deepEqual(compiled({ ...BASE, ...nested(path, schema.default) }), spec);
      const shown = valueAt(effectiveUnit(spec), path);
      const short =
        typeof shown === 'string'
          ? shown
              .replace(/^1m$/, '60s')
              .replace(/^1m30s$/, '90s')
              .replace(/^SIG/, '')
          : shown;
      assert.deepEqual(short, schema.default);
    });
  }
}
