// Checks a tree against the schema with ajv and words what ajv finds as this project words errors: one finding a
// field. Fields that depend on each other are not compared here; compile does that.
//
// The check itself is compiled from the schema when the program is built (schemas/compile.mjs): to load ajv and
// have it compile takes as long as node takes to start.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { packageRoot } from '../base/package-root.ts';
import { hereCalled } from './elsewhere.ts';
import { resolved, type Schema, schemaAt } from './schema.ts';
import { suggestion } from './suggestion.ts';
import {
  fieldOf,
  type Finding,
  keyOffset,
  nodeAt,
  quoted,
  shown,
  type SourceNode,
  type Step,
  valueOffset,
} from './tree.ts';

// At once, like all code of the daemon: another version may be put in this one's place while it runs.
const validate = createRequire(join(packageRoot(), 'package.json'))(
  './dist/config/unit-schema.cjs',
) as ValidateFunction;

/** Everything in the tree that the schema does not allow; [] for a tree that it does. */
export function schemaFindings(root: SourceNode, leftOut: ReadonlySet<string>): readonly Finding[] {
  if (validate(root.value)) return [];
  const errors = (validate.errors ?? []).map((error) => ({ error, path: pathOf(root, error) }));
  const typeIsWrong = errors.some(({ path }) => path[0] === 'type');
  const holders = new Set(errors.flatMap(({ error }) => prefixes(error.instancePath)));
  const seen = new Set<string>();
  const findings: Finding[] = [];
  for (const { error, path } of errors) {
    if (isNoise(error, holders) || (typeIsWrong && dependsOnType(error))) continue;
    const found = worded(root, error, path);
    const key = `${found.code} ${JSON.stringify(found.path)}`;
    if (seen.has(key) || leftOut.has(fieldOf(found.path) ?? '')) continue;
    seen.add(key);
    findings.push(found);
  }
  return findings.filter((found) => found.code !== 'missing-field' || !findings.some(isMisspelt(found)));
}

/** A field that is there under a wrong name is not missing as well. */
function isMisspelt(missing: Finding): (other: Finding) => boolean {
  return (other) =>
    other.code === 'unknown-field' && other.expected === didYouMean(String(missing.path.at(-1)));
}

function didYouMean(name: string): string {
  return `did you mean ${name}?`;
}

/** ajv's JSON pointer as steps; whether a number is an index or a key is seen in the tree. */
function pathOf(root: SourceNode, error: ErrorObject): readonly Step[] {
  const path: Step[] = [];
  for (const token of error.instancePath.split('/').slice(1)) {
    const step = token.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(nodeAt(root, path)?.kind === 'list' ? Number(step) : step);
  }
  return path;
}

/** `if` and the inner error of a property name repeat others; so does a field whose own parts are complained about. */
function isNoise(error: ErrorObject, holders: ReadonlySet<string>): boolean {
  if (error.keyword === 'if' || (error.propertyName !== undefined && error.keyword !== 'propertyNames'))
    return true;
  return error.schemaPath.includes('/anyOf') && holders.has(error.instancePath);
}

/** The pointers of everything that holds what `pointer` points at. */
function prefixes(pointer: string): readonly string[] {
  const tokens = pointer.split('/');
  return tokens.slice(1).map((_, index) => tokens.slice(0, index + 1).join('/'));
}

function dependsOnType(error: ErrorObject): boolean {
  return error.schemaPath.startsWith('#/then') || error.schemaPath.startsWith('#/else');
}

function worded(root: SourceNode, error: ErrorObject, path: readonly Step[]): Finding {
  const params: Readonly<Record<string, unknown>> = error.params;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(root, path, String(params['additionalProperty']));
    case 'propertyNames': {
      const namePath = [...path, String(params['propertyName'])];
      const expected = schemaAt(path)?.propertyNames?.errorMessage ?? 'expected another name';
      return {
        code: 'invalid-name',
        at: keyOffset(root, namePath),
        path: namePath,
        actual: 'is not a valid name',
        expected,
      };
    }
    case 'required': {
      const missing = [...path, String(params['missingProperty'])];
      const expected = 'expected the command to run, or type: target';
      return {
        code: 'missing-field',
        at: keyOffset(root, missing),
        path: missing,
        actual: 'is missing',
        expected,
      };
    }
    case 'false schema': {
      const actual = 'is set on a target, which runs no process';
      return {
        code: 'not-for-type',
        at: keyOffset(root, path),
        path,
        actual,
        expected: 'expected type service, forking or oneshot',
      };
    }
    default:
      return wrongValue(root, path);
  }
}

function unknownField(root: SourceNode, path: readonly Step[], name: string): Finding {
  const fields = Object.keys(schemaAt(path)?.properties ?? {});
  const fieldPath = [...path, name];
  const alike = fieldAlike(path, name, fields);
  const choice = fields.length > 20 ? 'a field that unitd.unit(5) lists' : `one of ${fields.join(', ')}`;
  const expected = alike === null ? `expected ${choice}` : didYouMean(alike);
  return {
    code: 'unknown-field',
    at: keyOffset(root, fieldPath),
    path: fieldPath,
    actual: 'is not a known field',
    expected,
  };
}

function fieldAlike(path: readonly Step[], name: string, fields: readonly string[]): string | null {
  const here = hereCalled(name);
  if (here === null) return null;
  // stop.signal at the top, signal within stop.
  const within = path.map((step) => `${step}.`).join('');
  if (here?.startsWith(within) === true) return here.slice(within.length);
  return suggestion(name, fields) ?? (path.length === 0 ? partOfField(name) : null);
}

/** A field of a field, as in a mapping whose lines are not set in. */
function partOfField(name: string): string | null {
  const holder = Object.keys(schemaAt([])?.properties ?? {}).find((field) =>
    Object.hasOwn(schemaAt([field])?.properties ?? {}, name),
  );
  return holder === undefined ? null : `${holder}.${name}`;
}

function wrongValue(root: SourceNode, path: readonly Step[]): Finding {
  const node = nodeAt(root, path);
  const schema = schemaAt(path);
  const expected = schema === null ? 'expected another value' : expectation(schema, node);
  const value = node === null ? 'empty' : shown(node);
  const actual =
    path.length > 0 ? `is ${value}` : value === 'empty' ? 'the file is empty' : `the file holds ${value}`;
  const code = node !== null && schema !== null && !hasType(schema, node) ? 'wrong-type' : 'wrong-value';
  return { code, at: valueOffset(root, path), path, actual, expected };
}

/** `expected …` for a field, whatever ajv objected to in its value. */
export function expectation(schema: Schema, node: SourceNode | null): string {
  const text = schema.errorMessage ?? byType(schema);
  if (node?.kind !== 'scalar') return text;
  if (schema.enum !== undefined && typeof node.value === 'string') {
    const alike = suggestion(node.value, schema.enum);
    return alike === null ? text : `${text}, ${didYouMean(alike)}`;
  }
  const isOther = node.value !== null && typeof node.value !== 'string';
  return isOther && schema.type === 'string' && text === 'expected a string'
    ? `${text}: ${quoted(node.text)} in quotes`
    : text;
}

function byType(schema: Schema): string {
  if (schema.enum !== undefined) {
    return `expected ${schema.enum.slice(0, -1).join(', ')} or ${schema.enum.at(-1) ?? ''}`;
  }
  const range =
    schema.maximum !== undefined
      ? ` from ${schema.minimum ?? 0} to ${schema.maximum}`
      : schema.minimum !== undefined
        ? ` of at least ${schema.minimum}`
        : '';
  switch (schema.type) {
    case 'boolean':
      return 'expected true or false';
    case 'integer':
      return `expected a whole number${range}`;
    case 'number':
      return `expected a number${range}`;
    case 'array':
      return 'expected a list';
    case 'object':
      return 'expected a mapping of fields';
    default:
      return 'expected a string';
  }
}

function hasType(schema: Schema, node: SourceNode): boolean {
  const types = (schema.anyOf ?? [schema]).flatMap((branch) => resolved(branch).type ?? []);
  if (node.kind === 'list') return types.includes('array');
  if (node.kind === 'mapping') return types.includes('object');
  if (node.value === null) return types.includes('null');
  if (typeof node.value !== 'number') return types.includes(typeof node.value);
  return types.includes('number') || (types.includes('integer') && Number.isInteger(node.value));
}
