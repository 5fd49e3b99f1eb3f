// README, CONTRIBUTING, the changelog and the sample units against the repository: they name no file that is not
// there, no verb or option that does not exist, and the samples are valid and run on a bare machine.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { GLOBAL_OPTIONS, VERBS } from '../../src/cli/verb-table.ts';
import { loadSet } from '../../src/config/load-set.ts';

const root = packageRoot();
const PAPERS = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

interface Manifest {
  readonly version: string;
  readonly man: readonly string[];
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest: Manifest = JSON.parse(read('package.json'));

for (const paper of PAPERS) {
  test(`${paper} links to no file that is not there`, () => {
    const links = [...read(paper).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = '']) => path);
    assert.deepEqual(missing(links), []);
  });

  test(`${paper} names no file or folder of the repository that is not there`, () => {
    const words = [...read(paper).matchAll(/`((?:src|test|schemas|man|\.ci)\/[\w./-]*)/g)].map(
      ([, path = '']) => path,
    );
    assert.deepEqual(missing(words), []);
  });

  test(`${paper} names no npm script that does not exist`, () => {
    const named = [...read(paper).matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(
      ([, script = '']) => script,
    );
    assert.deepEqual(
      named.filter((script) => manifest.scripts[script] === undefined),
      [],
    );
  });

  test(`${paper} types no verb or option of unitd that does not exist`, () => {
    assert.deepEqual(commandLines(read(paper)).flatMap(wrongWords), []);
  });
}

function missing(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => !existsSync(join(root, path)));
}

/** The words behind `unitd` in code, up to what ends a command line. */
function commandLines(text: string): readonly (readonly string[])[] {
  return [...text.matchAll(/(?:`|\$ |npx |sudo |: )unitd ([a-z][^`\n|&;)]*)/g)].map(([, line = '']) =>
    line.trim().split(/\s+/),
  );
}

function wrongWords([name = '', ...words]: readonly string[]): readonly string[] {
  const verb = VERBS.find((known) => known.name === name);
  if (verb === undefined) return [`unitd ${name}`];
  const options = [...GLOBAL_OPTIONS, ...verb.options].flatMap(({ long, short }) => [long, short]);
  return words
    .filter((word) => /^-+[a-z]/.test(word) && !options.some((option) => option === word))
    .map((word) => `unitd ${name} ${word}`);
}

test('CONTRIBUTING.md gives a reason for every dependency, and for no other', () => {
  const section = read('CONTRIBUTING.md').split('## Dependencies')[1]?.split('\n## ')[0] ?? '';
  const [rows = '', development = ''] = section.split('For development:');
  const told = [...rows.matchAll(/^\| `([\w-]+)`/gm)].map(([, name = '']) => name);
  assert.deepEqual(told.toSorted(), Object.keys(manifest.dependencies).toSorted());
  for (const name of Object.keys(manifest.devDependencies)) {
    if (!name.startsWith('@types/')) assert(development.includes(`\`${name}\``), `no word on ${name}`);
  }
});

test('CONTRIBUTING.md tells of every folder of src and of test', () => {
  const text = read('CONTRIBUTING.md');
  for (const parent of ['src', 'test']) {
    for (const { name } of readdirSync(join(root, parent), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )) {
      assert(text.includes(`\`${parent}/${name}`), `no word on ${parent}/${name}`);
    }
  }
});

test('CHANGELOG.md has a section for the version of the package', () => {
  assert(read('CHANGELOG.md').includes(`\n## [${manifest.version}]`));
});

test('package.json installs every manual page', () => {
  assert.deepEqual(
    manifest.man.map((path) => basename(path)).toSorted(),
    readdirSync(join(root, 'man')).toSorted(),
  );
});

// Those of the package: whoever works in a clone may have units of their own there.
const samples = manifest.files
  .filter((path) => path.startsWith('units.d/'))
  .map((file) => ({ name: basename(file, '.yaml'), file, bytes: readFileSync(join(root, file)) }));
const { specs, problems } = loadSet(samples);

test('package.json packs the samples by their names, and not what else lies in units.d', () => {
  assert.deepEqual(
    manifest.files.filter((path) => /^units\.d(?:\/|$)/.test(path) && !/^units\.d\/[\w-]+\.yaml$/.test(path)),
    [],
  );
  assert.notDeepEqual(samples, []);
});

test('units.d is a valid set', () => {
  assert.deepEqual(problems, []);
});

test('units.d shows a service, a oneshot, a target, a dependency and a backoff', () => {
  const units = [...specs.values()];
  assert.deepEqual([...new Set(units.map(({ type }) => type))].toSorted(), ['oneshot', 'service', 'target']);
  assert(units.some(({ type, requires }) => type === 'service' && requires.length > 0));
  assert(
    units.some(
      ({ restart }) => restart.policy === 'on-failure' && restart.factor > 1 && restart.delayMs >= 5000,
    ),
  );
});

for (const { file, bytes } of samples) {
  test(`${file} leads editors to the schema`, () => {
    const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(bytes.toString()) ?? [];
    assert(schema !== '' && existsSync(join(root, 'units.d', schema)), schema);
  });
}

test('units.d needs nothing but a shell and the programs of every machine', () => {
  const programs = [...specs.values()].flatMap(({ command, startPre, startPost, stopPost }) =>
    [command, ...startPre, ...startPost, ...stopPost].flatMap((one) => one?.argv[0] ?? []),
  );
  assert.deepEqual([...new Set(programs)].toSorted(), ['/bin/echo', '/bin/sh']);
});
