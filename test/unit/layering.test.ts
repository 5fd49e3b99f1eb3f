// The architecture, held by reading the imports of src: each folder knows only those before it in LAYERS, no file is
// imported by what it imports itself, and each third-party package has one door. A breach is a sentence; the seeded ones
// below show that the rules bite.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { importsOf, type Import } from '../support/imports.ts';

const LAYERS = ['base', 'model', 'wire', 'core', 'config', 'os', 'logs', 'daemon', 'api', 'cli', 'bin'];
/** Layers that hold types, data and arithmetic: nothing of node. */
const PURE = ['model', 'wire', 'core'];
/** The door to libc, and who declares what is called through it: nobody else calls it. */
const LIBC = 'os/libc.ts';
const BINDINGS = /^os\/libc\//;
const CLI_KNOWS = ['base', 'model', 'wire', 'cli'];
const VERBS = /^cli\/verbs\//;
/** The verbs that do their work in this process, and what they may know for it. Verbs are loaded by import(). */
const OFFLINE_VERBS = /^cli\/verbs\/(check|schema|daemon)\.ts$/;
const OFFLINE_KNOWS = ['config', 'os', 'daemon'];
/** Reads the schema that ships beside the program; everything else reaches config as text. */
const CONFIG_READS = 'config/schema.ts';
const VAGUE = /^(utils?|helpers?|managers?|common|misc|shared)\b|-(utils?|helpers?|manager)\./;

/** Which files may import a package; a new dependency needs a line here. */
const DOORS: Readonly<Record<string, RegExp>> = {
  ajv: /^config\//,
  commander: /^cli\//,
  'js-yaml': /^(config\/|cli\/verbs\/show\.ts$)/,
  koffi: /^os\/libc\.ts$/,
  leven: /^(config|cli)\//,
  pidusage: /^os\/meter/,
  'rotating-file-stream': /^logs\/rotating-file\.ts$/,
  'string-width': /^cli\//,
};

/** What is wrong with one file; `path` is below src/. */
function breaches(path: string, text: string): string[] {
  const vague = VAGUE.test(basename(path)) ? [`${path}: its name says nothing, name its one duty`] : [];
  return [...vague, ...importsOf(text).flatMap((one) => breachesOfImport(path, one))];
}

function breachesOfImport(path: string, one: Import): string[] {
  const { specifier } = one;
  const says = (why: string): string[] => [`${path} imports ${specifier}: ${why}`];
  if (specifier.startsWith('node:'))
    return nodeAllowed(path, specifier) ? [] : says('this layer does no I/O');
  if (!specifier.startsWith('.')) {
    const door = DOORS[packageOf(specifier)];
    if (door === undefined) return says('a package without a door in this test');
    return door.test(path) ? [] : says(`only src/${door.source} may`);
  }
  if (!specifier.endsWith('.ts')) return says('relative imports end in .ts');
  const from = layerOf(path);
  const target = posix.join(posix.dirname(path), specifier);
  const to = layerOf(target);
  if (!LAYERS.includes(from) || !LAYERS.includes(to)) return says('not in the table of layers');
  if (LAYERS.indexOf(to) > LAYERS.indexOf(from)) return says(`${from} comes before ${to}`);
  if (target === LIBC && !BINDINGS.test(path))
    return says('only the files of src/os/libc bind functions of libc');
  if (VERBS.test(target) && !VERBS.test(path) && !one.lazy) return says('verbs are loaded by import() alone');
  if (from !== 'cli' || CLI_KNOWS.includes(to)) return [];
  if (OFFLINE_VERBS.test(path) && OFFLINE_KNOWS.includes(to)) return [];
  return says('cli knows base, model and wire; only the offline verbs know config, os and daemon');
}

function nodeAllowed(path: string, specifier: string): boolean {
  const layer = layerOf(path);
  if (PURE.includes(layer)) return false;
  return (
    layer !== 'config' || path === CONFIG_READS || !/^node:(fs|child_process|net|http)\b/.test(specifier)
  );
}

function layerOf(path: string): string {
  return path.split('/')[0] ?? '';
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Each circle that a walk along the imports comes upon, from the first of its files back to it; types count too. */
function circles(texts: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    const from = way.indexOf(path);
    if (from >= 0) found.push([...way.slice(from), path].join(' → '));
    if (from >= 0 || done.has(path)) return;
    for (const { specifier } of importsOf(texts.get(path) ?? '')) {
      if (specifier.startsWith('.')) walk(posix.join(posix.dirname(path), specifier), [...way, path]);
    }
    done.add(path);
  };
  for (const path of texts.keys()) walk(path, []);
  return found;
}

const source = join(packageRoot(), 'src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
);

const texts = new Map(files.map((path) => [path, readFileSync(join(source, path), 'utf8')]));

test('every import of src points upward in the table of layers', () => {
  assert(files.length > 30, `only ${files.length} modules were seen`);
  assert.deepEqual(
    [...texts].flatMap(([path, text]) => breaches(path, text)),
    [],
  );
});

test('no imports of src go in a circle', () => {
  assert.deepEqual(circles(texts), []);
});

test('every folder of src is a layer, and every layer is a folder', () => {
  const folders = readdirSync(source);
  assert.deepEqual(folders.sort(), [...LAYERS].sort());
});

for (const [path, text, complaint] of [
  ['base/a.ts', `import type { B } from '../model/b.ts';`, 'base comes before model'],
  ['core/a.ts', `import { b } from '../config/b.ts';`, 'core comes before config'],
  ['core/a.ts', `import { join } from 'node:path';`, 'does no I/O'],
  ['model/a.ts', `export { join } from 'node:path';`, 'does no I/O'],
  ['config/a.ts', `import { readFile } from 'node:fs/promises';`, 'does no I/O'],
  ['os/a.ts', `const b = await import('../logs/b.ts');`, 'os comes before logs'],
  ['os/spawn.ts', `import koffi from 'koffi';`, 'may'],
  ['os/libc/spawn.ts', `import koffi from 'koffi';`, 'may'],
  ['os/spawn.ts', `import { bound } from './libc.ts';`, 'bind functions of libc'],
  ['daemon/a.ts', `import usage from 'pidusage';`, 'may'],
  ['logs/format.ts', `import { createStream } from 'rotating-file-stream';`, 'may'],
  ['daemon/a.ts', `import { load } from 'js-yaml';`, 'may'],
  ['daemon/a.ts', `import type { Ajv } from 'ajv/dist/2020.js';`, 'may'],
  ['daemon/a.ts', `import pad from 'left-pad';`, 'without a door'],
  ['api/a.ts', `import { b } from '../cli/b.ts';`, 'api comes before cli'],
  ['cli/a.ts', `import { b } from '../api/b.ts';`, 'cli knows base'],
  ['cli/a.ts', `import { b } from '../daemon/b.ts';`, 'cli knows base'],
  ['cli/verbs/check.ts', `import { b } from '../../api/b.ts';`, 'cli knows base'],
  ['cli/main.ts', `import { runStatus } from './verbs/status.ts';`, 'by import() alone'],
  ['cli/verbs/status.ts', `const b = await import('../../config/b.ts');`, 'cli knows base'],
  ['cli/a.ts', `type B = import('../config/b.ts').B;`, 'cli knows base'],
  ['daemon/a.ts', `import { b } from './b.js';`, 'end in .ts'],
  ['extra/a.ts', `import { b } from '../base/b.ts';`, 'not in the table'],
  ['os/utils.ts', '', 'says nothing'],
  ['daemon/unit-manager.ts', '', 'says nothing'],
] as const) {
  test(`breaches: ${path} with ${text || 'that name'} is one`, () => {
    const [found, ...more] = breaches(path, text);
    assert(found?.includes(complaint), found ?? 'no breach was found');
    assert.deepEqual(more, []);
  });
}

for (const [path, text] of [
  ['cli/verbs/check.ts', `import { compile } from '../../config/compile.ts';`],
  ['cli/main.ts', `const { runStatus } = await import('./verbs/status.ts');`],
  ['cli/a.ts', `import type { StatusDocument } from '../wire/v1.ts';`],
  ['os/libc.ts', `import koffi from 'koffi';`],
  ['os/libc/spawn.ts', `import { bound } from '../libc.ts';`],
  ['daemon/a.ts', `import { plan } from '../core/plan.ts';`],
  ['bin/unitd.ts', `import { main } from '../cli/main.ts';`],
] as const) {
  test(`breaches: ${path} with ${text} is none`, () => {
    assert.deepEqual(breaches(path, text), []);
  });
}

for (const [name, seeded, found] of [
  [
    'two files that import each other',
    { 'os/a.ts': `import { b } from './b.ts';`, 'os/b.ts': `import { a } from './a.ts';` },
    ['os/a.ts → os/b.ts → os/a.ts'],
  ],
  [
    'a circle of types, with a way into it',
    {
      'os/a.ts': `import { b } from './libc/b.ts';`,
      'os/libc/b.ts': `import type { C } from '../c.ts';`,
      'os/c.ts': `export type { B } from './libc/b.ts';`,
    },
    ['os/libc/b.ts → os/c.ts → os/libc/b.ts'],
  ],
  [
    'a circle through import()',
    { 'cli/a.ts': `await import('./b.ts');`, 'cli/b.ts': `import { a } from './a.ts';` },
    ['cli/a.ts → cli/b.ts → cli/a.ts'],
  ],
  ['a file that imports itself', { 'os/a.ts': `import { a } from './a.ts';` }, ['os/a.ts → os/a.ts']],
  [
    'two ways to one file',
    {
      'os/a.ts': `import { b } from './b.ts'; import { c } from './c.ts';`,
      'os/b.ts': `import { c } from './c.ts';`,
      'os/c.ts': `import { join } from 'node:path';`,
    },
    [],
  ],
] as const) {
  test(`circles: ${name} ${found.length === 0 ? 'are none' : 'is one'}`, () => {
    assert.deepEqual(circles(new Map(Object.entries<string>(seeded))), found);
  });
}
