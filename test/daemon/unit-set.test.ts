// UnitDirectory: what is read, what is left unparsed, and the largest usable set around errors.
import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { UnitSource } from '../../src/config/parse.ts';
import { problemLine } from '../../src/model/problem.ts';
import { UnitDirectory, hasErrors } from '../../src/daemon/unit-set.ts';
import type { UnitSet } from '../../src/daemon/unit-set.ts';
import { cleanUp } from '../support/cleanup.ts';

interface Scratch {
  readonly path: string;
  readonly directory: UnitDirectory;
  write(file: string, yaml: string): void;
}

function scratch(t: TestContext): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'unitd-units-'));
  cleanUp(t, () => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    directory: new UnitDirectory(path, true),
    write: (file, yaml) => writeFileSync(join(path, file), yaml),
  };
}

function sourcesOf(texts: Readonly<Record<string, string>>): ReadonlyMap<string, UnitSource> {
  return new Map(
    Object.entries(texts).map(([name, text]) => [
      name,
      { name, file: `/units/${name}.yaml`, bytes: Buffer.from(text) },
    ]),
  );
}

function summary(set: UnitSet): unknown {
  return [...set.specs.values()].map(({ name, command }) => `${name} ${command?.argv.join(' ')}`).sort();
}

const GOOD = 'command: /bin/good\n';
const BROKEN = 'command: /bin/new\nnonsense: 1\n';

test('load: reads every unit file, passes over leftovers, and names a file whose name is no unit', async (t) => {
  const { write, directory, path } = scratch(t);
  write('a.yaml', GOOD);
  write('b.yml', GOOD);
  write('README.md', 'not a unit');
  write('.hidden.yaml', 'not: [read');
  write('c.yaml~', 'not: [read');
  write('sp ace.yaml', GOOD);
  mkdirSync(join(path, 'sub.yaml'));
  const set = await directory.load();
  assert.deepEqual([...set.specs.keys()], ['a', 'b']);
  assert.deepEqual(
    set.problems.map(({ code, file, unit }) => ({ code, file, unit })),
    [{ code: 'file-name', file: join(path, 'sp ace.yaml'), unit: null }],
  );
  assert.equal(set.isBlind, false);
});

test('load: two files of one unit are an error of the set', async (t) => {
  const { write, directory } = scratch(t);
  write('a.yaml', GOOD);
  write('a.yml', GOOD);
  const set = await directory.load();
  assert.deepEqual(
    set.problems.map(({ code, unit }) => [code, unit]),
    [['duplicate-unit', 'a']],
  );
});

test('load: a file that cannot be read is an error of its unit', async (t) => {
  const { directory, path, write } = scratch(t);
  symlinkSync(join(path, 'nowhere'), join(path, 'web.yaml'));
  write('api.yaml', GOOD);
  const set = await directory.load();
  assert.deepEqual(
    set.problems.map(({ code, unit }) => [code, unit]),
    [['file-unreadable', 'web']],
  );
  assert.equal(set.isBlind, false);
  assert.deepEqual([...set.specs.keys()], ['api']);
});

test('load: a directory that is not there is blind, one that is empty is not', async (t) => {
  const { directory, path } = scratch(t);
  const empty = await directory.load();
  assert.deepEqual([empty.isBlind, hasErrors(empty.problems)], [false, false]);
  rmSync(path, { recursive: true });
  const gone = await directory.load();
  assert.deepEqual([gone.isBlind, hasErrors(gone.problems)], [true, true]);
});

test(
  'load: as root, a directory that others may write is blind unless permissions are passed over',
  { skip: process.geteuid?.() !== 0 && 'only root checks owners and modes' },
  async (t) => {
    const { path, write } = scratch(t);
    write('a.yaml', GOOD);
    chmodSync(path, 0o777);
    const strict = await new UnitDirectory(path, false).load();
    assert.deepEqual([strict.isBlind, strict.problems[0]?.code], [true, 'file-mode']);
    const insecure = await new UnitDirectory(path, true).load();
    assert.deepEqual([...insecure.specs.keys()], ['a']);
  },
);

test('load: what has not changed is the same value, what has is another', async (t) => {
  const { write, directory } = scratch(t);
  write('a.yaml', GOOD);
  write('b.yaml', GOOD);
  const first = await directory.load();
  write('b.yaml', 'command: /bin/other\n');
  const second = await directory.load();
  assert.equal(second.specs.get('a'), first.specs.get('a'));
  assert.notEqual(second.specs.get('b'), first.specs.get('b'));
  assert.equal(second.fingerprints.get('a'), first.fingerprints.get('a'));
  assert.notEqual(second.fingerprints.get('b'), first.fingerprints.get('b'));
});

test('usable: a broken unit takes its earlier form, and the problems stay those of its file', async (t) => {
  const { write, directory } = scratch(t);
  write('web.yaml', BROKEN);
  write('api.yaml', 'command: /bin/api\n');
  const set = await directory.load();
  const usable = directory.usable(set, sourcesOf({ web: GOOD }));
  assert.deepEqual(summary(usable), ['api /bin/api', 'web /bin/good']);
  assert.deepEqual(usable.problems, set.problems);
  assert.deepEqual(usable.files.map(({ name }) => name).sort(), ['api', 'web']);
});

test('usable: what depends on a unit without any valid form goes with it, however far down', async (t) => {
  const { write, directory } = scratch(t);
  write('db.yaml', BROKEN);
  write('api.yaml', 'command: /bin/api\nrequires: [db]\n');
  write('web.yaml', 'command: /bin/web\nrequires: [api]\n');
  write('alone.yaml', 'command: /bin/alone\n');
  const usable = directory.usable(await directory.load(), new Map());
  assert.deepEqual(summary(usable), ['alone /bin/alone']);
});

test('usable: a unit whose new form names one that is gone takes the form that does not', async (t) => {
  const { write, directory } = scratch(t);
  write('web.yaml', 'command: /bin/web\nrequires: [gone]\n');
  const usable = directory.usable(await directory.load(), sourcesOf({ web: GOOD, gone: GOOD }));
  assert.deepEqual(summary(usable), ['web /bin/good']);
});

test('usable: a cycle is cut at one unit, the rest of it runs', async (t) => {
  const { write, directory } = scratch(t);
  write('a.yaml', 'command: /bin/a\nafter: [b]\n');
  write('b.yaml', 'command: /bin/b\nafter: [c]\n');
  write('c.yaml', 'command: /bin/c\nafter: [a]\n');
  const set = await directory.load();
  assert.equal(set.problems[0]?.code, 'dependency-cycle');
  const usable = directory.usable(set, sourcesOf({ a: GOOD, b: GOOD, c: GOOD }));
  assert.equal(usable.specs.size, 3);
  assert.equal(
    [...usable.specs.values()].filter(({ command }) => command?.argv[0] === '/bin/good').length,
    1,
  );
});

test('usable: of a blind directory it is the whole fallback', async (t) => {
  const { directory, path } = scratch(t);
  rmSync(path, { recursive: true });
  const usable = directory.usable(await directory.load(), sourcesOf({ web: GOOD, api: GOOD }));
  assert.deepEqual(summary(usable), ['api /bin/good', 'web /bin/good']);
  assert.equal(usable.isBlind, true);
});

test('usable: a fallback that is broken itself is left out rather than tried for ever', async (t) => {
  const { write, directory } = scratch(t);
  write('web.yaml', BROKEN);
  write('api.yaml', 'command: /bin/api\n');
  const usable = directory.usable(await directory.load(), sourcesOf({ web: 'nonsense: 2\n' }));
  assert.deepEqual(summary(usable), ['api /bin/api']);
});

const UP = 'command: /bin/up\n';
const others: readonly (readonly [
  title: string,
  ran: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
  usable: readonly string[],
])[] = [
  [
    'what it requires is gone: that stays too',
    { a: `${UP}requires: [b]\n`, b: UP, c: UP },
    { a: `${UP}requires: [b]\n`, c: GOOD },
    ['a /bin/up', 'b /bin/up', 'c /bin/good'],
  ],
  [
    'what it required is gone and what it requires now was never there: both as they were',
    { a: `${UP}requires: [b]\n`, b: UP },
    { a: `${GOOD}requires: [nobody]\n` },
    ['a /bin/up', 'b /bin/up'],
  ],
  [
    'another unit orders itself into a circle with it: that one is as it was',
    { a: `${UP}after: [b]\n`, b: UP },
    { a: `${UP}after: [b]\n`, b: `${GOOD}after: [a]\n` },
    ['a /bin/up', 'b /bin/up'],
  ],
  [
    'a unit beyond its neighbours closed a circle: that one is as it was',
    { a: `${UP}after: [b]\n`, b: `${UP}after: [c]\n`, c: UP, d: `${UP}after: [a]\n` },
    {
      a: `${UP}after: [b]\n`,
      b: `${UP}after: [c]\n`,
      c: `${GOOD}after: [d]\n`,
      d: `${UP}after: [a]\n`,
    },
    ['a /bin/up', 'b /bin/up', 'c /bin/up', 'd /bin/up'],
  ],
  [
    'a new unit orders itself into a circle with it: that one is left out',
    { a: UP, b: `${UP}after: [a]\n` },
    { a: UP, b: `${UP}after: [a]\n`, new: `${GOOD}after: [b]\nbefore: [a]\n` },
    ['a /bin/up', 'b /bin/up'],
  ],
  [
    'of its neighbours the one that is gone comes back before others are as they were',
    { a: `${UP}requires: [b]\nwants: [c]\n`, b: UP, c: UP },
    { a: `${UP}requires: [b]\nwants: [c]\n`, c: GOOD },
    ['a /bin/up', 'b /bin/up', 'c /bin/good'],
  ],
  [
    'one that it conflicts with is enabled: that one is as it was',
    { a: `${UP}conflicts: [b]\n`, b: `${UP}enabled: false\n` },
    { a: `${UP}conflicts: [b]\n`, b: GOOD },
    ['a /bin/up', 'b /bin/up'],
  ],
];
for (const [title, ran, now, expected] of others) {
  test(`usable: a unit that has an error since ${title}`, async (t) => {
    const { write, directory } = scratch(t);
    for (const [name, yaml] of Object.entries(now)) write(`${name}.yaml`, yaml);
    const set = await directory.load();
    assert.equal(hasErrors(set.problems), true);
    const usable = directory.usable(set, sourcesOf(ran));
    assert.deepEqual(summary(usable), expected);
    assert.deepEqual(usable.problems.slice(0, set.problems.length), set.problems);
  });
}

test('usable: a unit that is not as its file has it, though nothing is wrong in that, is told with the reason', async (t) => {
  const { write, directory, path } = scratch(t);
  write('broken.yaml', BROKEN);
  write('new.yaml', `${UP}requires: [broken]\n`);
  write('old.yaml', `${GOOD}wants: [broken]\n`);
  write('one.yaml', `${UP}requires: [gone]\n`);
  write('rival.yaml', GOOD);
  write('two.yaml', `${UP}conflicts: [rival]\n`);
  const ran = {
    old: UP,
    one: `${UP}requires: [gone]\n`,
    gone: UP,
    rival: `${UP}enabled: false\n`,
    two: `${UP}conflicts: [rival]\n`,
  };
  const set = await directory.load();
  const usable = directory.usable(set, sourcesOf(ran));
  assert.deepEqual(summary(usable), [
    'gone /bin/up',
    'old /bin/up',
    'one /bin/up',
    'rival /bin/up',
    'two /bin/up',
  ]);
  const told = usable.problems.slice(set.problems.length);
  assert.deepEqual(
    told.map((problem) => problemLine(problem).replaceAll(`${path}/`, '')),
    [
      'new.yaml:2:12: warning: cannot load unit "new": requires[0] is broken, which no file defines, expected a unit of the set (among the files that are valid); it is left out',
      'old.yaml:2:9: warning: cannot load unit "old": wants[0] is broken, which no file defines, expected a unit of the set (among the files that are valid); it stays as it was',
      'rival.yaml: warning: cannot load unit "rival": with it another is not valid, expected files that fit together; it stays as it was',
      'warning: cannot remove unit "gone": another is not valid without it, expected no file to name it; it stays as it was',
    ],
  );
  assert.equal(
    told.every(({ code }) => code === 'left-out'),
    true,
  );
});

test('usable: leaves the next load unharmed', async (t) => {
  const { write, directory } = scratch(t);
  write('web.yaml', BROKEN);
  write('api.yaml', 'command: /bin/api\n');
  const set = await directory.load();
  directory.usable(set, sourcesOf({ web: GOOD }));
  const again = await directory.load();
  assert.deepEqual(again.problems, set.problems);
  assert.deepEqual(summary(again), summary(set));
});

test('load: gives the same set as long as every byte is the same, whatever the times of the files say', async (t) => {
  const { write, directory, path } = scratch(t);
  write('a.yaml', GOOD);
  write('b.yaml', GOOD);
  const first = await directory.load();
  write('a.yaml', GOOD);
  assert.equal(await directory.load(), first);
  const { mtime, atime } = statSync(join(path, 'a.yaml'));
  write('a.yaml', GOOD.replace('good', 'gold'));
  utimesSync(join(path, 'a.yaml'), atime, mtime);
  const second = await directory.load();
  assert.deepEqual(summary(second), ['a /bin/gold', 'b /bin/good']);
  assert.equal(second.files[1], first.files[1]);
  rmSync(join(path, 'b.yaml'));
  assert.deepEqual(summary(await directory.load()), ['a /bin/gold']);
});

test('usable: a unit that lacks a controller alone stays, unless its earlier form does without', async (t) => {
  const { path, write } = scratch(t);
  const directory = new UnitDirectory(path, true, () => 'units are held by session');
  write('new.yaml', `${GOOD}resources: { tasksMax: 5 }\n`);
  write('old.yaml', `${GOOD}resources: { tasksMax: 5 }\n`);
  write('worse.yaml', `${BROKEN}resources: { tasksMax: 5 }\n`);
  const set = await directory.load();
  assert.ok(hasErrors(set.problems));
  const usable = directory.usable(set, sourcesOf({ old: GOOD }));
  assert.deepEqual([...usable.specs.keys()].sort(), ['new', 'old']);
  assert.deepEqual(
    [usable.specs.get('new')?.resources.tasksMax, usable.specs.get('old')?.resources.tasksMax],
    [5, null],
  );
  assert.equal(usable.problems, set.problems);
  // A form that asks for the same is no better than the file.
  const again = directory.usable(set, sourcesOf({ new: `${GOOD}resources: { tasksMax: 6 }\n` }));
  assert.equal(again.specs.get('new')?.resources.tasksMax, 6);
});

test('load: a set that lacks a controller is looked at anew, whatever the files say', async (t) => {
  const { path, write } = scratch(t);
  let lack: string | null = 'units are held by session';
  const directory = new UnitDirectory(path, true, () => lack);
  write('a.yaml', `${GOOD}resources: { tasksMax: 5 }\n`);
  assert.ok(hasErrors((await directory.load()).problems));
  lack = null;
  assert.deepEqual((await directory.load()).problems, []);
});
