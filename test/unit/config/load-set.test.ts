import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSet, type ParseCache } from '../../../src/config/load-set.ts';
import { problemLine } from '../../../src/model/problem.ts';

function filesOf(units: Readonly<Record<string, string>>) {
  return Object.entries(units).map(([file, text]) => ({
    name: file.replace(/\.ya?ml$/, ''),
    file: `units.d/${file}`,
    bytes: new TextEncoder().encode(text),
  }));
}

function linesOf(units: Readonly<Record<string, string>>): readonly string[] {
  return loadSet(filesOf(units)).problems.map(problemLine);
}

test('loadSet() gives the units by name, with the fingerprint of each file', () => {
  const { specs, problems, fingerprints } = loadSet(
    filesOf({ 'web.yaml': 'command: a\nrequires: [db]\n', 'db.yml': 'command: b\n' }),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual([...specs.keys()], ['web', 'db']);
  assert.deepEqual(specs.get('web')?.requires, ['db']);
  assert.match(fingerprints.get('db') ?? '', /^[0-9a-f]{64}$/);
  assert.notEqual(fingerprints.get('db'), fingerprints.get('web'));
});

test('loadSet() reports the problems of all files and of the set, by file and place', () => {
  assert.deepEqual(
    linesOf({
      'b.yaml': 'command: x\nnice: 99\numask: 7\n',
      'a.yaml': 'command: x\nafter: [c,\n  bb]\nrequires: [b]\n',
    }),
    [
      'units.d/a.yaml:2:9: cannot load unit "a": after[0] is c, which no file defines, did you mean b?',
      'units.d/a.yaml:3:3: cannot load unit "a": after[1] is bb, which no file defines, did you mean b?',
      'units.d/b.yaml:2:7: cannot load unit "b": nice is 99, expected a whole number from -20 to 19',
      'units.d/b.yaml:3:8: cannot load unit "b": umask is 7, expected octal digits in quotes, such as "0027"',
    ],
  );
});

test('loadSet() takes the name of a file for that of its unit, and never suggests a unit to itself', () => {
  assert.deepEqual(
    linesOf({
      'db.yaml': 'command: x\n',
      'web1.yaml': 'command: x\nrequires: [db.yaml, db.service, web2]\n',
    }),
    [
      'units.d/web1.yaml:2:12: cannot load unit "web1": requires[0] is db.yaml, which no file defines, did you mean db?',
      'units.d/web1.yaml:2:21: cannot load unit "web1": requires[1] is db.service, which no file defines, did you mean db?',
      'units.d/web1.yaml:2:33: cannot load unit "web1": requires[2] is web2, which no file defines, expected a unit of the set',
    ],
  );
});

test('loadSet() refuses unknown names in every dependency field', () => {
  const fields = [
    'requires',
    'wants',
    'requisite',
    'bindsTo',
    'partOf',
    'upholds',
    'conflicts',
    'after',
    'before',
    'onFailure',
    'onSuccess',
  ];
  const text = `command: x\n${fields.map((field) => `${field}: [nobody]`).join('\n')}\n`;
  assert.deepEqual(
    loadSet(filesOf({ 'web.yaml': text.replace('conflicts: [nobody]', 'conflicts: [noone]') })).problems.map(
      ({ line, field, code }) => [line, field, code],
    ),
    fields.map((field, index) => [index + 2, `${field}[0]`, 'unknown-unit']),
  );
});

test('loadSet() does not call the name of a broken unit unknown', () => {
  assert.deepEqual(linesOf({ 'web.yaml': 'command: x\nrequires: [db]\n', 'db.yaml': 'nice: 1\n' }), [
    'units.d/db.yaml:1:1: cannot load unit "db": command is missing, expected the command to run, or type: target',
  ]);
});

test('loadSet() shows an ordering cycle with its path, at the field that orders', () => {
  assert.deepEqual(
    linesOf({
      'a.yaml': 'command: x\nafter: [b]\n',
      'b.yaml': 'command: x\n',
      'c.yaml': 'command: x\nbefore: [b]\nrequires: [a]\n',
    }),
    [
      'units.d/a.yaml:2:9: cannot load unit "a": it is in an ordering cycle: a after b after c after a, expected an order (requires, wants, requisite and bindsTo imply after)',
    ],
  );
});

test('loadSet() refuses two units in conflict that are both wanted, once, and says why each is', () => {
  assert.deepEqual(
    linesOf({
      'blue.yaml': 'command: x\nconflicts: [green]\n',
      'green.yaml': 'command: x\nenabled: false\nconflicts: [blue]\n',
      'shop.yaml': 'type: target\nwants: [mid]\n',
      'mid.yaml': 'type: target\nenabled: false\nupholds: [green]\n',
    }),
    [
      'units.d/blue.yaml:2:13: cannot load unit "blue": it conflicts with green, and the files want both up (blue is enabled; mid pulls in green), expected at most one enabled',
    ],
  );
});

test('loadSet() refuses a conflict with what a unit needs, and between what it needs, however far up', () => {
  const off = 'command: x\nenabled: false\n';
  const units = { 'blue.yaml': 'command: x\n', 'api.yaml': `${off}requires: [blue]\n` };
  assert.deepEqual(linesOf({ ...units, 'green.yaml': `${off}bindsTo: [api]\nconflicts: [blue]\n` }), [
    'units.d/green.yaml:4:13: cannot load unit "green": it conflicts with blue, and green cannot be up without both (green needs api needs blue), expected at most one needed',
  ]);
  assert.deepEqual(
    linesOf({ 'blue.yaml': `${off}conflicts: [green]\n`, 'green.yaml': `${off}requires: [blue]\n` }),
    [
      'units.d/blue.yaml:3:13: cannot load unit "blue": it conflicts with green, and green cannot be up without both (green needs blue), expected at most one needed',
    ],
  );
  assert.deepEqual(
    linesOf({
      ...units,
      'green.yaml': `${off}conflicts: [blue]\n`,
      'all.yaml': 'type: target\nenabled: false\nrequires: [green]\nrequisite: [api]\n',
    }),
    [
      'units.d/green.yaml:3:13: cannot load unit "green": it conflicts with blue, and all cannot be up without both (all needs green; all needs api needs blue), expected at most one needed',
    ],
  );
  assert.deepEqual(
    linesOf({ ...units, 'green.yaml': `${off}wants: [api]\nafter: [blue]\nconflicts: [blue]\n` }),
    [],
  );
});

test('loadSet() accepts units in conflict of which the files want one up', () => {
  const units = {
    'blue.yaml': 'command: x\nconflicts: [green]\n',
    'green.yaml': 'command: x\nenabled: false\n',
  };
  assert.deepEqual(linesOf(units), []);
  assert.deepEqual(
    linesOf({ ...units, 'late.yaml': 'type: target\nafter: [green]\nrequisite: [blue]\n' }),
    [],
  );
});

test('loadSet() refuses NAME.yaml beside NAME.yml', () => {
  assert.deepEqual(linesOf({ 'web.yaml': 'command: x\n', 'web.yml': 'command: y\n' }), [
    'units.d/web.yml: cannot load unit "web": units.d/web.yaml defines it too, expected one file a unit',
  ]);
});

test('loadSet() parses again only what has changed, and forgets what is gone', () => {
  const cache: ParseCache = new Map();
  const before = loadSet(
    filesOf({ 'a.yaml': 'command: x\n', 'b.yaml': 'command: x\n', 'c.yaml': 'command: x\n' }),
    cache,
  );
  const after = loadSet(filesOf({ 'a.yaml': 'command: x\n', 'b.yaml': 'command: y\n' }), cache);
  assert.equal(after.specs.get('a'), before.specs.get('a'));
  assert.deepEqual(after.specs.get('b')?.command?.argv, ['y']);
  assert.deepEqual([...cache.keys()], ['units.d/a.yaml', 'units.d/b.yaml']);
});

test('loadSet() reports the problems of an unchanged file again', () => {
  const cache: ParseCache = new Map();
  const files = filesOf({ 'a.yaml': 'nice: 1\n' });
  assert.deepEqual(loadSet(files, cache).problems, loadSet(files, cache).problems);
  assert.equal(loadSet(files, cache).problems.length, 1);
});

test(
  'loadSet() answers for thousands of misspelt names among thousands of units',
  { timeout: 20_000 },
  () => {
    const units = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, i) => [`unit-${i}.yaml`, `command: x\nafter: [unti-${i}]\n`]),
    );
    assert.equal(loadSet(filesOf(units)).problems.length, 5_000);
  },
);

test('loadSet() reports what units ask of controllers that are lacking, where they ask for it', () => {
  const files = filesOf({
    'web.yaml': 'command: a\nresources: { memoryMax: 1GB,\n  tasksMax: 5, memoryHigh: 1GB }\n',
    'free.yaml': 'command: a\n',
  });
  const lacks = (controller: string): string | null =>
    controller === 'memory' ? 'units are held by session' : null;
  const { problems, specs } = loadSet(files, new Map(), lacks);
  const rest =
    'cannot be in force, since units are held by session, expected the controller "memory" of cgroup v2';
  assert.deepEqual(problems.map(problemLine), [
    `units.d/web.yaml:2:25: cannot load unit "web": resources.memoryMax ${rest}`,
    `units.d/web.yaml:3:28: cannot load unit "web": resources.memoryHigh ${rest}`,
  ]);
  assert.deepEqual(
    problems.map(({ code, field }) => [code, field]),
    [
      ['no-controller', 'resources.memoryMax'],
      ['no-controller', 'resources.memoryHigh'],
    ],
  );
  assert.deepEqual([...specs.keys()], ['web', 'free']);
});
