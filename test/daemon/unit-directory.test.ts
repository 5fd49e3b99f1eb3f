// UnitDirectory: what is read, and what is left unparsed.
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
import { hasErrors } from '../../src/model/problem.ts';
import { UnitDirectory } from '../../src/daemon/unit-directory.ts';
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

test('load: a set that lacks a controller is looked at anew, whatever the files say', async (t) => {
  const { path, write } = scratch(t);
  let lack: string | null = 'units are held by session';
  const directory = new UnitDirectory(path, true, () => lack);
  write('a.yaml', `${GOOD}resources: { tasksMax: 5 }\n`);
  assert.ok(hasErrors((await directory.load()).problems));
  lack = null;
  assert.deepEqual((await directory.load()).problems, []);
});
