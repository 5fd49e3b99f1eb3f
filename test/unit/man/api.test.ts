// unitd-api(7) against the program: its documents are made from the schemas, and every route, event and problem code is
// in it, and none that is not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROUTES } from '../../../src/api/routes.ts';
import { UNIT_VERBS } from '../../../src/wire/v1.ts';
import { documentList, schemaNamed } from '../../support/manual-parts.ts';
import { assertParts, literalsIn, readManual, sectionOf } from '../../support/manual.ts';

const DOCUMENTS = ['status', 'unit-document', 'graph', 'plan', 'operation', 'reexec', 'problem'];

test('unitd-api(7) has every field of every document', () => {
  assertParts(
    'unitd-api.7',
    new Map(DOCUMENTS.map((name) => [`document ${name}`, documentList(schemaNamed(name))])),
  );
});

test('unitd-api(7) describes what it sends the reader to another document for', () => {
  for (const name of DOCUMENTS)
    for (const [, field = '', other = ''] of documentList(schemaNamed(name)).matchAll(
      /^As (\S+) of the (\w+) document\.$/gm,
    )) {
      const there = documentList(schemaNamed(other === 'unit' ? 'unit-document' : other));
      assert(there.includes(`.It Li ${field}.`), `${name}: "${field}" stands not in ${other}`);
    }
});

test('unitd-api(7) describes every route, and no other', () => {
  const told = [...readManual('unitd-api.7').matchAll(/^\.It Li (GET|POST) (\S+)$/gm)].flatMap(
    ([, method = '', path = '']) =>
      path.endsWith('/{verb}')
        ? UNIT_VERBS.map((verb) => `${method} ${path.replace('{verb}', verb)}`)
        : [`${method} ${path}`],
  );
  assert.deepEqual(told.toSorted(), ROUTES.map(({ method, path }) => `${method} ${path}`).toSorted());
});

test('unitd-api(7) describes every type of event with its fields, and no other', () => {
  const section = sectionOf(readManual('unitd-api.7'), 'Sh', 'EVENTS');
  const told = [...section.matchAll(/^\.It Cm (\w+) : ?(.*)$/gm)].map(([, type = '', fields = '']) => [
    type,
    fields
      .split(' , ')
      .filter((field) => field !== '')
      .toSorted(),
  ]);
  assert.deepEqual(Object.fromEntries(told), eventFields());
});

/** Of each type of event the fields beside those that all have. */
function eventFields(): Readonly<Record<string, readonly string[]>> {
  const common = ['apiVersion', 'seq', 'at', 'type'];
  return Object.fromEntries(
    Object.values(schemaNamed('event').$defs ?? {}).map(({ properties = {} }) => [
      String(properties['type']?.const),
      Object.keys(properties)
        .filter((field) => !common.includes(field))
        .toSorted(),
    ]),
  );
}

test('unitd-api(7) lists every code of a refused request, and no other', () => {
  const codes = literalsIn(
    ['api', 'daemon'],
    [/refusal\(\s*\d+,\s*'([a-z-]+)'/g, /refused\('([a-z-]+)'/g, /tag:unitd,2026:([a-z-]+)/g],
  );
  assert.deepEqual(codesUnder('Refused requests'), codes);
});

test('unitd-api(7) lists every code of a problem of unit files, and no other', () => {
  const told = codesUnder('Problems of unit files');
  const daemon = ['daemon/unit-directory.ts', 'daemon/usable-set.ts'];
  const layers = ['config', 'os/unit-files.ts', ...daemon, 'cli/verbs/check.ts'];
  const words = literalsIn(layers, [/'([a-z]+(?:-[a-z]+)*)'/g]);
  for (const code of told) assert(words.includes(code), `"${code}" stands nowhere in the code`);
  // Codes of one word look like any other literal; of those with a hyphen all must be told.
  const values = [...JSON.stringify(schemaNamed('unit')).matchAll(/"([a-z-]+)"/g)].map(
    ([, value]) => value ?? '',
  );
  const hyphened = words.filter(
    (word) => word.includes('-') && !values.includes(word) && !OTHER_WORDS.includes(word),
  );
  assert.deepEqual(
    hyphened.filter((word) => !told.includes(word)),
    [],
  );
});

/** Literals with a hyphen that are no codes. */
const OTHER_WORDS = ['group-writable', 'insecure-permissions', 'js-yaml', 'world-writable'];

function codesUnder(title: string): readonly string[] {
  const section = sectionOf(readManual('unitd-api.7'), 'Ss', title);
  return [...section.matchAll(/^\.It Li ([a-z-]+)/gm)].map(([, code]) => code ?? '').toSorted();
}
