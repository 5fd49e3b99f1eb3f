// What of the manual is made from the code, as mdoc(7) text: lists of fields from the JSON Schemas, and tables from
// what core decides by. A sentence a line and no line longer than mandoc's style check passes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { packageRoot } from '../../src/base/package-root.ts';
import type { FieldEffect } from '../../src/model/plan.ts';

/** What is read of a JSON Schema; everything else in it is passed over. */
export interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

export function schemaNamed(name: string): Schema {
  const schema: Schema = JSON.parse(
    readFileSync(join(packageRoot(), 'schemas', `${name}.schema.json`), 'utf8'),
  );
  return schema;
}

const WIDTH = 79;

/** Every field of a unit file: kind, description, default and examples. */
export function fieldList(schema: Schema): string {
  return list(Object.entries(schema.properties ?? {}).map(([name, field]) => fieldItem(field, [name])));
}

function fieldItem(field: Schema, path: readonly string[]): string {
  const lines = [`.It Ic ${path.join('.')} : ${fieldKind(field)}`, ...sentences(field.description ?? '')];
  if (field.default !== undefined) lines.push(`Default: ${roff(yaml(field.default))}.`);
  const nested = Object.entries(field.properties ?? {}).map(([name, inner]) =>
    fieldItem(inner, [...path, name]),
  );
  return `${[...lines, ...examples(field, path)].join('\n')}\n${nested.length === 0 ? '' : list(nested)}`;
}

function examples(field: Schema, path: readonly string[]): readonly string[] {
  const lines = (field.examples ?? []).map((value) =>
    yaml(path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value)),
  );
  return lines.length === 0 ? [] : ['.Bd -literal -compact', ...lines.map((line) => code(line)), '.Ed'];
}

/** Of the schema's $defs; a new one does not pass before it is named here. */
const FIELD_KINDS: Readonly<Record<string, string>> = {
  command: 'text or list of words',
  commands: 'list of commands',
  duration: 'duration',
  durationOrInfinity: 'duration or infinity',
  size: 'size',
  signal: 'signal',
  exitStatus: 'list of exit codes and signals',
  limit: 'number, unlimited, or soft:hard',
  account: 'name or id',
  unitNames: 'list of unit names',
};

function fieldKind({ $ref, ...field }: Schema): string {
  if ($ref === undefined) return kindOf(field);
  const kind = FIELD_KINDS[$ref.slice('#/$defs/'.length)];
  if (kind === undefined)
    throw new Error(`cannot name the kind "${$ref}" in the manual, expected it in FIELD_KINDS`);
  return kind;
}

function kindOf(field: Schema): string {
  if (field.enum !== undefined) return field.enum.map(String).join(' | ');
  if (typeof field.const === 'string') return field.const;
  const { minimum, maximum } = field;
  const range = minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`;
  const types = field.type === undefined ? [] : [field.type].flat();
  const words = types.map((type) =>
    type === 'integer' || type === 'number' ? `${TYPE_WORDS[type]}${range}` : (TYPE_WORDS[type] ?? type),
  );
  return words.length === 0 ? 'any value' : words.join(' or ');
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  array: 'list',
  object: 'mapping',
  string: 'text',
};

/** Every field of a document of the API, by its path: `units[].lastExit.code`. */
export function documentList(schema: Schema, root: Schema = schema): string {
  return list(documentItems(schema, '', root), '-compact ');
}

function documentItems(schema: Schema, prefix: string, root: Schema): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const [inner, path] = innermost(field, `${prefix}${name}`, root);
    const about = [...sentences(field.description ?? ''), ...elsewhere(inner)];
    const kind =
      inner.$ref === undefined || inner.enum !== undefined ? kindOf(own(field, root)) : 'see there';
    return [`.It Li ${path} : ${kind}\n${about.join('\n')}\n`, ...documentItems(inner, `${path}.`, root)];
  });
}

function own(field: Schema, root: Schema): Schema {
  if (field.anyOf !== undefined) {
    const types = field.anyOf.flatMap((one) => own(one, root).type ?? []);
    return { type: types.flat() };
  }
  if (field.$ref?.startsWith('#/$defs/') !== true) return field;
  return root.$defs?.[field.$ref.slice('#/$defs/'.length)] ?? field;
}

/** Through lists, alternatives with null and the schema's own $defs to the schema that has the properties. */
function innermost(field: Schema, path: string, root: Schema): readonly [Schema, string] {
  const schema = own(field.anyOf?.find((one) => one.type !== 'null') ?? field, root);
  return schema.items === undefined ? [schema, path] : innermost(schema.items, `${path}[]`, root);
}

/** Parts of other documents are described with these. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'urn:unitd:schema:status:v1#/$defs/unit': 'As units[] of the status document.',
  'urn:unitd:schema:status:v1#/$defs/state': 'A state, as unitd(1) explains them.',
  'urn:unitd:schema:status:v1#/$defs/usage': 'As units[].usage of the status document.',
  'urn:unitd:schema:status:v1#/$defs/usageSources': 'As daemon.usageSource of the status document.',
  'urn:unitd:schema:plan:v1#/$defs/plan': 'As plan of the plan document.',
  'urn:unitd:schema:problem:v1#/$defs/unitProblem': 'As problems[] of the problem document.',
  'urn:unitd:schema:unit-document:v1': 'A unit document.',
  'urn:unitd:schema:unit-document:v1#/$defs/run': 'As history[] of the unit document.',
  'urn:unitd:schema:problem:v1': 'A problem document.',
};

function elsewhere({ $ref }: Schema): readonly string[] {
  if ($ref === undefined) return [];
  const text = ELSEWHERE[$ref];
  if (text === undefined)
    throw new Error(`cannot say where "${$ref}" is described, expected it in ELSEWHERE`);
  return [text];
}

function list(items: readonly string[], options = ''): string {
  return [`.Bl -tag ${options}-width Ds\n`, ...items, '.El\n'].join('');
}

/** What a changed field does. */
export function effectTable(
  rows: readonly { readonly field: string; readonly effect: FieldEffect }[],
): string {
  const words: Readonly<Record<FieldEffect, string>> = {
    restart: 'restart',
    'in-place': 'in place',
    'next-start': 'next start',
  };
  return table(
    ['field', 'effect of a change'],
    rows.map(({ field, effect }) => [field, words[effect]]),
  );
}

/** Which end of a run is followed by another, by policy. */
export function policyTable<P extends string, K extends string>(
  policies: readonly P[],
  kinds: readonly (readonly [K, string])[],
  isRestarted: (policy: P, kind: K) => boolean,
): string {
  return table(
    ['policy', ...kinds.map(([, words]) => words)],
    policies.map((policy) => [
      policy,
      ...kinds.map(([kind]) => (isRestarted(policy, kind) ? 'restart' : '\\-')),
    ]),
  );
}

/** What becomes of A and B when something happens: the fields with which it is the same stand together. */
export function sceneList(
  scenes: readonly { readonly title: string; readonly outcomes: ReadonlyMap<string, readonly string[]> }[],
): string {
  const items = scenes.map(({ title, outcomes }) => {
    const lines = [...outcomes].flatMap(([outcome, fields]) => [
      `.It ${outcome}`,
      ...wrapped(fields.join(', ')),
    ]);
    return `.It ${roff(title)}\n.Bl -tag -compact -width "A restarted, B restarted"\n${lines.join('\n')}\n.El\n`;
  });
  return list(items);
}

/** Without lines around the cells: a long table has to go over several pages. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [
    '.TS',
    'tab(|);',
    head.map(() => 'lb').join(' '),
    `${head.map(() => 'l').join(' ')}.`,
    ...[head, ...rows].map((cells) => cells.join('|')),
    '.TE',
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function yaml(value: unknown): string {
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
  return dump(value, { flowLevel: isMapping ? 1 : 0, lineWidth: -1 }).trimEnd();
}

function sentences(text: string): readonly string[] {
  const whole = /[^.?!]$/.test(text) ? `${text}.` : text;
  return whole === '' ? [] : whole.split(/(?<=(?<!\.)[.?!]) (?=\S)/).flatMap(wrapped);
}

function wrapped(sentence: string): readonly string[] {
  const lines: string[] = [];
  for (const word of roff(sentence).split(' ')) {
    const line = lines.pop();
    if (line === undefined) lines.push(word);
    else if (line.length + word.length < WIDTH) lines.push(`${line} ${word}`);
    else lines.push(line, word);
  }
  return lines.map(guarded);
}

function code(text: string): string {
  return guarded(roff(text).replaceAll('-', '\\-'));
}

function roff(text: string): string {
  return text.replaceAll('\\', '\\e');
}

/** A line that roff does not take for a request. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}
