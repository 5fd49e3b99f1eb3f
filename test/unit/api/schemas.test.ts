// schemas/*.schema.json: they accept what the API answers, describe all of it, and accept nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventLine } from '../../../src/wire/v1.ts';
import { fakeControl, refused } from '../../support/fake-control.ts';
import { SAMPLE_PLAN, SAMPLE_PROBLEM } from '../../support/sample-documents.ts';
import { WIRE_SCHEMAS, schemaComplaints, wireSchema } from '../../support/wire-schemas.ts';
import { all, askDocument, askLines } from './ask.ts';

const head = { apiVersion: 'unitd/v1', seq: 7, at: '2026-11-22T10:00:00.000Z' } as const;
const usage = { cpuPercent: 0.25, memoryBytes: 4096, tasks: 1 };
const EVENTS: { readonly [T in EventLine['type']]: Extract<EventLine, { type: T }> } = {
  state: {
    ...head,
    type: 'state',
    unit: 'web',
    from: 'starting',
    to: 'running',
    ready: true,
    wanted: 'up',
    reason: 'running',
    pid: 412,
  },
  exit: {
    ...head,
    type: 'exit',
    unit: 'web',
    exit: {
      code: 1,
      signal: null,
      at: head.at,
      cause: 'exit',
      text: 'exited with code 1',
      uptimeMs: 0,
      attempt: 0,
      requested: false,
    },
  },
  usage: {
    ...head,
    type: 'usage',
    unit: 'web',
    usage,
    source: { cpu: 'cgroup', memory: 'cgroup', tasks: 'pidusage' },
  },
  removed: { ...head, type: 'removed', unit: 'web' },
  log: { ...head, type: 'log', unit: 'web', problem: null, droppedLines: 3 },
  reload: { ...head, type: 'reload', plan: '5f2c', moved: 2, problems: 0 },
  daemon: { ...head, type: 'daemon', phase: 'ready' },
  lost: { ...head, type: 'lost', count: 12 },
};

const problem = refused(422, 'invalid-units', 'Invalid unit files', '1 error', {
  problems: [SAMPLE_PROBLEM],
  plan: SAMPLE_PLAN,
}).error;

async function samples(): Promise<readonly (readonly [Parameters<typeof schemaComplaints>[0], unknown])[]> {
  const control = fakeControl({ daemon: { degraded: true, problems: [SAMPLE_PROBLEM] } });
  const lines = { accept: 'application/x-ndjson' };
  return [
    ['status', (await askDocument(control, 'GET /v1/status')).value],
    ['unit-document', (await askDocument(control, 'GET /v1/units/web')).value],
    ['unit-document', (await askDocument(control, 'GET /v1/units/api')).value],
    ['graph', (await askDocument(control, 'GET /v1/units')).value],
    ['plan', (await askDocument(control, 'GET /v1/plan')).value],
    ['operation', (await askDocument(control, 'POST /v1/reload')).value],
    ['operation', (await askDocument(control, 'POST /v1/units/db/start')).value],
    ...[
      ...(await all(askLines(control, 'POST /v1/units/db/stop', lines))),
      ...(await all(askLines(control, 'POST /v1/units/nope/stop', lines))),
    ].map((line) => ['operation-line', line] as const),
    ['reexec', (await askDocument(control, 'POST /v1/reexec')).value],
    ['operation-line', { type: 'handed-over', operation: 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6' }],
    ['problem', problem],
    ['problem', (await askDocument(control, 'GET /v1/nope')).value],
    ...Object.values(EVENTS).map((line) => ['event', line] as const),
  ];
}

test('schemas: everything that the API answers is accepted', async () => {
  for (const [name, value] of await samples()) {
    assert.deepEqual(schemaComplaints(name, value), [], `${name} ${JSON.stringify(value)}`);
  }
});

interface Place {
  readonly key: string;
  set(value: unknown): void;
  remove(): void;
  addBeside(): void;
  restore(): void;
}

/** Every place in the value where an object has a key, free-form parts left out. */
function places(value: unknown): readonly Place[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(places);
  return Object.entries(value).flatMap(([key, kept]) => {
    if (['effective', 'from', 'to'].includes(key)) return [];
    const place: Place = {
      key,
      set: (other) => void Reflect.set(value, key, other),
      remove: () => void Reflect.deleteProperty(value, key),
      addBeside: () => void Reflect.set(value, 'surplus', 1),
      restore: () => {
        Reflect.deleteProperty(value, 'surplus');
        Reflect.set(value, key, kept);
      },
    };
    return [place, ...places(kept)];
  });
}

const OPTIONAL: ReadonlySet<string> = new Set([
  'problems of problem',
  'plan of problem',
  'requires of graph',
  'wants of graph',
]);

test('schemas: a field that is missing, unknown or of another type is refused, at every place', async () => {
  for (const [name, value] of await samples()) {
    for (const place of places(value)) {
      const named = `${place.key} of ${name}`;
      place.set([[]]);
      assert.notDeepEqual(schemaComplaints(name, value), [], `${named} as a list in a list`);
      place.remove();
      if (!OPTIONAL.has(named)) assert.notDeepEqual(schemaComplaints(name, value), [], `${named} missing`);
      place.restore();
      place.addBeside();
      assert.notDeepEqual(schemaComplaints(name, value), [], `surplus beside ${named}`);
      place.restore();
    }
    assert.deepEqual(schemaComplaints(name, value), []);
  }
});

/** Every subschema with the name under which it stands. */
function* subschemas(
  schema: unknown,
  at: string,
): Generator<readonly [string, Readonly<Record<string, unknown>>]> {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return;
  const entries: Readonly<Record<string, unknown>> = { ...schema };
  yield [at, entries];
  for (const group of ['properties', '$defs']) {
    for (const [name, inner] of Object.entries(entries[group] ?? {}))
      yield* subschemas(inner, `${at}.${name}`);
  }
  yield* subschemas(entries['items'], `${at}[]`);
  if (Array.isArray(entries['oneOf'])) {
    for (const [index, inner] of entries['oneOf'].entries()) yield* subschemas(inner, `${at}|${index}`);
  }
}

test('schemas: each is 2020-12 with an id; every field has a description; every object is closed', () => {
  for (const name of WIRE_SCHEMAS) {
    const root = wireSchema(name);
    assert.equal(root['$schema'], 'https://json-schema.org/draft/2020-12/schema');
    assert.equal(root['$id'], `urn:unitd:schema:${name}:v1`);
    for (const [at, schema] of subschemas(root, name)) {
      const onlyRef = Object.keys(schema).join() === '$ref';
      assert.ok(onlyRef || typeof schema['description'] === 'string', `${at} has no description`);
      if ('properties' in schema) assert.equal(schema['additionalProperties'], false, `${at} is open`);
    }
  }
});
