// The largest usable set around errors, of files that stand here.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lacks } from '../../src/config/check-resources.ts';
import { loadSet } from '../../src/config/load-set.ts';
import type { UnitSource } from '../../src/config/parse.ts';
import type { UnitSet } from '../../src/daemon/unit-set.ts';
import { usableSet } from '../../src/daemon/usable-set.ts';
import { hasErrors, problemLine } from '../../src/model/problem.ts';

/** The text of each unit's file. */
type Texts = Readonly<Record<string, string>>;

const GOOD = 'command: /bin/good\n';
const API = 'command: /bin/api\n';
const BROKEN = 'command: /bin/new\nnonsense: 1\n';

function sourcesOf(texts: Texts): ReadonlyMap<string, UnitSource> {
  return new Map(
    Object.entries(texts).map(([name, text]) => [
      name,
      { name, file: `/units/${name}.yaml`, bytes: Buffer.from(text) },
    ]),
  );
}

function setOf(texts: Texts, lacks?: Lacks): UnitSet {
  const files = [...sourcesOf(texts).values()];
  return { ...loadSet(files, undefined, lacks), files, isBlind: false };
}

function usableOf(set: UnitSet, fallback: Texts, lacks?: Lacks): UnitSet {
  return usableSet(set, sourcesOf(fallback), (sources) => loadSet(sources, undefined, lacks));
}

function summary(set: UnitSet): unknown {
  return [...set.specs.values()].map(({ name, command }) => `${name} ${command?.argv.join(' ')}`).sort();
}

test('usable: a broken unit takes its earlier form, and the problems stay those of its file', () => {
  const set = setOf({ api: API, web: BROKEN });
  const usable = usableOf(set, { web: GOOD });
  assert.deepEqual(summary(usable), ['api /bin/api', 'web /bin/good']);
  assert.deepEqual(usable.problems, set.problems);
  assert.deepEqual(usable.files.map(({ name }) => name).sort(), ['api', 'web']);
});

test('usable: what depends on a unit without any valid form goes with it, however far down', () => {
  const set = setOf({
    alone: 'command: /bin/alone\n',
    api: `${API}requires: [db]\n`,
    db: BROKEN,
    web: 'command: /bin/web\nrequires: [api]\n',
  });
  const usable = usableOf(set, {});
  assert.deepEqual(summary(usable), ['alone /bin/alone']);
});

test('usable: a unit whose new form names one that is gone takes the form that does not', () => {
  const set = setOf({ web: 'command: /bin/web\nrequires: [gone]\n' });
  const usable = usableOf(set, { web: GOOD, gone: GOOD });
  assert.deepEqual(summary(usable), ['web /bin/good']);
});

test('usable: a cycle is cut at one unit, the rest of it runs', () => {
  const set = setOf({
    a: 'command: /bin/a\nafter: [b]\n',
    b: 'command: /bin/b\nafter: [c]\n',
    c: 'command: /bin/c\nafter: [a]\n',
  });
  assert.equal(set.problems[0]?.code, 'dependency-cycle');
  const usable = usableOf(set, { a: GOOD, b: GOOD, c: GOOD });
  assert.equal(usable.specs.size, 3);
  assert.equal(
    [...usable.specs.values()].filter(({ command }) => command?.argv[0] === '/bin/good').length,
    1,
  );
});

test('usable: of a blind directory it is the whole fallback', () => {
  const usable = usableOf({ ...setOf({}), isBlind: true }, { web: GOOD, api: GOOD });
  assert.deepEqual(summary(usable), ['api /bin/good', 'web /bin/good']);
  assert.equal(usable.isBlind, true);
});

test('usable: a fallback that is broken itself is left out rather than tried for ever', () => {
  const usable = usableOf(setOf({ api: API, web: BROKEN }), { web: 'nonsense: 2\n' });
  assert.deepEqual(summary(usable), ['api /bin/api']);
});

const UP = 'command: /bin/up\n';
const others: readonly (readonly [title: string, ran: Texts, now: Texts, usable: readonly string[]])[] = [
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
  test(`usable: a unit that has an error since ${title}`, () => {
    const set = setOf(now);
    assert.equal(hasErrors(set.problems), true);
    const usable = usableOf(set, ran);
    assert.deepEqual(summary(usable), expected);
    assert.deepEqual(usable.problems.slice(0, set.problems.length), set.problems);
  });
}

test('usable: a unit that is not as its file has it, though nothing is wrong in that, is told with the reason', () => {
  const now = {
    broken: BROKEN,
    new: `${UP}requires: [broken]\n`,
    old: `${GOOD}wants: [broken]\n`,
    one: `${UP}requires: [gone]\n`,
    rival: GOOD,
    two: `${UP}conflicts: [rival]\n`,
  };
  const ran = {
    old: UP,
    one: `${UP}requires: [gone]\n`,
    gone: UP,
    rival: `${UP}enabled: false\n`,
    two: `${UP}conflicts: [rival]\n`,
  };
  const set = setOf(now);
  const usable = usableOf(set, ran);
  assert.deepEqual(summary(usable), [
    'gone /bin/up',
    'old /bin/up',
    'one /bin/up',
    'rival /bin/up',
    'two /bin/up',
  ]);
  const told = usable.problems.slice(set.problems.length);
  assert.deepEqual(
    told.map((problem) => problemLine(problem).replaceAll('/units/', '')),
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

test('usable: a unit that lacks a controller alone stays, unless its earlier form does without', () => {
  const lacks: Lacks = () => 'units are held by session';
  const limited = `${GOOD}resources: { tasksMax: 5 }\n`;
  const set = setOf({ new: limited, old: limited, worse: `${BROKEN}resources: { tasksMax: 5 }\n` }, lacks);
  assert.ok(hasErrors(set.problems));
  const usable = usableOf(set, { old: GOOD }, lacks);
  assert.deepEqual([...usable.specs.keys()].sort(), ['new', 'old']);
  assert.deepEqual(
    [usable.specs.get('new')?.resources.tasksMax, usable.specs.get('old')?.resources.tasksMax],
    [5, null],
  );
  assert.equal(usable.problems, set.problems);
  // A form that asks for the same is no better than the file.
  const again = usableOf(set, { new: `${GOOD}resources: { tasksMax: 6 }\n` }, lacks);
  assert.equal(again.specs.get('new')?.resources.tasksMax, 6);
});
