// The manual pages against the program: every field, verb, option, exit code, route, event and problem code is in
// them and nothing that is not. What can be made from the code is made from it: with UNITD_UPDATE_MAN=1 these tests
// write those parts anew.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROUTES } from '../../src/api/routes.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { EXIT } from '../../src/cli/exit-code.ts';
import { GLOBAL_OPTIONS, VERBS } from '../../src/cli/verb-table.ts';
import { FIELDS } from '../../src/core/fields.ts';
import { afterEnding, FRESH_TALLY, type ExitKind } from '../../src/core/restart.ts';
import { STATES } from '../../src/model/state.ts';
import { DEPENDENCY_FIELDS, type RestartPolicy } from '../../src/model/unit.ts';
import { UNIT_VERBS } from '../../src/wire/v1.ts';
import { documentList, effectTable, fieldList, policyTable, type Schema } from '../support/manual-parts.ts';
import {
  MANUAL_DIRECTORY,
  PAGES,
  partNames,
  partOf,
  readManual,
  sectionOf,
  writePart,
  type Page,
} from '../support/manual.ts';

function schemaNamed(name: string): Schema {
  const schema: Schema = JSON.parse(
    readFileSync(join(packageRoot(), 'schemas', `${name}.schema.json`), 'utf8'),
  );
  return schema;
}

const asserted = new Set<string>();

function assertPart(page: Page, name: string, expected: string): void {
  asserted.add(name);
  if (process.env['UNITD_UPDATE_MAN'] === '1') writePart(page, name, expected);
  assert.equal(
    partOf(readManual(page), name),
    expected,
    'UNITD_UPDATE_MAN=1 npm test -- man.test writes it anew',
  );
}

test('unitd.unit(5) lists every field of the schema with its kind, default and examples', () => {
  assertPart('unitd.unit.5', 'fields', fieldList(schemaNamed('unit')));
});

test('unitd.unit(5) says of every field what a change of it does', () => {
  assertPart('unitd.unit.5', 'effects', effectTable(Object.values(FIELDS)));
});

const POLICIES: readonly RestartPolicy[] = [
  'no',
  'always',
  'on-success',
  'on-failure',
  'on-abnormal',
  'on-abort',
];
const KINDS: readonly (readonly [ExitKind, string])[] = [
  ['clean', 'clean'],
  ['unclean-code', 'unclean code'],
  ['unclean-signal', 'unclean signal'],
  ['timeout', 'timeout'],
];

function isRestarted(policy: RestartPolicy, kind: ExitKind): boolean {
  const none = { codes: [], signals: [] };
  const restart = {
    policy,
    delayMs: 0,
    factor: 1,
    maxDelayMs: 0,
    jitter: 0,
    resetAfterMs: 0,
    limit: 0,
    intervalMs: 1,
    preventExitStatus: none,
    forceExitStatus: none,
  };
  const ending = { cause: 'exit', kind, code: 0, signal: null, text: '' } as const;
  return (
    afterEnding(restart, FRESH_TALLY, { ending, uptimeMs: 0, upheld: false, nowMs: 0, random: 0 }).action ===
    'restart'
  );
}

test('unitd.unit(5) has the restart table that core/restart decides by', () => {
  assertPart('unitd.unit.5', 'policies', policyTable(POLICIES, KINDS, isRestarted));
});

test('unitd.unit(5) tells of every dependency field what follows from the other unit', () => {
  const section = sectionOf(readManual('unitd.unit.5'), 'Sh', 'DEPENDENCIES');
  const told = [...section.matchAll(/^(?:\.It Ic )?(\w+)(?:: \[B\]\|.*)?$/gm)].map(([, name]) => name ?? '');
  for (const field of DEPENDENCY_FIELDS) assert(told.includes(field), `nothing is said of ${field}`);
});

test('unitd(1) has a section for every verb, and none for what is none', () => {
  const commands = sectionOf(readManual('unitd.1'), 'Sh', 'COMMANDS');
  const told = [...commands.matchAll(/^\.Ss ([a-z]+)$/gm)].map(([, verb = '']) => verb);
  assert.deepEqual(told.toSorted(), VERBS.map(({ name }) => name).toSorted());
});

for (const verb of VERBS) {
  test(`unitd(1) names the options of "${verb.name}", and no other`, () => {
    const section = sectionOf(readManual('unitd.1'), 'Ss', verb.name);
    const known = verb.options.flatMap(({ long, short }) => [long, ...(short === undefined ? [] : [short])]);
    assert.deepEqual(optionsIn(section), known.toSorted());
  });

  test(`unitd(1) names the choices of the options of "${verb.name}"`, () => {
    const section = sectionOf(readManual('unitd.1'), 'Ss', verb.name);
    for (const { long, choices } of verb.options) {
      if (choices === undefined) continue;
      const line = section.split('\n').find((text) => text.startsWith(`.It Fl ${long.slice(1)} `)) ?? '';
      assert.deepEqual(line.split(' Cm ')[1]?.split(' | '), choices, long);
    }
  });
}

test('unitd(1) names the options that every verb takes, and no other', () => {
  const known = ['--help', '-h', '--version', '-V', ...GLOBAL_OPTIONS.map(({ long }) => long)];
  assert.deepEqual(optionsIn(sectionOf(readManual('unitd.1'), 'Sh', 'OPTIONS')), known.toSorted());
});

/** Every `Fl` of the text, as it is typed. */
function optionsIn(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => /^\.(?:.* )?Fl /.test(line));
  const words = lines.flatMap((line) => {
    const flags = line.slice(line.search(/\bFl /));
    // `Fl h , -help`: the macro goes on to what stands after a comma; `Fl n Ar count , Fl -lines`: it is named again.
    return [...flags.matchAll(/\bFl (\S+)(?: , (-\S+))*/g)].flatMap((match) =>
      match[0].slice(3).split(' , '),
    );
  });
  return [...new Set(words.map((word) => `-${word}`))].toSorted();
}

test('unitd(1) lists every exit code, and no other', () => {
  const section = sectionOf(readManual('unitd.1'), 'Sh', 'EXIT STATUS');
  const told = [...section.matchAll(/^\.It (\d+)$/gm)].map(([, code]) => Number(code));
  assert.deepEqual(told, Object.values(EXIT));
});

test('unitd(1) explains every state, in their order', () => {
  const section = sectionOf(readManual('unitd.1'), 'Ss', 'States');
  assert.deepEqual(
    [...section.matchAll(/^\.It Sy (\w+)$/gm)].map(([, state]) => state),
    STATES,
  );
});

test('unitd(1) lists every variable that the program reads, and no other', () => {
  const section = sectionOf(readManual('unitd.1'), 'Sh', 'ENVIRONMENT');
  const told = section
    .split('\n')
    .filter((line) => line.startsWith('.It Ev '))
    .flatMap((line) => line.slice('.It Ev '.length).split(' , '));
  const read = literalsIn(['base', 'cli', 'daemon'], [/\benv\['(\w+)'\]/g]);
  // The home directory and the locale are everybody's.
  const expected = new Set([...read, 'UNITD_SOCKET'].filter((name) => !/^(HOME|LANG|LC_\w+)$/.test(name)));
  assert.deepEqual(told.toSorted(), [...expected].toSorted());
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

for (const name of ['status', 'unit-document', 'graph', 'plan', 'operation', 'problem']) {
  test(`unitd-api(7) lists every field of the ${name} schema`, () => {
    assertPart('unitd-api.7', `document ${name}`, documentList(schemaNamed(name)));
  });
}

test('every part of a manual page that says it is made from the code is held by a test', () => {
  const parts = PAGES.flatMap((page) => partNames(readManual(page)));
  assert.deepEqual(parts.toSorted(), [...asserted].toSorted());
});

test('unitd-api(7) lists every code of a refused request, and no other', () => {
  const codes = literalsIn(
    ['api', 'daemon'],
    [/refusal\(\s*\d+,\s*'([a-z-]+)'/g, /refused\('([a-z-]+)'/g, /tag:unitd,2026:([a-z-]+)/g],
  );
  assert.deepEqual(codesUnder('Refused requests'), codes);
});

test('unitd-api(7) lists every code of a problem of unit files, and no other', () => {
  const told = codesUnder('Problems of unit files');
  const layers = ['config', 'os/unit-files.ts', 'daemon/unit-set.ts', 'cli/verbs/check.ts'];
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

/** What the patterns find in the files below src, each once, sorted. */
function literalsIn(places: readonly string[], patterns: readonly RegExp[]): readonly string[] {
  const source = join(packageRoot(), 'src');
  const files = places.flatMap((place) =>
    place.endsWith('.ts')
      ? [place]
      : readdirSync(join(source, place), { recursive: true, encoding: 'utf8' })
          .filter((path) => path.endsWith('.ts'))
          .map((path) => join(place, path)),
  );
  const found = files.flatMap((file) => {
    const text = readFileSync(join(source, file), 'utf8');
    return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, word]) => word ?? ''));
  });
  return [...new Set(found)].toSorted();
}

test('mandoc finds nothing wrong with the manual pages', (t) => {
  const found = lint();
  if (found === null) return t.skip('mandoc is not installed');
  assert.equal(found, '');
});

/** What mandoc says; null where there is none. */
function lint(): string | null {
  try {
    return execFileSync('mandoc', ['-T', 'lint', '-W', 'style', ...PAGES], {
      cwd: MANUAL_DIRECTORY,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    if (error instanceof Error && 'stdout' in error) return String(error.stdout) || String(error);
    throw error;
  }
}
